import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { SalaError } from '../systemd/errors.ts';
import { type Database, tryWrite } from './database.ts';
import type { Statement } from './database-handle.ts';

/** What a token opens: a room's audio, which spends money, captions, or all that organizers may do. */
export type TokenAccess = 'publish' | 'read' | 'admin';
/** Of kits: what is exchanged once for a key, and a key, which opens what its kit is for at the moment. */
export type KitTokenAccess = 'enrol' | 'kit';

export interface TokenRecord {
  readonly id: string;
  /** null: of every room. */
  readonly room: string | null;
  readonly access: TokenAccess;
  readonly label: string;
  readonly createdMs: number;
  /** null: never. */
  readonly expiresMs: number | null;
  /** To the minute; null while it was never used. */
  readonly lastUsedMs: number | null;
  /** The token that takes its place, if there is one. */
  readonly successor: string | null;
}

/** Whose a token is. */
export type TokenOwner = Pick<TokenRecord, 'id' | 'room' | 'label' | 'expiresMs'> &
  ({ readonly access: TokenAccess; readonly kit: null } | { readonly access: KitTokenAccess; readonly kit: string });

type TokenRow = Omit<TokenRecord, 'access'> &
  TokenOwner & {
    readonly hash: Buffer;
    readonly revoked: 0 | 1;
    /** `successor`, also where that is revoked. */
    readonly exchangedFor: string | null;
  };

/** A token of a kit, also where it has ended. */
export interface KitToken {
  readonly id: string;
  readonly kit: string;
  readonly access: KitTokenAccess;
  readonly createdMs: number;
  readonly expiresMs: number | null;
  readonly lastUsedMs: number | null;
  readonly isRevoked: boolean;
  /** Of an enrolment: the id of the key it was exchanged for. */
  readonly exchangedFor: string | null;
}

export const defaultTokenLimits = {
  /** Of a room, and of the relay. */
  maxTokens: 500,
  /** How long a token that has ended is remembered: its holder is told so, and it is no failed guess. */
  rememberEndedMs: 30 * 86_400_000,
};
export type TokenLimits = { readonly [K in keyof typeof defaultTokenLimits]: number };

/** `pub_KEYID_SECRET`, `sub_…`, `adm_…`, `enr_…` or `kit_…`: 48 bits of key id in hex, 256 bits of secret in base64url. */
const tokenPattern = /^(?:adm|pub|sub|enr|kit)_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;
const prefixes = { publish: 'pub', read: 'sub', admin: 'adm', enrol: 'enr' } as const;
const lastUsedStepMs = 60_000;
const maxUsesRemembered = 5000;
const nothing = Buffer.alloc(32);
const columns = `id, room, access, kit, label, hash, created_ms AS createdMs, expires_ms AS expiresMs, revoked,
  last_used_ms AS lastUsedMs, successor AS exchangedFor,
  (SELECT next.id FROM tokens next WHERE next.id = tokens.successor AND next.revoked = 0) AS successor`;

/** Random secrets of 256 bits need no slow hash. */
export const sha256 = (text: string) => createHash('sha256').update(text).digest();

/** The tokens of all rooms and of the relay: shown once, kept as SHA-256 only; one that is revoked or has expired opens
 * nothing from then on, and whoever listens is told. */
export class Tokens {
  readonly #db: Database;
  readonly #byId: Statement<[string], TokenRow>;
  readonly #now: () => number;
  readonly #limits: TokenLimits;
  readonly #ended = new Set<(id: string) => void>();
  /** When each was used last, to the minute. */
  readonly #uses = new Map<string, number>();
  /** Whose use is not written yet. */
  readonly #unwritten = new Set<string>();
  /** Revoked, and the disk does not know yet. */
  readonly #struck = new Set<string>();
  /** Every token that expired before has been told of. */
  #toldMs: number;
  #keptMs: number;

