import { SalaError } from '../systemd/errors.ts';
import type { Right } from './access.ts';
import { type Database, tryWrite } from './database.ts';
import type { Statement } from './database-handle.ts';
import type { KitHealth, KitKind, KitUpdate } from './kit-protocol.ts';
import { type Exchange, type KitAccess, KitTokens } from './kit-tokens.ts';
import type { Tokens } from './tokens.ts';

/** What a kit said of itself last. */
export interface KitTold {
  readonly version?: string;
  /** Of the machine. */
  readonly serial?: string;
  readonly health?: KitHealth;
  /** When it said that; room time. */
  readonly healthMs?: number;
  /** Of the release that was offered last. */
  readonly update?: KitUpdate;
  readonly updateMs?: number;
}

export interface KitRecord {
  readonly name: string;
  readonly kind: KitKind;
  readonly label: string;
  /** null: its room was deleted, and it has no other yet. */
  readonly room: string | null;
  readonly createdMs: number;
  /** When its card was exchanged for a key, the last time; null: not yet. */
  readonly enrolledMs: number | null;
  /** The last sign of it; null: none. */
  readonly seenMs: number | null;
  readonly told: KitTold;
}

/** What a kit's key opens of a room. */
export type KitOpening =
  /** It serves the room. */
  | 'room'
  /** It served the room: it may hand in what it heard at that time. */
  | 'former-room'
  | 'wrong-right'
  | 'wrong-room';

/** A stretch of room time. */
export type Stretch = readonly [fromMs: number, toMs: number];

export const defaultKitLimits = {
  maxKits: 500,
  enrolmentMs: 30 * 86_400_000,
  /** A kit hears of another room a little later, and clocks are placed to some accuracy. */
  graceMs: 30_000,
  /** How often a kit may change its room and be remembered for it: the oldest are forgotten. */
  maxRooms: 200,
};
export type KitLimits = { readonly [K in keyof typeof defaultKitLimits]: number };

interface KitRow extends Omit<KitRecord, 'told'> {
  readonly told: string;
}

const keepIntervalMs = 60_000;
const rightsOf: Readonly<Record<KitKind, readonly Right[]>> = {
  device: ['publish'],
  display: ['read'],
  solo: ['publish', 'read'],
};

/**
 * The kits, which room each serves and served, and what they said of themselves last. A kit's key gives what its kind needs
 * in the room it serves at the moment, and opens the rooms it served before for what it heard there at that time.
 */
export class Kits {
  readonly #tokens: KitTokens;
  readonly #db: Database;
  readonly #now: () => number;
  readonly #limits: KitLimits;
  readonly #byName: Statement<[string], KitRow>;
  readonly #roomTimes: Statement<[string], RoomTime>;
  /** What kits said since it was last written. */
  readonly #told = new Map<string, { seenMs: number; told: KitTold }>();
  readonly #moved = new Set<(kit: string, room: string | null) => void>();
  #keptMs: number;

