import type { Logger } from '../systemd/log.ts';
import { type Database, tryWrite } from './database.ts';

/** What an act is told with. */
export interface Act {
  /** Which token, or `schedule`; never a secret. */
  readonly actor: string;
  /** Of the client; empty: none. */
  readonly address: string;
  /** In plain words. */
  readonly act: string;
  readonly room: string | null;
  /** Without secrets and without what was said. */
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface AuditEntry extends Act {
  /** Rising. */
  readonly id: number;
  /** Room time in ms. */
  readonly at: number;
}

export interface AuditQuery {
  /** Only entries before this id. */
  readonly before?: number | undefined;
  readonly limit: number;
  readonly room?: string | undefined;
}

export const defaultAuditLimits = {
  /** The newest are kept. */
  maxEntries: 100_000,
  /** In memory: what the disk does not take yet, and what a copy of the database may lack. */
  maxRecent: 1000,
  maxDetailLetters: 2000,
};
export type AuditLimits = { readonly [K in keyof typeof defaultAuditLimits]: number };

interface AuditRow extends Omit<AuditEntry, 'detail'> {
  readonly detail: string;
}

/**
 * What organizers did, and the relay by itself on their behalf. Each act is a line of the journal as well. While the disk
 * takes nothing, the newest are kept in memory and written as soon as it can be; what found no place there is counted.
 */
export class Audit {
  readonly #db: Database;
  readonly #log: Pick<Logger, 'info'>;
  readonly #now: () => number;
  readonly #limits: AuditLimits;
  readonly #recent: AuditRow[] = [];
  #newest: number;
  #saved: number;
  /** Acts that are in the journal alone. */
  lost = 0;

  constructor(
    db: Database,
    log: Pick<Logger, 'info'>,
    now: () => number = Date.now,
    limits: Partial<AuditLimits> = {},
  ) {
    this.#db = db;
    this.#log = log;
    this.#now = now;
    this.#limits = { ...defaultAuditLimits, ...limits };
    this.#saved = this.#newestSaved();
    this.#newest = this.#saved;
    db.onRenewed(() => {
      this.#saved = Math.min(this.#saved, this.#newestSaved());
    });
  }

  /** How many acts wait for the disk. */
  get waiting(): number {
    return this.#unsaved().length;
  }

  /** Keeps an act. */
  note({ actor, address, act, room, detail }: Act): void {
    this.#log.info({ event: 'audit', actor, address, act, room }, 'noted in the audit log');
    const written = JSON.stringify(detail);
    const isLong = written.length > this.#limits.maxDetailLetters;
    this.#newest++;
    this.#recent.push({
      ...{ id: this.#newest, at: Math.round(this.#now()), actor, address, act, room },
      detail: isLong ? '{"tooLong":true}' : written,
    });
    this.flush();
    if (this.#recent.length <= this.#limits.maxRecent) return;
    const gone = this.#recent.shift();
    if (gone && gone.id > this.#saved) this.lost++;
  }

  /** The newest first. */
  list({ before = Number.MAX_SAFE_INTEGER, limit, room }: AuditQuery): { entries: AuditEntry[]; truncated: boolean } {
    this.flush();
    const isAsked = (each: AuditRow) => each.id < before && (room === undefined || each.room === room);
    const waiting = this.#unsaved().filter(isAsked).reverse();
    const saved = this.#db
      .prepare<[number, string | null, string | null, number], AuditRow>(
        `SELECT id, at_ms AS at, actor, address, act, room, detail FROM audit
         WHERE id < ? AND (? IS NULL OR room = ?) ORDER BY id DESC LIMIT ?`,
      )
      .all(Math.min(before, this.#saved + 1), room ?? null, room ?? null, limit + 1);
    const rows = [...waiting, ...saved];
    return { entries: rows.slice(0, limit).map(entryOf), truncated: rows.length > limit };
  }

  /** Writes what waits for the disk. */
  flush(): void {
    const unsaved = this.#unsaved();
    if (unsaved.length === 0) return;
    const isKept = tryWrite(() =>
      this.#db.transaction(() => {
        const write = this.#db.prepare(
          'INSERT INTO audit (id, at_ms, actor, address, act, room, detail) VALUES (?, ?, ?, ?, ?, ?, ?)',
        );
        for (const { id, at, actor, address, act, room, detail } of unsaved)
          write.run(id, at, actor, address, act, room, detail);
        this.#db.prepare('DELETE FROM audit WHERE id <= ?').run(this.#newest - this.#limits.maxEntries);
      })(),
    );
    if (isKept) this.#saved = this.#newest;
  }

  #unsaved(): AuditRow[] {
    return this.#recent.filter(({ id }) => id > this.#saved);
  }

  #newestSaved(): number {
    return Number(this.#db.prepare('SELECT coalesce(max(id), 0) FROM audit').pluck().get());
  }
}

function entryOf({ detail, ...rest }: AuditRow): AuditEntry {
  const value: Record<string, unknown> = JSON.parse(detail);
  return { ...rest, detail: value };
}
