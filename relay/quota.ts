import type { Costs } from './costs.ts';

/** What a session is opened for: a room's own, the second one while a room changes over, or a stretch to fill in. */
export type SessionPurpose = 'live' | 'handover' | 'backfill';

/** A place in the quota, given back once. */
export interface Lease {
  release(): void;
}

export interface QuotaLimits {
  /** Concurrent sessions that the account allows. */
  readonly maxSessions: number;
  /** Places that rooms' own sessions leave free. */
  readonly reserve: number;
  /** Sessions opened in a second, on average; the service refuses many at once, and that quota is not to be raised. */
  readonly maxOpenRate?: number;
}

/** Half of what the notes on the service recommend for a venue that starts all at once would be a long wait: five a second. */
const defaultOpenRate = 5;
/** Whoever waits asks again every few hundred ms; who has not for this long has given up. */
const patienceMs = 3000;
/** Who goes first, whoever came first among equals. */
const order: readonly SessionPurpose[] = ['handover', 'live', 'backfill'];

interface Waiting {
  readonly purpose: SessionPurpose;
  askedMs: number;
}

/**
 * The account's quota of concurrent paid sessions, and how fast they are opened, for the whole relay. Rooms leave a reserve
 * free, so that changing over and filling in find a place even when every other one is taken. Who finds none keeps asking;
 * places are given in the order in which they were first asked for, changing over before captions before filling in.
 */
export class EngineQuota {
  readonly #limits: Required<QuotaLimits>;
  readonly #costs: Costs | null;
  readonly #now: () => number;
  /** By purpose and room, in the order in which they came. */
  readonly #waiting = new Map<string, Waiting>();
  #open = 0;
  #openings: number;
  #openingsAtMs: number;

  /** @param now monotonic, ms */
  constructor(limits: QuotaLimits, costs: Costs | null = null, now: () => number = () => performance.now()) {
    this.#limits = { maxOpenRate: defaultOpenRate, ...limits };
    this.#costs = costs;
    this.#now = now;
    this.#openings = this.#limits.maxOpenRate;
    this.#openingsAtMs = now();
  }

  get maxSessions(): number {
    return this.#limits.maxSessions;
  }

  get open(): number {
    return this.#open;
  }

  /** Rooms that wait for a place for their captions. */
  get waitingRooms(): number {
    this.#forgetImpatient();
    return [...this.#waiting.values()].filter(({ purpose }) => purpose === 'live').length;
  }

  /** A place, or null while there is none for this purpose: ask again soon, `ahead` says how many go first. */
  take(purpose: SessionPurpose, room: string): Lease | null {
    this.#refill();
    const waiting = this.#wait(purpose, room);
    if (!this.hasPlace(purpose, room) || this.#openings < 1) return null;
    this.#waiting.delete(waiting);
    this.#openings--;
    const end = this.#costs?.begin(room, purpose);
    this.#open++;
    let released = false;
    return {
      release: () => {
        if (released) return;
        released = true;
        this.#open--;
        end?.();
      },
    };
  }

  /** A place, or null; it is not waited for: who asks like this holds up nobody. */
  takeOrLeave(purpose: SessionPurpose, room: string): Lease | null {
    const lease = this.take(purpose, room);
    this.#waiting.delete(nameOf(purpose, room));
    return lease;
  }

  /** Whether a place is left for this one when those before it have theirs: if it gets none, too many begin at once. */
  hasPlace(purpose: SessionPurpose, room: string): boolean {
    const { maxSessions, reserve } = this.#limits;
    const places = purpose === 'live' ? maxSessions - reserve : maxSessions;
    return this.#open + this.ahead(purpose, room) < places;
  }

  /** Why this room may hold no paid session for this any more today, in plain words; null while it may. */
  overspent(room: string, purpose: SessionPurpose = 'live'): string | null {
    return this.#costs?.refusal(room, purpose) ?? null;
  }

  /** How many go before this one. */
  ahead(purpose: SessionPurpose, room: string): number {
    this.#forgetImpatient();
    let ahead = 0;
    let isBehindMe = false;
    for (const [name, each] of this.#waiting) {
      if (name === nameOf(purpose, room)) isBehindMe = true;
      else if (order.indexOf(each.purpose) < order.indexOf(purpose) || (each.purpose === purpose && !isBehindMe))
        ahead++;
    }
    return ahead;
  }

  /** Takes a place in the queue, or keeps it. */
  #wait(purpose: SessionPurpose, room: string): string {
    const name = nameOf(purpose, room);
    const known = this.#waiting.get(name);
    if (known) known.askedMs = this.#now();
    else this.#waiting.set(name, { purpose, askedMs: this.#now() });
    return name;
  }

  #forgetImpatient(): void {
    for (const [name, { askedMs }] of this.#waiting) if (this.#now() - askedMs > patienceMs) this.#waiting.delete(name);
  }

  #refill(): void {
    const now = this.#now();
    const { maxOpenRate } = this.#limits;
    this.#openings = Math.min(maxOpenRate, this.#openings + ((now - this.#openingsAtMs) / 1000) * maxOpenRate);
    this.#openingsAtMs = now;
  }
}

const nameOf = (purpose: SessionPurpose, room: string) => `${purpose} ${room}`;
