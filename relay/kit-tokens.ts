import { SalaError } from '../systemd/errors.ts';
import { type Database, tryWrite } from './database.ts';
import { type KitToken, newToken, type Tokens } from './tokens.ts';

/** How a kit can come in. */
export interface KitAccess {
  /** Until when its card may be exchanged for a key; null: there is no token for that. */
  readonly enrolment: { readonly expiresMs: number } | null;
  /** Since when it has its key, and when that was used last; null: it has none. */
  readonly key: { readonly sinceMs: number; readonly lastUsedMs: number | null } | null;
}

/** What became of an enrolment. */
export interface Exchange {
  readonly kit: string;
  /** It was done before, and the answer got lost. */
  readonly isRepeated: boolean;
}

/**
 * How a kit comes by its key: a token on its card opens nothing but this, once. The kit makes the key itself and has it on
 * its disk before it asks, so that an answer that gets lost leaves one key, known to both.
 */
export class KitTokens {
  readonly #db: Database;
  readonly #tokens: Tokens;
  readonly #now: () => number;

  constructor(db: Database, tokens: Tokens, now: () => number) {
    this.#db = db;
    this.#tokens = tokens;
    this.#now = now;
  }

  of(kit: string): KitAccess {
    const live = this.#live(kit);
    const enrolment = live.findLast(({ access }) => access === 'enrol');
    const key = live.findLast(({ access }) => access === 'kit');
    return {
      enrolment: enrolment ? { expiresMs: enrolment.expiresMs ?? Number.POSITIVE_INFINITY } : null,
      key: key ? { sinceMs: key.createdMs, lastUsedMs: key.lastUsedMs } : null,
    };
  }

  /** Whose token this is, or was; null: nobody's. */
  ownerOf(token: string): string | null {
    return this.#tokens.shownByKit(token)?.kit ?? null;
  }

  /** A token to enrol a kit with, shown this once; an earlier one that was not used ends. @throws {SalaError} `disk` */
  enrolment(kit: string, expiresMs: number): string {
    const token = newToken('enrol');
    this.#replace(kit, 'enrol', () => this.#tokens.insertOfKit(kit, 'enrol', token, expiresMs));
    return token;
  }

  /**
   * Exchanges an enrolment token for the key that the kit made; the key it had before ends. The same once more is answered
   * the same.
   * @param alongside written with it, or neither is
   * @throws {SalaError} `enrolment-unknown`, `enrolment-used`, `enrolment-revoked`, `enrolment-expired`, `enrolment-key`, `disk`
   */
  exchange(enrolment: string, key: string, alongside: (kit: string) => void): Exchange {
    const shown = this.#tokens.shownByKit(enrolment);
    if (shown?.access !== 'enrol') throw refusals.unknown();
    const { kit } = shown;
    const known = this.#tokens.shownByKit(key);
    if (shown.exchangedFor !== null) {
      if (known?.id !== shown.exchangedFor) throw refusals.used();
      if (known.isRevoked) throw refusals.revoked();
      return { kit, isRepeated: true };
    }
    if (shown.isRevoked) throw refusals.revoked();
    if (hasExpired(shown, this.#now())) throw refusals.expired();
    if (this.#tokens.isTaken(key)) throw refusals.key();
    this.#replace(kit, 'kit', () => {
      const id = this.#tokens.insertOfKit(kit, 'kit', key, null);
      this.#db.prepare('UPDATE tokens SET revoked = 1, successor = ? WHERE id = ?').run(id, shown.id);
      alongside(kit);
    });
    return { kit, isRepeated: false };
  }

  /** Ends all that a kit could come in with. @throws {SalaError} `disk` where that is in memory alone as yet */
  revoke(kit: string): void {
    this.#tokens.revoke(this.#live(kit).map(({ id }) => id));
  }

  /** In one transaction: a power cut leaves the earlier ones, or the new one. */
  #replace(kit: string, access: KitToken['access'], write: () => void): void {
    const earlier = this.#live(kit).filter((each) => each.access === access);
    const isKept = tryWrite(() =>
      this.#db.transaction(() => {
        for (const { id } of earlier) this.#db.prepare('UPDATE tokens SET revoked = 1 WHERE id = ?').run(id);
        write();
      })(),
    );
    if (!isKept) throw noDisk();
    this.#db.updateCopy(); // a damaged file must not make the used one good again
    this.#tokens.revoke(earlier.map(({ id }) => id)); // so that what they opened closes
  }

  #live(kit: string): KitToken[] {
    return this.#tokens.ofKit(kit).filter((each) => !each.isRevoked && !hasExpired(each, this.#now()));
  }
}

const hasExpired = ({ expiresMs }: KitToken, now: number) => expiresMs !== null && expiresMs <= now;

const renewCard =
  'Make a new enrolment token on the admin page, or with "sala-kit enrol --renew", and put it on the card.';
const refusals = {
  unknown: () =>
    new SalaError('This enrolment token is not known here', {
      code: 'enrolment-unknown',
      hint: `The kit may be meant for another relay. ${renewCard}`,
    }),
  used: () =>
    new SalaError('This enrolment token was used already, by a kit with another key', {
      code: 'enrolment-used',
      hint: `If that was not this kit, revoke it on the admin page: somebody has a copy of its card. ${renewCard}`,
    }),
  revoked: () =>
    new SalaError('This enrolment token, or the key it was exchanged for, was revoked', {
      code: 'enrolment-revoked',
      hint: renewCard,
    }),
  expired: () => new SalaError('This enrolment token has expired', { code: 'enrolment-expired', hint: renewCard }),
  key: () =>
    new SalaError('This key is in use already', {
      code: 'enrolment-key',
      hint: 'Each kit makes a key of its own: start it anew, with a new key.',
    }),
};

const noDisk = () =>
  new SalaError('The disk of the relay takes nothing at the moment', {
    code: 'disk',
    hint: 'Make room on the disk of --data-dir, and try again; a kit tries again by itself.',
  });
