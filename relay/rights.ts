import { messageOf } from '../systemd/errors.ts';
import type { Logger } from '../systemd/log.ts';
import { Access } from './access.ts';
import type { ClientAddresses } from './addresses.ts';
import { AdminSessions } from './admin-sessions.ts';
import type { AdminToken } from './admin-token.ts';
import type { FailedAttempts } from './attempts.ts';
import { Audit } from './audit.ts';
import type { Database } from './database.ts';
import { Kits } from './kits.ts';
import type { Origins } from './origins.ts';
import { Tokens } from './tokens.ts';

/** How late a token or session may be found to have ended. */
const sweepMs = 500;

export interface RightsParts {
  readonly db: Database;
  readonly adminToken: AdminToken;
  readonly origins: Origins;
  readonly log: Pick<Logger, 'info' | 'error'>;
  /** By default the peer's own address counts. */
  readonly addresses?: ClientAddresses;
  /** Wrong tokens so far. */
  readonly attempts?: FailedAttempts;
  readonly now?: () => number;
}

/** Who may do what, and what they did: tokens, kits, the sessions of admin pages, the decision, the audit log. */
export class Rights {
  readonly tokens: Tokens;
  readonly sessions: AdminSessions;
  readonly kits: Kits;
  readonly access: Access;
  readonly audit: Audit;
  readonly #log: Pick<Logger, 'error'>;
  #timer: NodeJS.Timeout | undefined;
  #isFailing = false;

  constructor(parts: RightsParts) {
    const { db, adminToken, log, now = Date.now } = parts;
    this.tokens = new Tokens(db, now);
    this.sessions = new AdminSessions(db, this.tokens, adminToken.binding, now);
    this.kits = new Kits(db, this.tokens, now);
    this.access = new Access({ ...parts, tokens: this.tokens, sessions: this.sessions, kits: this.kits });
    this.audit = new Audit(db, log, now);
    this.#log = log;
  }

  /** Closes what has ended from now on. */
  start(): void {
    this.#timer ??= setInterval(() => this.#sweep(), sweepMs);
  }

  /** Writes what is only in memory. Idempotent; before the database is closed. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.tokens.keep();
    this.kits.keep();
    this.sessions.keep();
    this.audit.flush();
  }

  #sweep(): void {
    try {
      this.tokens.sweep();
      this.kits.sweep();
      this.sessions.sweep();
      this.audit.flush();
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.#log.error({ err: error }, `Tokens cannot be looked after: ${messageOf(error)}`);
      this.#isFailing = true;
    }
  }
}
