import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Database } from './database.ts';

/** What a room's token opens: its audio, which spends money, or its captions. */
export type TokenAccess = 'publish' | 'read';
export type TokenVerdict = 'ok' | 'unknown' | 'wrong-room' | 'wrong-right';

export interface TokenRecord {
  readonly id: string;
  readonly access: TokenAccess;
  readonly label: string;
  readonly createdMs: number;
  /** To the minute; null while it was never used. */
  readonly lastUsedMs: number | null;
}

export interface TokenOwner {
  readonly id: string;
  readonly room: string;
  readonly access: TokenAccess;
}

interface TokenRow extends TokenOwner {
  readonly hash: Buffer;
  readonly lastUsedMs: number | null;
}

/** `pub_KEYID_SECRET` or `sub_KEYID_SECRET`: 48 bits of key id in hex, 256 bits of secret in base64url. */
const tokenPattern = /^(pub|sub)_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;
const prefixes = { publish: 'pub', read: 'sub' } as const;
const lastUsedStepMs = 60_000;
const nothing = Buffer.alloc(32);

/** Random secrets of 256 bits need no slow hash. */
export const sha256 = (text: string) => createHash('sha256').update(text).digest();

/** The tokens of all rooms: shown once, kept as SHA-256 only, revoked at once. */
export class Tokens {
  readonly #db: Database;
  readonly #now: () => number;
  readonly #revoked = new Set<(id: string) => void>();

  constructor(db: Database, now: () => number = Date.now) {
    this.#db = db;
    this.#now = now;
  }

  /** Makes a token of an existing room; the only time its secret is seen. */
  create(room: string, access: TokenAccess, label: string): { id: string; token: string } {
    const id = randomBytes(6).toString('hex');
    const token = `${prefixes[access]}_${id}_${randomBytes(32).toString('base64url')}`;
    this.#db
      .prepare('INSERT INTO tokens (id, room, access, label, hash, created_ms) VALUES (?, ?, ?, ?, ?, ?)')
      .run(id, room, access, label, sha256(token), this.#now());
    this.#db.updateCopy();
    return { id, token };
  }

  /** The tokens of a room, oldest first, without anything that opens a door. */
  list(room: string): TokenRecord[] {
    return this.#db
      .prepare<[string], TokenRecord>(
        `SELECT id, access, label, created_ms AS createdMs, last_used_ms AS lastUsedMs
         FROM tokens WHERE room = ? ORDER BY created_ms, id`,
      )
      .all(room);
  }

  /** Revokes a token of this room; its sockets close at once. False when there is none. */
  delete(room: string, id: string): boolean {
    const gone = this.#db.prepare('DELETE FROM tokens WHERE room = ? AND id = ?').run(room, id).changes > 0;
    this.#db.updateCopy(); // a token that was revoked must not come back with it
    if (gone) for (const listener of [...this.#revoked]) listener(id);
    return gone;
  }

  /** Whose token this is, null when it is none of ours. Its use is noted, at most once a minute. */
  identify(token: string): TokenOwner | null {
    const id = tokenPattern.exec(token)?.[2] ?? '';
    const row = this.#db
      .prepare<[string], TokenRow>('SELECT id, room, access, hash, last_used_ms AS lastUsedMs FROM tokens WHERE id = ?')
      .get(id);
    // Compared even where there is no such key id, so that the time taken does not tell the two apart.
    if (!timingSafeEqual(sha256(token), row?.hash ?? nothing) || !row) return null;
    const now = this.#now();
    if (row.lastUsedMs === null || Math.abs(now - row.lastUsedMs) >= lastUsedStepMs) this.#noteUse(id, now);
    return { id: row.id, room: row.room, access: row.access };
  }

  /** Whether this token gives that access to that room. */
  check(token: string, room: string, access: TokenAccess): TokenVerdict {
    const owner = this.identify(token);
    if (!owner) return 'unknown';
    if (owner.room !== room) return 'wrong-room';
    return owner.access === access ? 'ok' : 'wrong-right';
  }

  /** Tells of every revoked token by its id; returns what ends the telling. */
  onRevoked(listener: (id: string) => void): () => void {
    this.#revoked.add(listener);
    return () => this.#revoked.delete(listener);
  }

  #noteUse(id: string, now: number): void {
    try {
      this.#db.prepare('UPDATE tokens SET last_used_ms = ? WHERE id = ?').run(Math.round(now), id);
    } catch {
      // A full disk must not lock readers out: this is only for the organizer's list.
    }
  }
}
