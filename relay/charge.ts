/** A connection that brings a room's audio: a device, a client of the predecessor's protocol. */
export interface Publisher {
  /** Names the device, so that its own reconnection is never a takeover. */
  readonly device: string;
  readonly connectedAtMs: number;
  /** Another source took the room over: say so and close. */
  replaced(by: string): void;
}

/** A room without another publisher for this long is free for a source that only asks. */
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

  /** From now on only this device may be in charge; null: any may. */
  pin(device: string | null): void {
    this.#pinned = device;
    const holder = this.#holder;
    if (device === null || !holder || holder.device === device) return;
    this.#holder = null;
    holder.replaced(device);
  }

  /** Puts `publisher` in charge; one that only asks (`takeover` false) is refused while another has the room or had it just now. */
  take(publisher: Publisher, takeover: boolean): boolean {
    if (this.#pinned !== null && publisher.device !== this.#pinned) return false;
    const holder = this.#holder;
    const isOther = (device: string) => device !== publisher.device;
    if (!takeover && holder && isOther(holder.device)) return false;
    if (
      !takeover &&
      !holder &&
      this.#last &&
      isOther(this.#last.device) &&
      this.#now() - this.#last.leftAtMs < freeAfterMs
    )
      return false;
    this.#holder = publisher;
    if (holder && holder !== publisher) holder.replaced(publisher.device);
    return true;
  }

  release(publisher: Publisher): void {
    if (this.#holder !== publisher) return;
    this.#holder = null;
    this.#last = { device: publisher.device, leftAtMs: this.#now() };
  }
}
