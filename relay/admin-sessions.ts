import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Database, tryWrite } from './database.ts';
import type { Tokens } from './tokens.ts';

export const defaultSessionLimits = {
  /** Browsers that are logged in; the one that was used longest ago gives way. */
  maxSessions: 100,
  maxAgeMs: 12 * 3_600_000,
  /** Without a call and without a socket that is open. */
  idleMs: 2 * 3_600_000,
  /** How often its use is written down. */
  useStepMs: 60_000,
};
export type SessionLimits = { readonly [K in keyof typeof defaultSessionLimits]: number };

export interface AdminSession {
  readonly id: string;
  /** The admin token it began with; null: that of the file. */
  readonly token: string | null;
  readonly createdMs: number;
  /** At the latest. */
  readonly expiresMs: number;
}

interface KeptSession extends AdminSession {
  /** SHA-256 of what the cookie holds, bound to the admin token that opened it. */
  readonly hash: Buffer;
  usedMs: number;
}

/** `KEYID.SECRET`: 48 bits of key id in hex, 256 bits of secret in base64url. */
const cookiePattern = /^([0-9a-f]{12})\.[A-Za-z0-9_-]{43}$/;
const nothing = Buffer.alloc(32);

/**
 * The browsers of organizers that are logged in. They are in memory, so that an organizer gets in also while the disk takes
 * nothing, and in the database, so that a restart logs nobody out. A session ends with the admin token it began with; one of
 * the file's token, when the relay starts with another.
 */
export class AdminSessions {
  readonly #db: Database;
  readonly #tokens: Pick<Tokens, 'get'>;
  /** Names the admin token of the file, and cannot be told without it. */
  readonly #fileBinding: Buffer;
  readonly #now: () => number;
  readonly #limits: SessionLimits;
  readonly #ended = new Set<(id: string) => void>();
  readonly #sessions = new Map<string, KeptSession>();
  /** The disk has other sessions than there are. */
  #isDirty = false;
  #isUsed = false;
  #keptMs: number;

  constructor(
    db: Database,
    tokens: Pick<Tokens, 'get' | 'onEnded'>,
    fileBinding: Buffer,
    now: () => number = Date.now,
    limits: Partial<SessionLimits> = {},
  ) {
    this.#db = db;
    this.#tokens = tokens;
    this.#fileBinding = fileBinding;
    this.#now = now;
    this.#limits = { ...defaultSessionLimits, ...limits };
    this.#keptMs = now();
    for (const row of this.#db
      .prepare<[], KeptSession>(
        'SELECT id, hash, token, created_ms AS createdMs, expires_ms AS expiresMs, used_ms AS usedMs FROM admin_sessions',
      )
      .all())
      if (this.#hasToken(row)) this.#sessions.set(row.id, row);
    db.onRenewed(() => {
      this.#isDirty = true;
    });
    tokens.onEnded((token) => this.#endWhere((session) => session.token === token));
  }

  /** Open sessions. */
  get count(): number {
    return this.#sessions.size;
  }

  /** Logs a browser in; the only time its cookie is seen. @param token the admin token it shows, null: the file's */
  begin(token: string | null): { session: AdminSession; cookie: string } {
    const now = Math.round(this.#now());
    this.sweep();
    while (this.#sessions.size >= this.#limits.maxSessions) this.#endOldest();
    const id = randomBytes(6).toString('hex');
    const cookie = `${id}.${randomBytes(32).toString('base64url')}`;
    const endMs = (token === null ? null : this.#tokens.get(token)?.expiresMs) ?? Number.POSITIVE_INFINITY;
    const expiresMs = Math.min(now + this.#limits.maxAgeMs, endMs);
    const session = { id, token, createdMs: now, expiresMs, usedMs: now, hash: this.#hash(cookie, token) };
    this.#sessions.set(id, session);
    this.#keep();
    return { session, cookie };
  }

  /** The session of a cookie; null where it is none, or has ended. Its use is noted. */
  find(cookie: string): AdminSession | null {
    const session = this.#sessions.get(cookiePattern.exec(cookie)?.[1] ?? '');
    const hash = this.#hash(cookie, session?.token ?? null);
    if (!timingSafeEqual(hash, session?.hash ?? nothing) || !session) return null;
    if (this.#isOver(session) || !this.#hasToken(session)) return null;
    this.use(session.id);
    return session;
  }

  /** Notes that it is in use. */
  use(id: string): void {
    const session = this.#sessions.get(id);
    if (!session) return;
    session.usedMs = Math.round(this.#now());
    this.#isUsed = true;
  }

  /** Logs a browser out; what it opened closes at once. */
  end(id: string): void {
    this.#endWhere((session) => session.id === id);
    this.#db.updateCopy(); // a session that was ended must not come back with it
  }

  /** Tells of every session that ends by its id; returns what ends the telling. */
  onEnded(listener: (id: string) => void): () => void {
    this.#ended.add(listener);
    return () => this.#ended.delete(listener);
  }

  /** Ends what is over, and writes what has to be kept; to be called twice a second. */
  sweep(): void {
    this.#endWhere((session) => this.#isOver(session));
    if (this.#isDirty || Math.abs(this.#now() - this.#keptMs) >= this.#limits.useStepMs) this.keep();
  }

  /** Writes down when they were used last. */
  keep(): void {
    if (this.#isUsed || this.#isDirty) this.#keep();
  }

  #isOver({ createdMs, expiresMs, usedMs }: KeptSession): boolean {
    const now = this.#now();
    const { maxAgeMs, idleMs } = this.#limits;
    // One of a clock that was ahead, and was set right, would last until that time comes.
    return now >= expiresMs || now >= usedMs + idleMs || createdMs > now + maxAgeMs;
  }

  #hasToken({ token }: AdminSession): boolean {
    return token === null || this.#tokens.get(token)?.access === 'admin';
  }

  #hash(cookie: string, token: string | null): Buffer {
    return createHash('sha256')
      .update(cookie)
      .update(token ?? this.#fileBinding)
      .digest();
  }

  #endOldest(): void {
    const [oldest] = [...this.#sessions.values()].sort((a, b) => a.usedMs - b.usedMs);
    if (oldest) this.end(oldest.id);
  }

  #endWhere(isOver: (session: KeptSession) => boolean): void {
    const over = [...this.#sessions.values()].filter(isOver);
    if (over.length === 0) return;
    for (const { id } of over) this.#sessions.delete(id);
    this.#keep();
    for (const { id } of over) for (const listener of [...this.#ended]) listener(id);
  }

  /** All of them at once: they are few. What the disk does not take is tried again. */
  #keep(): void {
    this.#keptMs = this.#now();
    const isKept = tryWrite(() =>
      this.#db.transaction(() => {
        this.#db.prepare('DELETE FROM admin_sessions').run();
        const write = this.#db.prepare(
          'INSERT INTO admin_sessions (id, hash, token, created_ms, expires_ms, used_ms) VALUES (?, ?, ?, ?, ?, ?)',
        );
        for (const { id, hash, token, createdMs, expiresMs, usedMs } of this.#sessions.values())
          write.run(id, hash, token, createdMs, expiresMs, usedMs);
      })(),
    );
    this.#isDirty = !isKept;
    this.#isUsed &&= !isKept;
  }
}
