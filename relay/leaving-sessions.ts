import type { Attempt } from './attempt.ts';

interface Leaving {
  readonly attempt: Attempt;
  readonly stream: string;
  readonly until: number;
  readonly isTrusted: boolean;
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

  /** It hears `stream` as far as `until`. @param isTrusted what it has no words for is taken for noise */
  add(attempt: Attempt, stream: string, until: number, isTrusted: boolean): void {
    this.#each.push({ attempt, stream, until, isTrusted });
  }

  /** It is over. @returns whether what it had no words for is taken for noise */
  remove(attempt: Attempt): boolean {
    const isTrusted = this.#each.some((each) => each.attempt === attempt && each.isTrusted);
    this.#each = this.#each.filter((each) => each.attempt !== attempt);
    return isTrusted;
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
