import type { Attempt } from './attempt.ts';

interface Leaving {
  readonly attempt: Attempt;
  readonly stream: string;
  readonly until: number;
}

/** Sessions of a room that ended at a boundary; each hears a little of what lies beyond it before it is finished. */
export class LeavingSessions {
  readonly #finishTimeoutMs: number;
  #each: Leaving[] = [];

  constructor(finishTimeoutMs: number) {
    this.#finishTimeoutMs = finishTimeoutMs;
  }

  get isEmpty(): boolean {
    return this.#each.length === 0;
  }

  get attempts(): Attempt[] {
    return this.#each.map(({ attempt }) => attempt);
  }

  /** It hears `stream` as far as `until`. */
  add(attempt: Attempt, stream: string, until: number): void {
    this.#each.push({ attempt, stream, until });
  }

  /** It is over. */
  remove(attempt: Attempt): void {
    this.#each = this.#each.filter((each) => each.attempt !== attempt);
  }

  /** Gives audio to those that still hear; whoever has heard enough is finished. */
  write(stream: string, position: number, audio: Uint8Array): void {
    for (const each of this.#each)
      if (each.stream === stream && position < each.until) each.attempt.write(stream, position, audio);
    this.#finish((each) => each.stream !== stream || position + audio.length / 2 >= each.until);
  }

  /** No more audio comes for them. */
  dismiss(): void {
    this.#finish(() => true);
  }

  #finish(hasHeardEnough: (each: Leaving) => boolean): void {
    for (const each of this.#each) if (hasHeardEnough(each)) each.attempt.finish(this.#finishTimeoutMs);
    this.#each = this.#each.filter(({ attempt }) => !attempt.over);
  }
}