  constructor(db: Database, tokens: Tokens, now: () => number = Date.now, limits: Partial<KitLimits> = {}) {
    this.#db = db;
    this.#now = now;
    this.#limits = { ...defaultKitLimits, ...limits };
    this.#tokens = new KitTokens(db, tokens, now);
    this.#byName = db.prepare(`${select} WHERE name = ?`);
    this.#roomTimes = db.prepare(
      'SELECT room, from_ms AS fromMs, to_ms AS toMs FROM kit_rooms WHERE kit = ? ORDER BY from_ms, id',
    );
    this.#keptMs = now();
  }

  all(): KitRecord[] {
    return this.#db
      .prepare<[], KitRow>(`${select} ORDER BY name`)
      .all()
      .map((row) => this.#record(row));
  }

  get(name: string): KitRecord | null {
    const row = this.#byName.get(name);
    return row ? this.#record(row) : null;
  }

  /** How it can come in. */
  accessOf(name: string): KitAccess {
    return this.#tokens.of(name);
  }

  /**
   * A new kit for an existing room, with what enrols it: shown this once.
   * @throws {SalaError} `kit-exists`, `kits-full`, `disk`
   */
  create(name: string, kind: KitKind, room: string, label: string): { token: string; expiresMs: number } {
    if (this.get(name)) throw exists(name);
    const { maxKits } = this.#limits;
    if (this.all().length >= maxKits) throw full(maxKits);
    const now = Math.round(this.#now());
    this.#write(() => {
      this.#db
        .prepare('INSERT INTO kits (name, kind, label, created_ms) VALUES (?, ?, ?, ?)')
        .run(name, kind, label, now);
      this.#insertRoom(name, room, now);
    });
    return this.renew(name);
  }

  /** Another token to enrol an existing kit with, and the end of an earlier one; the key of before ends when it is used.
   * @throws {SalaError} `disk` */
  renew(name: string): { token: string; expiresMs: number } {
    const expiresMs = Math.round(this.#now()) + this.#limits.enrolmentMs;
    return { token: this.#tokens.enrolment(name, expiresMs), expiresMs };
  }

  /**
   * Exchanges an enrolment token for the key that a kit made; see `KitTokens.exchange`.
   * @throws {SalaError} as that does
   */
  enrol(
    token: string,
    key: string,
    said: { version: string; serial?: string | undefined },
  ): Exchange & { record: KitRecord } {
    const now = Math.round(this.#now());
    const { kit, isRepeated } = this.#tokens.exchange(token, key, (name) => {
      this.#db.prepare('UPDATE kits SET enrolled_ms = ? WHERE name = ?').run(now, name);
    });
    const { version, serial } = said;
    this.heard(kit, { version, ...(serial !== undefined && { serial }) });
    const record = this.get(kit);
    if (!record) throw unknownKit(kit);
    return { kit, isRepeated, record };
  }

  /** Whose enrolment token or key this is, or was; null: nobody's. */
  ownerOf(token: string): string | null {
    return this.#tokens.ownerOf(token);
  }

  /** Revokes a kit: its key opens nothing from now on. False when there is none. @throws {SalaError} `disk` */
  delete(name: string): boolean {
    if (!this.get(name)) return false;
    this.#tokens.revoke(name);
    this.#write(() => this.#db.prepare('DELETE FROM kits WHERE name = ?').run(name));
    this.#told.delete(name);
    return true;
  }

  /** From now on the kit serves an existing room; whoever listens is told where that is another. @throws {SalaError} `disk` */
  assign(name: string, room: string): void {
    const last = this.#roomsOf(name).at(-1);
    if (last?.toMs === null && last.room === room) return;
    // A clock that was set back must not make a stretch end before it began.
    const now = Math.max(Math.round(this.#now()), last?.fromMs ?? 0);
    this.#write(() => {
      this.#db.prepare('UPDATE kit_rooms SET to_ms = ? WHERE kit = ? AND to_ms IS NULL').run(now, name);
      this.#insertRoom(name, room, now);
    });
    for (const listener of [...this.#moved]) listener(name, room);
  }

  /** Calls `listener` when a kit serves another room; returns what ends it. */
  onMoved(listener: (kit: string, room: string | null) => void): () => void {
    this.#moved.add(listener);
    return () => this.#moved.delete(listener);
  }

  /** The room a kit serves; null: none. */
  roomOf(name: string): string | null {
    const last = this.#roomsOf(name).at(-1);
    return last?.toMs === null ? last.room : null;
  }

  /**
   * A kit connects and hears which room it serves. One that gave no sign since that was decided went on serving the room
   * before until now: what it heard there is that room's, and nobody else's. To be called before it counts as heard.
   */
  learns(name: string): void {
    const record = this.get(name);
    const [before, last] = this.#roomsOf(name).slice(-2);
    if (!record || !last || last.toMs !== null || before?.toMs !== last.fromMs) return;
    if (record.enrolledMs === null || (record.seenMs ?? 0) >= last.fromMs) return;
    const write = this.#db.prepare('UPDATE kit_rooms SET to_ms = ? WHERE kit = ? AND to_ms = ?');
    tryWrite(() => write.run(Math.max(Math.round(this.#now()), last.fromMs), name, last.fromMs));
  }

  /** What a kit's key opens. */
  opens(name: string, right: Right, room: string | null): KitOpening {
    const kind = this.#byName.get(name)?.kind;
    if (!kind || !rightsOf[kind].includes(right)) return 'wrong-right';
    if (room !== null && this.roomOf(name) === room) return 'room';
    const hasServed = right === 'publish' && this.#roomsOf(name).some((each) => each.room === room);
    return hasServed ? 'former-room' : 'wrong-room';
  }

  /** When a kit was to serve a room, with the grace at both ends; sorted, apart from each other. Room time; the end is open
   * (infinite) while it still does. */
  served(name: string, room: string): Stretch[] {
    const { graceMs } = this.#limits;
    const stretches: [number, number][] = [];
    for (const each of this.#roomsOf(name)) {
      if (each.room !== room) continue;
      const [fromMs, toMs] = [each.fromMs - graceMs, (each.toMs ?? Number.POSITIVE_INFINITY) + graceMs];
      const last = stretches.at(-1);
      if (last && fromMs <= last[1]) last[1] = Math.max(last[1], toMs);
      else stretches.push([fromMs, toMs]);
    }
    return stretches;
  }

  /** A kit gave a sign, and maybe said something of itself. */
  heard(name: string, told: KitTold = {}): void {
    const known = this.#told.get(name)?.told ?? this.get(name)?.told;
    if (known) this.#told.set(name, { seenMs: Math.round(this.#now()), told: { ...known, ...told } });
  }

  /** Writes what kits said, once a minute; to be called often. */
  sweep(): void {
    if (Math.abs(this.#now() - this.#keptMs) >= keepIntervalMs) this.keep();
  }

  /** Writes what kits said. */
  keep(): void {
    this.#keptMs = this.#now();
    if (this.#told.size === 0) return;
    const isKept = tryWrite(() =>
      this.#db.transaction(() => {
        const write = this.#db.prepare('UPDATE kits SET seen_ms = ?, told = ? WHERE name = ?');
        for (const [name, { seenMs, told }] of this.#told) write.run(seenMs, JSON.stringify(told), name);
      })(),
    );
    if (isKept) this.#told.clear();
  }

  #record(row: KitRow): KitRecord {
    const newer = this.#told.get(row.name);
    return { ...row, told: newer?.told ?? JSON.parse(row.told), seenMs: newer?.seenMs ?? row.seenMs };
  }

  #roomsOf = (name: string) => this.#roomTimes.all(name);

  #insertRoom(kit: string, room: string, fromMs: number): void {
    this.#db.prepare('INSERT INTO kit_rooms (kit, room, from_ms) VALUES (?, ?, ?)').run(kit, room, fromMs);
    const last = 'SELECT id FROM kit_rooms WHERE kit = ? ORDER BY id DESC LIMIT ?';
    this.#db
      .prepare(`DELETE FROM kit_rooms WHERE kit = ? AND id NOT IN (${last})`)
      .run(kit, kit, this.#limits.maxRooms);
  }

  #write(work: () => void): void {
    if (!tryWrite(() => this.#db.transaction(work)())) throw noDisk();
    this.#db.updateCopy();
  }
}

interface RoomTime {
  readonly room: string;
  readonly fromMs: number;
  readonly toMs: number | null;
}

const select = `SELECT name, kind, label, created_ms AS createdMs, enrolled_ms AS enrolledMs, seen_ms AS seenMs, told,
  (SELECT room FROM kit_rooms WHERE kit = name AND to_ms IS NULL) AS room FROM kits`;

export const unknownKit = (name: string) =>
  new SalaError(`There is no kit "${name}"`, {
    code: 'kit-unknown',
    hint: 'Make it with POST /api/kits, or correct the name.',
  });

const exists = (name: string) =>
  new SalaError(`There is a kit "${name}" already`, {
    code: 'kit-exists',
    hint: 'Make a new enrolment token for it, or revoke it first.',
  });

const full = (maxKits: number) =>
  new SalaError(`There are ${maxKits} kits already`, { code: 'kits-full', hint: 'Revoke those that are not in use.' });

const noDisk = () =>
  new SalaError('The disk of the relay takes nothing at the moment', {
    code: 'disk',
    hint: 'Make room on the disk of --data-dir, and try again.',
  });
