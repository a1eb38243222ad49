/** What a session is opened for: a room's own, the second one while a room changes over, or a stretch to fill in. */
export type SessionPurpose = 'live' | 'handover' | 'backfill';

/** A place in the quota, given back once. */
export interface Lease {
  release(): void;
}

/**
 * The account's quota of concurrent paid sessions, for the whole relay. Rooms leave a reserve free, so that changing over
 * and filling in find a place even when every other one is taken.
 */
export class EngineQuota {
  readonly #maxSessions: number;
  readonly #reserve: number;
  #open = 0;

  /** @param maxSessions the account's quota @param reserve places that rooms' own sessions leave free */
  constructor(maxSessions: number, reserve: number) {
    this.#maxSessions = maxSessions;
    this.#reserve = reserve;
  }

  get open(): number {
    return this.#open;
  }

  /** A place, or null while there is none for this purpose. */
  take(purpose: SessionPurpose): Lease | null {
    const places = purpose === 'live' ? this.#maxSessions - this.#reserve : this.#maxSessions;
    if (this.#open >= places) return null;
    this.#open++;
    let released = false;
    return {
      release: () => {
        if (!released) this.#open--;
        released = true;
      },
    };
  }
}
