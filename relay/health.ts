import { messageOf } from '../systemd/errors.ts';
import type { Database } from './database.ts';

export interface HealthReport {
  readonly ok: boolean;
  readonly status: 'ok' | 'ready' | 'stopping' | 'failing';
  readonly message?: string;
}

/** Whether the relay lives (the event loop and the database answer) and whether it takes newcomers. */
export class RelayHealth {
  readonly #db: Pick<Database, 'prepare'>;
  #stopping = false;

  constructor(db: Pick<Database, 'prepare'>) {
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
    return live.ok ? { ok: true, status: 'ready' } : live;
  }
}
