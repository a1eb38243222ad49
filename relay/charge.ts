/** A connection that brings a room's audio: a device, a client of the predecessor's protocol. */
export interface Publisher {
  /** Names the device, so that its own reconnection is never a takeover. */
  readonly device: string;
  readonly connectedAtMs: number;
  /** When audio last came, at first when it connected; monotonic. */
  readonly heardAtMs: number;
  /** Another source took the room over: say so and close. */
  replaced(by: string): void;
}

/** How a source comes to a room. */
export interface Claim {
  /** It may push another one out; else it only asks. */
  readonly takeover: boolean;
  /** It has audio to send. Without any it pushes nobody out: a kit whose mixer is not plugged in yet. */
  readonly hasAudio: boolean;
}

/** A room whose source has left, or sends nothing, for this long is free for one that only asks. */
const freeAfterMs = 10_000;

/** Which source is in charge of a room: one at a time, the newest `hello`, without ping-pong. */
export class Charge {
  readonly #now: () => number;
  #holder: Publisher | null = null;
  #pinned: string | null = null;
  #last: { device: string; leftAtMs: number } | null = null;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get holder(): Publisher | null {
    return this.#holder;
  }

  /**
   * From now on this device goes before all others; null: none does. Whoever is in charge stays so until the pinned one is
   * there: captions of another kit are better than none.
   */
  pin(device: string | null): void {
    this.#pinned = device;
  }

  /** Puts `publisher` in charge, or refuses it: another source has the room, or had it just now. */
  take(publisher: Publisher, claim: Claim): boolean {
    const holder = this.#holder;
    if (!this.#mayTake(publisher, claim)) return false;
    this.#holder = publisher;
    if (holder && holder !== publisher) holder.replaced(publisher.device);
    return true;
  }

  release(publisher: Publisher): void {
    if (this.#holder !== publisher) return;
    this.#holder = null;
    this.#last = { device: publisher.device, leftAtMs: this.#now() };
  }

  #mayTake({ device }: Publisher, { takeover, hasAudio }: Claim): boolean {
    const holder = this.#holder;
    const before = holder?.device ?? this.#last?.device ?? device;
    if (before === device || (this.#pinned === device && hasAudio)) return true;
    const quietSinceMs = holder?.heardAtMs ?? this.#last?.leftAtMs ?? 0;
    const isFree = this.#now() - quietSinceMs >= freeAfterMs;
    if (holder && !hasAudio) return false;
    if (this.#pinned !== null) return isFree && (this.#pinned !== before || !holder);
    return takeover || isFree;
  }
}
