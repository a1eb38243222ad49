/** A connection that brings a room's audio: a device, a client of the predecessor's protocol. */
export interface Publisher {
  /** Names the device, so that its own reconnection is never a takeover. */
  readonly device: string;
  /** A phone or laptop that takes the place of the room's kit until it is back. */
  readonly standIn: boolean;
  readonly connectedAtMs: number;
  /** When audio last came, at first when it connected; monotonic. */
  readonly heardAtMs: number;
  /** When audio last came that was more than silence; likewise. */
  readonly soundAtMs: number;
  /** Another source took the room over: say so and close. */
  replaced(by: string): void;
}

/** How a source comes to a room. */
export interface Claim {
  /** It may push another one out; else it only asks. */
  readonly takeover: boolean;
  /** It has audio to send. Without any it pushes nobody out: a kit whose mixer is not plugged in yet. */
  readonly hasAudio: boolean;
  /** What it hears is more than silence, or not known. */
  readonly hasSound: boolean;
}

/** A room whose source has left, or sends nothing, for this long is free for one that only asks. */
const freeAfterMs = 10_000;
/** A kit that sent nothing but silence for this long may be replaced by a stand-in that only asks: longer than speakers pause. */
const silentAfterMs = 30_000;

/** The source that a claim is measured against: in charge, or just gone. */
type Rival = Pick<Publisher, 'device' | 'standIn'>;

/**
 * Which source is in charge of a room: one at a time, the newest `hello`, without ping-pong. A kit that has sound goes before a
 * stand-in, unless a person let the stand-in take over from that very kit.
 */
export class Charge {
  readonly #now: () => number;
  #holder: Publisher | null = null;
  #pinned: string | null = null;
  #last: (Rival & { readonly leftAtMs: number }) | null = null;
  /** The kit that a person replaced although it had sound; it stays so until the stand-in leaves. */
  #overruled: string | null = null;

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
    const rival = holder ?? this.#last;
    if (!this.#mayTake(publisher, rival, claim)) return false;
    this.#overruled = publisher.standIn && rival ? this.#overruledBy(claim, rival) : null;
    this.#holder = publisher;
    if (holder && holder !== publisher) holder.replaced(publisher.device);
    return true;
  }

  /** @param forGood it said goodbye: the room is free at once */
  release(publisher: Publisher, forGood = false): void {
    if (this.#holder !== publisher) return;
    this.#holder = null;
    const { device, standIn } = publisher;
    this.#last = forGood ? null : { device, standIn, leftAtMs: this.#now() };
  }

  #overruledBy({ takeover }: Claim, rival: Rival): string | null {
    if (rival.standIn) return this.#overruled;
    return takeover && this.#holder && !this.#isSilent(this.#holder) ? rival.device : null;
  }

  #isSilent({ heardAtMs, soundAtMs }: Publisher): boolean {
    return this.#now() - heardAtMs >= freeAfterMs || this.#now() - soundAtMs >= silentAfterMs;
  }

  #mayTake({ device, standIn }: Publisher, rival: Rival | null, claim: Claim): boolean {
    const { takeover, hasAudio, hasSound } = claim;
    const holder = this.#holder;
    if (!rival || rival.device === device || (this.#pinned === device && hasAudio)) return true;
    const isFree = this.#now() - (holder?.heardAtMs ?? this.#last?.leftAtMs ?? 0) >= freeAfterMs;
    if (holder && !hasAudio) return false;
    if (this.#pinned !== null) return isFree && (this.#pinned !== rival.device || !holder);
    if (isFree || standIn === rival.standIn) return takeover || isFree;
    if (rival.standIn) return hasSound && device !== this.#overruled;
    return takeover || (holder !== null && this.#isSilent(holder));
  }
}
