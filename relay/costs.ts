import type { Logger } from '../systemd/log.ts';
import { type Database, tryWrite } from './database.ts';
import type { RelayOptions } from './options.ts';
import type { SessionPurpose } from './quota.ts';

/** The service bills by the second, and at least this much for each session. */
export const minBilledSeconds = 15;

export interface CostLimits {
  /** Money for a minute of a paid session, in whatever currency the organizers count. */
  readonly pricePerMinute: number;
  /** From here on the relay warns; null: never. */
  readonly alarmPerDay: number | null;
  /** From here on no paid session is held any more that day; null: no limit. */
  readonly maxPerDay: number | null;
  /** The same for a single room. */
  readonly maxPerRoomAndDay: number | null;
  /** Of all this, for filling in what live captions missed; left out: no limit of its own. */
  readonly maxBackfillPerDay?: number | null;
  /** Paid time for filling in, of a single room. */
  readonly maxBackfillHoursPerRoomAndDay?: number | null;
}

/** Paid time of a day (UTC). */
export interface Spending {
  readonly sessions: number;
  /** Billed seconds: whole ones, at least 15 a session. */
  readonly seconds: number;
  readonly money: number;
}

interface Running {
  readonly room: string;
  readonly purpose: SessionPurpose;
  readonly sinceMs: number;
  /** Of its billed seconds, those that are in the book. */
  booked: number;
}

/**
 * What paid sessions cost, by room and day, kept over restarts; a session that is still open counts with what it has come to
 * so far, and `book` keeps that for the case that the relay is killed. A session over midnight counts for the day it began.
 */
export class Costs {
  readonly #db: Database;
  readonly limits: CostLimits;
  readonly #now: () => number;
  readonly #running = new Set<Running>();
  #day = '';
  readonly #booked = new Map<string, { room: string; purpose: SessionPurpose; sessions: number; seconds: number }>();

  readonly #tell: (reached: 'alarm' | 'limit', spent: Spending) => void;
  /** What has been told of today. */
  readonly #told = new Set<'alarm' | 'limit'>();

  /** @param now wall clock of the relay, ms @param tell called once a day each when alarm and limit are reached */
  constructor(
    db: Database,
    limits: CostLimits,
    now: () => number = Date.now,
    tell: (reached: 'alarm' | 'limit', spent: Spending) => void = () => {},
  ) {
    this.#db = db;
    this.limits = limits;
    this.#now = now;
    this.#tell = tell;
  }

  /** The day that counts now, like `2026-12-01`. */
  get day(): string {
    this.#turn();
    return this.#day;
  }

