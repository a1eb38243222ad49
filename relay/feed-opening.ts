import type { Attempt } from './attempt.ts';
import type { FeedLimits } from './feed-options.ts';
import { contextBefore, ownedFrom } from './feed-places.ts';
import { frameSamples, sampleRate } from './protocol.js';
import type { Assignment } from './rooms.ts';
import type { Sessions } from './sessions.ts';
import type { SpoolStream } from './spool-stream.ts';

/** Where a session begins. */
export interface Start {
  readonly stream: SpoolStream;
  readonly position: number;
  /** False once the feed goes on elsewhere, or has stopped: no session is opened then. */
  isStill(): boolean;
}

const samples = (ms: number) => Math.round((ms * sampleRate) / 1000);
const forever = Number.MAX_SAFE_INTEGER;

/** Opens a feed's sessions: each hears a little of what came before, so that its first word is whole. */
export class FeedOpening {
  readonly #sessions: Sessions;
  readonly #limits: FeedLimits;

  constructor(sessions: Sessions, limits: FeedLimits) {
    this.#sessions = sessions;
    this.#limits = limits;
  }

  /** @param isAfterOthers another session, or a pause, ends there */
  async open(start: Start, assignment: Assignment, isAfterOthers: boolean): Promise<Attempt | null> {
    const context = isAfterOthers ? await this.#context(start) : new Uint8Array(0);
    return start.isStill() ? this.#begin(this.#sessions.open(assignment), start, context) : null;
  }

  /**
   * Opens a session beside the present one. If that is doubted: when this one has words and the other has none, it goes on
   * alone. If that becomes too old: this one will take its place.
   */
  async openBeside(start: Start): Promise<void> {
    const context = await this.#context(start);
    if (!start.isStill()) return;
    if (this.#sessions.isDoubtful) this.#begin(this.#sessions.openSecond(), start, context);
    else if (this.#sessions.isDue) this.#begin(this.#sessions.openStandby(), start, context)?.own(start.stream.id, []);
  }

  #context({ stream, position }: Start): Promise<Uint8Array> {
    return contextBefore(stream, position, samples(this.#limits.overlapMs));
  }

  #begin(attempt: Attempt | null, { stream, position }: Start, context: Uint8Array): Attempt | null {
    const before = position - context.length / 2;
    attempt?.own(stream.id, [[ownedFrom(stream, position, samples(this.#limits.cutMs)), forever]]);
    for (let at = 0; at < context.length; at += frameSamples * 2)
      attempt?.write(stream.id, before + at / 2, context.subarray(at, at + frameSamples * 2));
    return attempt;
  }
}
