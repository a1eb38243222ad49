/** How many may read transcripts at the same time. */
export interface TurnLimits {
  /** In all rooms together; in one room half of them, so that it cannot keep the others out. */
  readonly maxTranscripts: number;
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
}

export const defaultTurnLimits: TurnLimits = { maxTranscripts: 100, maxWaiting: 500, maxWaitMs: 5000 };

/** Ends a turn; may be called twice. `isCut`: the reader was too slow. */
export type Release = (isCut?: boolean) => void;

interface Waiting {
  readonly room: string;
  readonly begin: (release: Release | null) => void;
}

/**
 * A place for each transcript that is being sent; who comes when all are taken waits a moment, first come first served.
 * They are made a step at a time, one in each turn of the event loop, however many are being sent.
 */
export class TranscriptTurns {
  readonly #limits: TurnLimits;
  readonly #byRoom = new Map<string, number>();
  #taken = 0;
  #waiting: Waiting[] = [];
  readonly #steps: (() => void)[] = [];
  /** How often nobody left in time. */
  refused = 0;
  /** Readers that were cut off because they were too slow. */
  cutOff = 0;

  constructor(limits: Partial<TurnLimits> = {}) {
    this.#limits = { ...defaultTurnLimits, ...limits };
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves in a turn of the event loop in which no other transcript takes a step. */
  step(): Promise<void> {
    return new Promise((resolve) => {
      this.#steps.push(resolve);
      if (this.#steps.length === 1) setImmediate(() => this.#nextStep());
    });
  }

  #nextStep(): void {
    this.#steps.shift()?.();
    if (this.#steps.length > 0) setImmediate(() => this.#nextStep());
  }

  /** Resolves with what ends the turn; with null where there was no place in time. */
  take(room: string): Promise<Release | null> {
    if (this.#isFree(room)) return Promise.resolve(this.#begin(room));
    if (this.#waiting.length >= this.#limits.maxWaiting) {
      this.refused++;
      return Promise.resolve(null);
    }
    return new Promise((resolve) => {
      const waiting: Waiting = {
        room,
        begin: (release) => {
          clearTimeout(timer);
          this.#waiting = this.#waiting.filter((each) => each !== waiting);
          resolve(release);
        },
      };
      const timer = setTimeout(() => {
        this.refused++;
        waiting.begin(null);
      }, this.#limits.maxWaitMs).unref();
      this.#waiting.push(waiting);
    });
  }

  #isFree(room: string): boolean {
    const { maxTranscripts } = this.#limits;
    return this.#taken < maxTranscripts && (this.#byRoom.get(room) ?? 0) < Math.ceil(maxTranscripts / 2);
  }

  #begin(room: string): Release {
    this.#taken++;
    this.#byRoom.set(room, (this.#byRoom.get(room) ?? 0) + 1);
    let isOver = false;
    return (isCut = false) => {
      if (isOver) return;
      isOver = true;
      if (isCut) this.cutOff++;
      this.#taken--;
      const left = (this.#byRoom.get(room) ?? 1) - 1;
      if (left > 0) this.#byRoom.set(room, left);
      else this.#byRoom.delete(room);
      const next = this.#waiting.find((each) => this.#isFree(each.room));
      next?.begin(this.#begin(next.room));
    };
  }
}