  /** Rooms that have cost something today. */
  get rooms(): string[] {
    this.#turn();
    return [...new Set([...this.#booked.values()].map(({ room }) => room))].sort();
  }

  /** A paid session opens; what is returned is called once when it is over. */
  begin(room: string, purpose: SessionPurpose): () => void {
    const running: Running = { room, purpose, sinceMs: this.#now(), booked: 0 };
    this.#running.add(running);
    this.#book(running, 1);
    return () => {
      if (this.#running.delete(running)) this.#book(running, 0);
    };
  }

  /** Keeps what the open sessions have come to; called about once a minute. */
  book(): void {
    for (const running of this.#running) this.#book(running, 0);
    this.#tellOnce('alarm', this.isAlarming);
    this.#tellOnce('limit', isReached(this.limits.maxPerDay, this.today().money));
  }

  /** Today's spending, of all or of some: by room, by purpose. */
  today(of: { readonly room?: string; readonly purpose?: SessionPurpose } = {}): Spending {
    this.#turn();
    const isAsked = (each: { room: string; purpose: SessionPurpose }) =>
      (of.room === undefined || each.room === of.room) && (of.purpose === undefined || each.purpose === of.purpose);
    let sessions = 0;
    let seconds = 0;
    for (const each of this.#booked.values()) {
      if (!isAsked(each)) continue;
      sessions += each.sessions;
      seconds += each.seconds;
    }
    for (const running of this.#running) {
      if (isAsked(running) && dayOf(running.sinceMs) === this.#day) seconds += this.#billed(running) - running.booked;
    }
    return { sessions, seconds, money: (seconds * this.limits.pricePerMinute) / 60 };
  }

  /** Today's spending is above the alarm. */
  get isAlarming(): boolean {
    return isReached(this.limits.alarmPerDay, this.today().money);
  }

  /** Why this room may hold no paid session for this any more today, in plain words; null while it may. */
  refusal(room: string, purpose: SessionPurpose = 'live'): string | null {
    if (isReached(this.limits.maxPerDay, this.today().money))
      return 'The daily limit of spending on captions is reached.';
    if (isReached(this.limits.maxPerRoomAndDay, this.today({ room }).money))
      return 'This room has reached its daily limit of spending on captions.';
    return purpose === 'backfill' ? this.#backfillRefusal(room) : null;
  }

  #backfillRefusal(room: string): string | null {
    const { maxBackfillPerDay = null, maxBackfillHoursPerRoomAndDay: maxHours = null } = this.limits;
    if (isReached(maxBackfillPerDay, this.today({ purpose: 'backfill' }).money))
      return 'The daily limit of spending on missed captions is reached.';
    if (isReached(maxHours, this.today({ room, purpose: 'backfill' }).seconds / 3600))
      return 'This room has reached its daily limit of missed captions.';
    return null;
  }

  #billed({ sinceMs }: Running): number {
    return Math.max(minBilledSeconds, Math.ceil((this.#now() - sinceMs) / 1000));
  }

  #book(running: Running, sessions: number): void {
    this.#turn();
    const { room, purpose } = running;
    const day = dayOf(running.sinceMs);
    const seconds = Math.max(0, this.#billed(running) - running.booked);
    running.booked += seconds;
    // Without the disk the day's sum is still right until a restart.
    tryWrite(() =>
      this.#db
        .prepare(
          `INSERT INTO paid (day, room, purpose, sessions, seconds) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions, seconds = seconds + excluded.seconds`,
        )
        .run(day, room, purpose, sessions, seconds),
    );
    if (day !== this.#day) return;
    const key = `${room} ${purpose}`;
    const before = this.#booked.get(key) ?? { room, purpose, sessions: 0, seconds: 0 };
    this.#booked.set(key, { ...before, sessions: before.sessions + sessions, seconds: before.seconds + seconds });
  }

  #tellOnce(what: 'alarm' | 'limit', isReachedNow: boolean): void {
    if (!isReachedNow || this.#told.has(what)) return;
    this.#told.add(what);
    this.#tell(what, this.today());
  }

  #turn(): void {
    const day = dayOf(this.#now());
    if (day === this.#day) return;
    const rows = this.#db
      .prepare<[string], { room: string; purpose: SessionPurpose; sessions: number; seconds: number }>(
        'SELECT room, purpose, sessions, seconds FROM paid WHERE day = ?',
      )
      .all(day);
    this.#day = day;
    this.#booked.clear();
    this.#told.clear();
    for (const row of rows) this.#booked.set(`${row.room} ${row.purpose}`, row);
  }
}

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
const isReached = (limit: number | null, money: number) => limit !== null && money >= limit;

/** As the options have it; what is reached is told in the log. */
export function openCosts(db: Database, options: RelayOptions, log: Logger): Costs {
  const limits: CostLimits = {
    pricePerMinute: options.pricePerMinute,
    alarmPerDay: options.alarmCostPerDay ?? null,
    maxPerDay: options.maxCostPerDay ?? null,
    maxPerRoomAndDay: options.maxRoomCostPerDay ?? null,
    maxBackfillPerDay: options.maxBackfillCostPerDay ?? null,
    maxBackfillHoursPerRoomAndDay: options.maxRoomBackfillHours,
  };
  return new Costs(db, limits, Date.now, (reached, spent) =>
    log.warn({ event: `cost-${reached}`, ...spent }, reachedWords[reached]),
  );
}

const reachedWords = {
  alarm: 'Paid sessions have cost as much today as --alarm-cost-per-day says',
  limit: 'Paid sessions have reached --max-cost-per-day; there are no captions from a paid engine until tomorrow (UTC)',
};
