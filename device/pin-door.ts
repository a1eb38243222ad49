import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

export const pinLimits = {
  /** Wrong ones from an address before it has to wait. */
  freeAttempts: 5,
  firstWaitMs: 30_000,
  maxWaitMs: 15 * 60_000,
  /** The same for all addresses together: who has many gains little. One try a minute finds one of a million in a year. */
  freeAttemptsOfAll: 20,
  firstWaitOfAllMs: 5000,
  maxWaitOfAllMs: 60_000,
  /** Mistakes are forgotten after so long without another. */
  forgetMs: 3_600_000,
  maxAddresses: 200,
  maxSessions: 10,
  /** Since it was used last, and in all. */
  idleMs: 30 * 60_000,
  lifeMs: 12 * 3_600_000,
};
export type PinLimits = { readonly [K in keyof typeof pinLimits]: number };

export type PinAnswer =
  | { readonly session: string }
  /** Wrong, or not even looked at before so many ms are over. */
  | { readonly waitMs: number };

interface Mistakes {
  count: number;
  lastMs: number;
  untilMs: number;
}

interface Session {
  readonly sinceMs: number;
  usedMs: number;
}

const digest = (text: string) => createHash('sha256').update(text).digest();

/** IPv6 addresses count by the network they come from: each machine has as many as it likes. */
export function addressKey(address: string): string {
  if (!isIPv6(address)) return address;
  const parsed = ipaddr.IPv6.parse(address);
  if (parsed.isIPv4MappedAddress()) return parsed.toIPv4Address().toString();
  return `${parsed.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':')}::/64`;
}

/** Six digits are soon tried out: whoever is wrong waits, longer each time. Nothing of it outlives the program. */
export class PinDoor {
  /** Since the start. */
  readonly counters = { opened: 0, wrong: 0, refused: 0 };
  readonly #pin: Buffer;
  readonly #now: () => number;
  readonly #limits: PinLimits;
  readonly #random: (bytes: number) => Buffer;
  readonly #byAddress = new Map<string, Mistakes>();
  readonly #all: Mistakes = { count: 0, lastMs: 0, untilMs: 0 };
  /** By the digest of their secret. */
  readonly #sessions = new Map<string, Session>();

  /** @param now monotonic */
  constructor(pin: string, now: () => number, limits: Partial<PinLimits> = {}, random = randomBytes) {
    this.#pin = digest(pin);
    this.#now = now;
    this.#limits = { ...pinLimits, ...limits };
    this.#random = random;
  }

  /** While somebody has to wait, the right PIN is not looked at either: it would be told apart by that. */
  open(peer: string, pin: string): PinAnswer {
    const address = addressKey(peer);
    const mistakes = this.#mistakesOf(address);
    const waitMs = Math.max(this.#waitOf(mistakes), this.#waitOf(this.#all));
    if (waitMs > 0) {
      this.counters.refused++;
      return { waitMs };
    }
    if (!timingSafeEqual(digest(pin), this.#pin)) {
      const { freeAttempts, firstWaitMs, maxWaitMs, freeAttemptsOfAll, firstWaitOfAllMs, maxWaitOfAllMs } =
        this.#limits;
      this.counters.wrong++;
      this.#mistaken(mistakes, freeAttempts, firstWaitMs, maxWaitMs);
      this.#mistaken(this.#all, freeAttemptsOfAll, firstWaitOfAllMs, maxWaitOfAllMs);
      this.#byAddress.set(address, mistakes);
      this.#makeRoom();
      return { waitMs: Math.max(this.#waitOf(mistakes), this.#waitOf(this.#all)) };
    }
    this.counters.opened++;
    this.#byAddress.delete(address);
    const session = this.#random(32).toString('base64url');
    const now = this.#now();
    this.#sessions.set(digest(session).toString('hex'), { sinceMs: now, usedMs: now });
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > this.#limits.maxSessions && oldest !== undefined) this.#sessions.delete(oldest);
    return { session };
  }

  isOpen(session: string): boolean {
    const key = digest(session).toString('hex');
    const found = this.#sessions.get(key);
    if (!found) return false;
    const now = this.#now();
    if (now - found.usedMs >= this.#limits.idleMs || now - found.sinceMs >= this.#limits.lifeMs) {
      this.#sessions.delete(key);
      return false;
    }
    found.usedMs = now;
    return true;
  }

  close(session: string): void {
    this.#sessions.delete(digest(session).toString('hex'));
  }

  #mistakesOf(address: string): Mistakes {
    return this.#byAddress.get(address) ?? { count: 0, lastMs: 0, untilMs: 0 };
  }

  #waitOf({ untilMs }: Mistakes): number {
    return Math.max(0, untilMs - this.#now());
  }

  #mistaken(mistakes: Mistakes, free: number, firstMs: number, maxMs: number): void {
    const now = this.#now();
    if (now - mistakes.lastMs >= this.#limits.forgetMs) mistakes.count = 0;
    mistakes.count++;
    mistakes.lastMs = now;
    const over = mistakes.count - free;
    if (over >= 0) mistakes.untilMs = now + Math.min(maxMs, firstMs * 2 ** Math.min(over, 20));
  }

  /** The bound of all addresses together holds whoever is forgotten here. */
  #makeRoom(): void {
    for (const [address, { lastMs }] of this.#byAddress)
      if (this.#now() - lastMs >= this.#limits.forgetMs) this.#byAddress.delete(address);
    const [oldest] = this.#byAddress.keys();
    if (this.#byAddress.size > this.#limits.maxAddresses && oldest !== undefined) this.#byAddress.delete(oldest);
  }
}
