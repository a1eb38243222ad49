import { LRUCache } from 'lru-cache';
import type { Logger } from '../systemd/log.ts';
import type { Right } from './access.ts';
import { type ClientAddress, unknownAddress } from './addresses.ts';
import { maxKeysRemembered, RateLimit } from './rate.ts';
import { type Refusal, tooManyAttempts } from './refusal.ts';

export interface AttemptLimits {
  /** Tokens a minute and address that open nothing, where audio is sent or something administered, and any that could
   * be a guess at the admin token. */
  readonly maxFailedAttempts: number;
  /** The same where captions are read: a venue is one address, and an old QR code may hang on its walls. */
  readonly maxFailedReads: number;
  readonly banMinutes: number;
}

export const defaultAttemptLimits: AttemptLimits = { maxFailedAttempts: 5, maxFailedReads: 600, banMinutes: 5 };

const kinds = ['guess', 'kit', 'reader'] as const;
type Kind = (typeof kinds)[number];

/** 256 bits of secret in a token of ours cannot be guessed; anything else may be meant for the admin token of the file,
 * which a person may have made up. A link that lost its end still begins like one of ours. */
const ours = /^(?:(?:pub|sub)_|[a-z]{3}_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$)/;

/** Tokens that look like ours are taken whenever they are right. */
const retrySeconds = 30;

/**
 * Tokens that open nothing, counted by address; too many, and the address is banned for minutes.
 *
 * A venue is one address: kits, readers, organizers and whoever means them ill. So a ban never keeps a right token of ours
 * out: it changes only the answer to those that open nothing. The one token that a ban does keep out is the admin token
 * of the file, since it is the only one that somebody could guess; who is at the venue then has an open admin page, a
 * token made there, or another network. What phones with an old link do counts for none of this.
 */
export class FailedAttempts {
  readonly #now: () => number;
  readonly #banMs: number;
  readonly #rates: Readonly<Record<Kind, RateLimit>>;
  readonly #bannedUntilMs: LRUCache<string, number>;
  readonly #tell: (from: ClientAddress, seconds: number) => void;
  /** Tokens that opened nothing. */
  failed = 0;
  /** Attempts of banned addresses that were turned away. */
  turnedAway = 0;
  bans = 0;

  /** @param now monotonic, ms @param tell called with each ban */
  constructor(
    limits: Partial<AttemptLimits> = {},
    now = () => performance.now(),
    maxKeys: number = maxKeysRemembered,
    tell: (from: ClientAddress, seconds: number) => void = () => {},
  ) {
    const { maxFailedAttempts, maxFailedReads, banMinutes } = { ...defaultAttemptLimits, ...limits };
    this.#now = now;
    this.#tell = tell;
    this.#banMs = banMinutes * 60_000;
    const rate = (perMinute: number) => new RateLimit({ perMinute }, now, maxKeys);
    this.#rates = { guess: rate(maxFailedAttempts), kit: rate(maxFailedAttempts), reader: rate(maxFailedReads) };
    this.#bannedUntilMs = new LRUCache({ max: maxKeys });
  }

  /** How many addresses are remembered as banned. */
  get size(): number {
    return this.#bannedUntilMs.size;
  }

  /** Why a token is not even looked at; null: look at it. */
  barred(from: ClientAddress, token: string): Refusal | null {
    return ours.test(token) ? null : this.#refusal('guess', from);
  }

  /** Notes a token that opened nothing; what to answer where there were too many, else null. */
  note(from: ClientAddress, token: string, right: Right): Refusal | null {
    return this.#count(ours.test(token) ? (right === 'read' ? 'reader' : 'kit') : 'guess', from);
  }

  #count(kind: Kind, from: ClientAddress): Refusal | null {
    this.failed++;
    if (from === unknownAddress) return null; // of a call within the process
    const known = this.#refusal(kind, from);
    if (known || this.#rates[kind].take(from.prefix) === 0) return known;
    this.bans++;
    this.#tell(from, this.#banMs / 1000);
    this.#bannedUntilMs.set(`${kind} ${from.prefix}`, this.#now() + this.#banMs);
    return this.#refusal(kind, from);
  }

  #refusal(kind: Kind, from: ClientAddress): Refusal | null {
    const leftMs = (this.#bannedUntilMs.get(`${kind} ${from.prefix}`) ?? 0) - this.#now();
    if (leftMs <= 0) return null;
    this.turnedAway++;
    const left = Math.ceil(leftMs / 1000);
    return tooManyAttempts(kind === 'guess' ? left : Math.min(left, retrySeconds));
  }
}

const toldPerMinute = 10;

/** Writes bans into the journal, a few a minute: whoever has thousands of addresses must not fill it. */
export function tellBans(log: Logger): (from: ClientAddress, seconds: number) => void {
  const rate = new RateLimit({ perMinute: toldPerMinute });
  return ({ prefix }, seconds) => {
    if (rate.take('') === 0)
      log.warn({ event: 'banned', address: prefix, seconds }, 'Too many wrong tokens came from an address');
  };
}
