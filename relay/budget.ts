import { minBilledSeconds } from './costs.ts';
import { type Database, keep, readKept, tryWrite } from './database.ts';

/** Paid engine time of a day (UTC) for one purpose, kept over restarts. */
export class DailyBudget {
  readonly #db: Database;
  readonly #purpose: string;
  readonly #maxSeconds: number;
  readonly #now: () => number;
  #day = '';
  #seconds = 0;

  constructor(db: Database, purpose: string, maxSeconds: number, now: () => number = Date.now) {
    this.#db = db;
    this.#purpose = purpose;
    this.#maxSeconds = maxSeconds;
    this.#now = now;
  }

  /** Seconds billed today. */
  get spent(): number {
    this.#turn();
    return this.#seconds;
  }

  get isSpent(): boolean {
    return this.spent >= this.#maxSeconds;
  }

  /** Notes a session of that length. */
  spend(seconds: number): void {
    this.#turn();
    this.#seconds += Math.max(minBilledSeconds, Math.ceil(seconds));
    tryWrite(() => keep(this.#db, this.#key(), { day: this.#day, seconds: this.#seconds }));
  }

  #key(): string {
    return `budget-${this.#purpose}`;
  }

  #turn(): void {
    const day = new Date(this.#now()).toISOString().slice(0, 10);
    if (day === this.#day) return;
    this.#day = day;
    const saved = readKept<{ day: string; seconds: number }>(this.#db, this.#key());
    this.#seconds = saved?.day === day ? saved.seconds : 0;
  }
}