  constructor(db: Database, now: () => number = Date.now, limits: Partial<TokenLimits> = {}) {
    this.#db = db;
    this.#byId = db.prepare(`SELECT ${columns} FROM tokens WHERE id = ?`);
    this.#now = now;
    this.#limits = { ...defaultTokenLimits, ...limits };
    this.#toldMs = now();
    this.#keptMs = now();
  }

  /**
   * Makes a token of an existing room, or of the relay (`room` null); the only time its secret is seen.
   * @throws {SalaError} `token-past`, `tokens-full`, `disk`
   */
  create(
    room: string | null,
    access: TokenAccess,
    label: string,
    expiresMs: number | null = null,
  ): { id: string; token: string } {
    return this.#make({ room, access, label, expiresMs });
  }

  /** The tokens of a room, or of the relay, oldest first, without anything that opens a door; expired ones for a while. */
  list(room: string | null): TokenRecord[] {
    return this.#db
      .prepare<[string | null], TokenRow>(
        `SELECT ${columns} FROM tokens WHERE room IS ? AND revoked = 0 ORDER BY created_ms, id`,
      )
      .all(room)
      .filter(({ id }) => !this.#struck.has(id))
      .flatMap((row) => {
        if (row.kit !== null) return [];
        const { hash: _, revoked: __, exchangedFor: ___, kit: ____, ...record } = row;
        return [{ ...record, lastUsedMs: this.#uses.get(record.id) ?? record.lastUsedMs }];
      });
  }

  /**
   * Revokes a token of this room, or of the relay; what it opened closes at once. False when there is none.
   * @throws {SalaError} `disk` where it is revoked, but only in memory as yet
   */
  delete(room: string | null, id: string): boolean {
    const row = this.#row(id);
    if (!row || row.kit !== null || row.room !== room || !this.#isKept(row)) return false;
    this.revoke([id]);
    return true;
  }

  /**
   * Revokes tokens by their ids; what they opened closes at once.
   * @throws {SalaError} `disk` where they are revoked, but only in memory as yet
   */
  revoke(ids: readonly string[]): void {
    if (ids.length === 0) return;
    for (const id of ids) this.#struck.add(id);
    for (const id of ids) this.#tell(id);
    if (!this.#keepStruck()) throw noDisk('The token is revoked, but would be good again after a restart now');
  }

  /** The tokens of a kit, oldest first, with those that have ended and are remembered. */
  ofKit(kit: string): KitToken[] {
    return this.#db
      .prepare<[string], TokenRow>(`SELECT ${columns} FROM tokens WHERE kit = ? ORDER BY created_ms, id`)
      .all(kit)
      .flatMap((row) => this.#kitToken(row) ?? []);
  }

  /** What is kept of a kit's token that somebody shows, also where it has ended; null where it never was one. */
  shownByKit(token: string): KitToken | null {
    const row = this.#find(token);
    return row ? this.#kitToken(row) : null;
  }

  /** Whether there is a token of the id that this one names, whoever's. */
  isTaken(token: string): boolean {
    return this.#row(idOf(token)) !== undefined;
  }

  /** Keeps a token of a kit, within the caller's transaction; returns its id. */
  insertOfKit(kit: string, access: KitTokenAccess, token: string, expiresMs: number | null): string {
    const id = idOf(token);
    this.#insert(id, { room: null, access, kit, label: kit, expiresMs }, token);
    return id;
  }

  /**
   * A second token of the same right and label, for a change without a gap: the old one ends after `overlapMs`.
   * @param expiresMs when the new one ends; undefined: when the old one would have
   * @returns null when there is no such token
   * @throws {SalaError} `token-rotating` while it is one of two already, `token-past`, `tokens-full`, `disk`
   */
  rotate(
    room: string | null,
    id: string,
    overlapMs: number,
    expiresMs?: number | null,
  ): { id: string; token: string } | null {
    const row = this.#row(id);
    if (!row || row.kit !== null || row.room !== room || !this.#isKept(row)) return null;
    const now = Math.round(this.#now());
    const isOther = (each: TokenRecord) => each.id === row.successor || each.successor === id;
    if (hasExpired(row, now)) throw past('This token has expired');
    const other = this.list(room).find((each) => isOther(each) && !hasExpired(each, now));
    if (other) throw rotating(other.id);
    const { access, label } = row;
    const endsMs = Math.min(row.expiresMs ?? Number.POSITIVE_INFINITY, now + overlapMs);
    const next = { room, access, label, expiresMs: expiresMs === undefined ? row.expiresMs : expiresMs };
    const made = this.#make(next, (successor) => {
      this.#db.prepare('UPDATE tokens SET successor = ?, expires_ms = ? WHERE id = ?').run(successor, endsMs, id);
    });
    if (endsMs <= now) this.#tell(id);
    return made;
  }

  /** Whose this token is; null when it opens nothing. Its use is noted, at most once a minute. */
  identify(token: string): TokenOwner | null {
    const row = this.#find(token);
    if (!row || !this.#isLive(row)) return null;
    this.#use(row.id, row.lastUsedMs);
    return ownerOf(row);
  }

  /** Whether it was a token of ours until it expired or was revoked: whoever shows it has not guessed. */
  hasEnded(token: string): boolean {
    const row = this.#find(token);
    return row !== undefined && !this.#isLive(row);
  }

  /** The token of this id, as long as it opens anything. */
  get(id: string): TokenOwner | null {
    const row = this.#row(id);
    return row && this.#isLive(row) ? ownerOf(row) : null;
  }

  /** Notes that it is in use. */
  use(id: string): void {
    this.#use(id, null);
  }

  /** Tells of every token that is revoked or expires by its id; returns what ends the telling. */
  onEnded(listener: (id: string) => void): () => void {
    this.#ended.add(listener);
    return () => this.#ended.delete(listener);
  }

  /** Tells of those that have expired since the last time, and writes what has to be kept; to be called twice a second. */
  sweep(): void {
    const now = Math.round(this.#now());
    const expired = this.#db
      .prepare<[number, number], { id: string }>('SELECT id FROM tokens WHERE expires_ms > ? AND expires_ms <= ?')
      .all(this.#toldMs, now);
    this.#toldMs = now; // also after the clock was set back: what expires once more is told once more
    for (const { id } of expired) this.#tell(id);
    if (this.#struck.size > 0) this.#keepStruck();
    if (Math.abs(now - this.#keptMs) >= lastUsedStepMs) this.keep();
  }

  /** Writes the last uses and forgets what ended long ago. */
  keep(): void {
    const now = Math.round(this.#now());
    this.#keptMs = now;
    const isKept = tryWrite(() =>
      this.#db.transaction(() => {
        const write = this.#db.prepare<[number, string]>('UPDATE tokens SET last_used_ms = ? WHERE id = ?');
        for (const id of this.#unwritten) write.run(this.#uses.get(id) ?? now, id);
        this.#db.prepare('DELETE FROM tokens WHERE expires_ms <= ?').run(now - this.#limits.rememberEndedMs);
      })(),
    );
    if (!isKept) return;
    this.#unwritten.clear();
    if (this.#uses.size > maxUsesRemembered) this.#uses.clear(); // of tokens that are no more; the others are written
  }

  /** `alongside` is written with it, or neither is. */
  #make(
    { room, access, label, expiresMs }: Pick<TokenRecord, 'room' | 'access' | 'label' | 'expiresMs'>,
    alongside: (id: string) => void = () => {},
  ): { id: string; token: string } {
    const now = Math.round(this.#now());
    if (hasExpired({ expiresMs }, now)) throw past('The token would have expired already');
    const { maxTokens } = this.#limits;
    if (this.list(room).filter((each) => !hasExpired(each, now)).length >= maxTokens) throw full(maxTokens);
    const id = newTokenId();
    const token = newToken(access, id);
    const isKept = tryWrite(() =>
      this.#db.transaction(() => {
        this.#insert(id, { room, access, kit: null, label, expiresMs }, token);
        alongside(id);
      })(),
    );
    if (!isKept) throw noDisk('No token was made');
    this.#db.updateCopy();
    return { id, token };
  }

  #insert(
    id: string,
    { room, access, kit, label, expiresMs }: Pick<TokenOwner, 'room' | 'access' | 'kit' | 'label' | 'expiresMs'>,
    token: string,
  ): void {
    this.#db
      .prepare(
        'INSERT INTO tokens (id, room, access, kit, label, hash, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      )
      .run(id, room, access, kit, label, sha256(token), Math.round(this.#now()), expiresMs);
  }

  #kitToken(row: TokenRow): KitToken | null {
    if (row.kit === null) return null;
    const { id, kit, access, createdMs, expiresMs, exchangedFor } = row;
    const lastUsedMs = this.#uses.get(id) ?? row.lastUsedMs;
    return { id, kit, access, createdMs, expiresMs, lastUsedMs, isRevoked: !this.#isKept(row), exchangedFor };
  }

  #find(token: string): TokenRow | undefined {
    const row = this.#row(idOf(token));
    // Compared even where there is no such key id, so that the time taken does not tell the two apart.
    return timingSafeEqual(sha256(token), row?.hash ?? nothing) ? row : undefined;
  }

  #row(id: string): TokenRow | undefined {
    return this.#byId.get(id);
  }

  #isKept = (row: TokenRow) => row.revoked === 0 && !this.#struck.has(row.id);
  #isLive = (row: TokenRow) => this.#isKept(row) && !hasExpired(row, this.#now());

  #use(id: string, writtenMs: number | null): void {
    const now = Math.round(this.#now());
    const last = this.#uses.get(id) ?? writtenMs;
    if (last !== null && Math.abs(now - last) < lastUsedStepMs) return;
    this.#uses.set(id, now);
    this.#unwritten.add(id);
  }

  #tell(id: string): void {
    for (const listener of [...this.#ended]) listener(id);
  }

  #keepStruck(): boolean {
    const now = Math.round(this.#now());
    const isKept = tryWrite(() =>
      this.#db.transaction(() => {
        const write = this.#db.prepare('UPDATE tokens SET revoked = 1, expires_ms = ? WHERE id = ?');
        for (const id of this.#struck) write.run(now, id);
      })(),
    );
    if (!isKept) return false;
    this.#struck.clear();
    this.#db.updateCopy(); // a token that was revoked must not come back with it
    return true;
  }
}

const hasExpired = ({ expiresMs }: Pick<TokenRecord, 'expiresMs'>, now: number) =>
  expiresMs !== null && expiresMs <= now;

function ownerOf(row: TokenRow): TokenOwner {
  const { id, room, label, expiresMs } = row;
  const owner = { id, room, label, expiresMs };
  return row.kit === null
    ? { ...owner, access: row.access, kit: null }
    : { ...owner, access: row.access, kit: row.kit };
}

const idOf = (token: string) => tokenPattern.exec(token)?.[1] ?? '';
const newTokenId = () => randomBytes(6).toString('hex');
/** 256 random bits as a token of this id. */
export const newToken = (access: keyof typeof prefixes, id = newTokenId()) =>
  `${prefixes[access]}_${id}_${randomBytes(32).toString('base64url')}`;

const past = (message: string) =>
  new SalaError(message, {
    code: 'token-past',
    hint: 'Name a time to come, or none for a token that never expires.',
  });

const full = (maxTokens: number) =>
  new SalaError(`There are ${maxTokens} tokens already`, {
    code: 'tokens-full',
    hint: 'Revoke those that nobody needs; one token may serve several readers.',
  });

const rotating = (other: string) =>
  new SalaError(`This token and ${other} are the old and the new one of a rotation that is under way`, {
    code: 'token-rotating',
    hint: 'Wait until the old one has ended, or revoke it.',
  });

const noDisk = (what: string) =>
  new SalaError(`${what}: the disk of the relay takes nothing at the moment`, {
    code: 'disk',
    hint: 'Make room on the disk of --data-dir; the relay goes on trying what it has begun.',
  });
