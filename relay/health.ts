import { basename } from 'node:path';
import { messageOf } from '../systemd/errors.ts';
import type { Database } from './database.ts';
import { isDiskFault, type Renewal } from './database-handle.ts';

/** Since the last success of each, ms; null: not yet. */
export interface HealthAges {
  readonly databaseReadMs: number;
  readonly databaseWriteMs: number;
  readonly databaseCopyMs: number | null;
  /** Audio to disk; grows while none comes. */
  readonly spoolSyncMs: number | null;
  /** Every room is looked after once a second: what it is more is how late the event loop is. */
  readonly roomsMs: number | null;
}

export interface HealthReport {
  readonly ok: boolean;
  readonly status: 'ok' | 'ready' | 'stopping' | 'failing';
  /** What is wrong, also where the relay lives with it. */
  readonly message?: string;
  readonly ages: HealthAges;
}

export interface HealthParts {
  readonly db: Pick<Database, 'prepare' | 'renewal' | 'readAtMs' | 'wroteAtMs' | 'copiedAtMs'>;
  readonly spool?: { readonly syncedAtMs: number | null; readonly fault: string };
  readonly rooms?: { readonly tickedAtMs: number };
}

/** Without a success for so long a new start is worth a try: until then it may heal by itself. */
const maxAgeMs = 30_000;
/** A success younger than this is evidence enough: whoever asks often costs the disk no more. */
const freshMs = 5000;
/** While something fails. */
const retryMs = 1000;

/**
 * Whether the relay lives and whether it takes newcomers, by the age of the last success of what it is there for. What heals
 * without a new start, a full disk above all, is told and is no reason to end a relay that captions from memory meanwhile.
 */
export class RelayHealth {
  readonly #parts: HealthParts;
  #stopping = false;
  /** When it was last tried, and what became of it. */
  #read = { atMs: Number.NEGATIVE_INFINITY, fault: '' };
  #write = { atMs: Number.NEGATIVE_INFINITY, fault: '' };

  constructor(parts: HealthParts) {
    this.#parts = parts;
  }

  /** From now on not ready: a balancer sends newcomers elsewhere. */
  stop(): void {
    this.#stopping = true;
  }

  /** Whether it is worth keeping: fails where only a new start could help. */
  live(): HealthReport {
    this.#probe();
    const ages = this.#ages();
    const { databaseReadMs, roomsMs } = ages;
    const message = this.#message();
    const isFailing = databaseReadMs > maxAgeMs || (roomsMs ?? 0) > maxAgeMs;
    return { ok: !isFailing, status: isFailing ? 'failing' : 'ok', ...(message && { message }), ages };
  }

  /** For a watchdog. @throws what only a new start could help */
  async proveLife(): Promise<void> {
    const { ok, message } = this.live();
    if (!ok) throw new Error(message ?? 'nothing has worked for too long');
  }

  /** Whether newcomers are served: fails while it stops, and as soon as the database cannot be read. */
  ready(): HealthReport {
    const live = this.live();
    const { ages } = live;
    if (this.#stopping) return { ok: false, status: 'stopping', message: 'The relay is stopping', ages };
    if (!live.ok || this.#read.fault) return { ...live, ok: false, status: 'failing' };
    const { renewal } = this.#parts.db;
    const message = [live.message, renewal && renewedInWords(renewal)].filter(Boolean).join(' ');
    return { ok: true, status: 'ready', ...(message && { message }), ages };
  }

  #ages(): HealthAges {
    const { db, spool, rooms } = this.#parts;
    const since = (atMs: number) => Math.max(0, Math.round(performance.now() - atMs));
    const sinceAny = (atMs: number | null | undefined) => (atMs == null ? null : since(atMs));
    return {
      databaseReadMs: since(db.readAtMs),
      databaseWriteMs: since(db.wroteAtMs),
      databaseCopyMs: sinceAny(db.copiedAtMs),
      spoolSyncMs: sinceAny(spool?.syncedAtMs),
      roomsMs: sinceAny(rooms?.tickedAtMs),
    };
  }

  /** Where the last success is no fresh evidence, tries for itself. */
  #probe(): void {
    const { db } = this.#parts;
    this.#read = this.#try(this.#read, db.readAtMs, () => db.prepare('SELECT value FROM meta LIMIT 1').get());
    this.#write = this.#try(this.#write, db.wroteAtMs, () =>
      db
        .prepare(`INSERT INTO meta (key, value) VALUES ('probed', ?) ON CONFLICT DO UPDATE SET value = excluded.value`)
        .run(new Date().toISOString()),
    );
  }

  #try(last: { atMs: number; fault: string }, succeededAtMs: number, work: () => void): typeof last {
    const now = performance.now();
    const fault = succeededAtMs > last.atMs ? '' : last.fault;
    if (now - Math.max(last.atMs, succeededAtMs) < (fault ? retryMs : freshMs)) return { ...last, fault };
    try {
      work();
      return { atMs: now, fault: '' };
    } catch (error) {
      return { atMs: now, fault: inWords(error) };
    }
  }

  #message(): string {
    const { spool } = this.#parts;
    if (this.#read.fault) return `The database does not answer: ${this.#read.fault}`;
    const write = this.#write.fault && `The database takes nothing: ${this.#write.fault}.`;
    return [write, spool?.fault].filter(Boolean).join(' ');
  }
}

const inWords = (error: unknown) =>
  isDiskFault(error) ? `${messageOf(error)}; captions go on from memory until the disk takes them` : messageOf(error);

/** For organizers: what happened to the database, and what is left to do. */
const renewedInWords = ({ atMs, reason, keptAs }: Renewal) =>
  `At ${new Date(atMs).toISOString()} the database was damaged (${reason}) and its copy took its place. The damaged file is kept as ${basename(keptAs)} in the data folder; have the disk checked.`;
