import { basename } from 'node:path';
import { messageOf } from '../systemd/errors.ts';
import type { Database } from './database.ts';
import type { Renewal } from './database-handle.ts';

export interface HealthReport {
  readonly ok: boolean;
  readonly status: 'ok' | 'ready' | 'stopping' | 'failing';
  readonly message?: string;
}

/** Whether the relay lives (the event loop and the database answer) and whether it takes newcomers. */
export class RelayHealth {
  readonly #db: Pick<Database, 'prepare' | 'renewal'>;
  #stopping = false;

  constructor(db: Pick<Database, 'prepare' | 'renewal'>) {
    this.#db = db;
  }

  /** From now on not ready: a balancer sends newcomers elsewhere. */
  stop(): void {
    this.#stopping = true;
  }

  /** That there is an answer at all shows that the event loop turns. */
  live(): HealthReport {
    try {
      this.#db.prepare('SELECT value FROM meta LIMIT 1').get();
      return { ok: true, status: 'ok' };
    } catch (error) {
      return { ok: false, status: 'failing', message: `The database does not answer: ${messageOf(error)}` };
    }
  }

  ready(): HealthReport {
    if (this.#stopping) return { ok: false, status: 'stopping', message: 'The relay is stopping' };
    const live = this.live();
    if (!live.ok) return live;
    return { ok: true, status: 'ready', ...(this.#db.renewal ? { message: renewedInWords(this.#db.renewal) } : {}) };
  }
}

/** For organizers: what happened to the database, and what is left to do. */
const renewedInWords = ({ atMs, reason, keptAs }: Renewal) =>
  `At ${new Date(atMs).toISOString()} the database was damaged (${reason}) and its copy took its place. The damaged file is kept as ${basename(keptAs)} in the data folder; have the disk checked.`;
