import { type Explained, messageOf, SalaError } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import { type Database, tryWrite } from '../database.ts';
import { type Clock, defaultPatience, Loop, type Patience, Pause, realClock, retryMs } from '../patience.ts';
import type { SpokenCaption } from '../transcript.ts';
import type { Warehouse } from './clickhouse.ts';
import { Outbox, type OutboxItem } from './outbox.ts';
import { type CanonicalAbout, deletedRow, type SinkTalk, type Source, segmentRows, talkRow } from './rows.ts';

/** What a talk is sent from; asked at each attempt, so that nothing old is sent. */
export interface SinkContents {
  /** null: it is gone. */
  talk(room: string, talk: string): SinkTalk | null;
  captions(room: string, talk: string, source: Source): Promise<readonly SpokenCaption[]>;
  /** Of the canonical transcript that readers have; null: they have the live captions. */
  canonical(room: string, talk: string): CanonicalAbout | null;
}

export interface SinkParts {
  readonly db: Database;
  readonly warehouse: Warehouse;
  readonly contents: SinkContents;
  readonly event: string;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly patience?: Patience;
}

/** What organizers are told. */
export interface SinkState {
  readonly waiting: number;
  /** When the oldest of it came; null: nothing waits. */
  readonly oldestMs: number | null;
  /** Why the last attempt did not work; null once one has. */
  readonly error: Explained | null;
  readonly nextTryMs: number | null;
}

interface Setback {
  failures: number;
  untilMs: number;
}

/**
 * Sends talks to ClickHouse. What is to be sent is on the disk until the server has it, for as many days as that takes;
 * segments go before the talk's row that makes them count, so that nobody reads half of a transcript. A talk that the
 * server does not like waits for itself; where there is no server, all wait.
 */
export class Sink {
  readonly outbox: Outbox;
  readonly #parts: SinkParts;
  readonly #clock: Clock;
  readonly #patience: Patience;
  readonly #loop = new Loop(
    (signal) => this.#next(signal),
    // The relay's own disk.
    (error) => this.#setBack(this.#server, error),
  );
  readonly #pause = new Pause();
  /** Of the server, and of talks by the outbox's id. */
  readonly #server: Setback = { failures: 0, untilMs: 0 };
  readonly #items = new Map<number, Setback>();
  #isPrepared = false;
  #error: Explained | null = null;
  /** Since the start. */
  sentTalks = 0;
  failures = 0;

  constructor(parts: SinkParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? realClock;
    this.#patience = parts.patience ?? defaultPatience;
    this.outbox = new Outbox(parts.db, () => this.#clock.now());
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#loop.stop(), this.#parts.warehouse.close()]);
  }

  /** Its live captions are new, or other than before. `mark` tells what they are now. */
  live(room: string, talk: string, mark: string): void {
    this.#add(() => this.outbox.add(room, talk, 'live', mark));
  }

  /** Readers have another canonical transcript of it than before, or none any more. */
  canonical(room: string, talk: string, mark: string): void {
    this.#add(() => this.outbox.add(room, talk, 'canonical', mark));
  }

  /** It was deleted. */
  deleted(room: string, talk: string): void {
    this.#add(() => this.outbox.addDeletion(room, talk));
  }

  get state(): SinkState {
    const waiting = this.outbox.waiting();
    const { untilMs } = this.#server;
    return {
      waiting: waiting.length,
      oldestMs: waiting.length === 0 ? null : Math.min(...waiting.map(({ addedMs }) => addedMs)),
      error: this.#error,
      nextTryMs: untilMs > this.#clock.now() ? untilMs : null,
    };
  }

  /** Where the disk does not take it, the next look at the talks finds it again. */
  #add(write: () => void): void {
    if (tryWrite(write)) this.#pause.wake();
  }

  async #next(signal: AbortSignal): Promise<void> {
    const item = this.#nextItem();
    if (item) await this.#attempt(item);
    else await this.#pause.wait(this.#waitMs(), this.#clock, signal);
  }

  #nextItem(): OutboxItem | null {
    const now = this.#clock.now();
    if (this.#server.untilMs > now) return null;
    return this.outbox.waiting().find(({ id }) => (this.#items.get(id)?.untilMs ?? 0) <= now) ?? null;
  }

  #waitMs(): number {
    const now = this.#clock.now();
    if (this.#server.untilMs > now) return this.#server.untilMs - now;
    const others = [...this.#items.values()].map(({ untilMs }) => untilMs - now).filter((ms) => ms > 0);
    return Math.min(this.#patience.maxRetryMs, ...others);
  }

  async #attempt(item: OutboxItem): Promise<void> {
    try {
      if (!this.#isPrepared) await this.#parts.warehouse.prepare();
      this.#isPrepared = true;
      await this.#send(item);
      this.outbox.done(item);
      this.#items.delete(item.id);
      this.#server.failures = 0;
      this.sentTalks += 1;
      if (this.#error) this.#parts.log.info({ event: 'sink-well' }, 'ClickHouse takes talks again');
      this.#error = null;
    } catch (error) {
      this.failures += 1;
      const isOwn = error instanceof SalaError && (error.code === 'sink-answer' || error.code === 'sink-erasing');
      const setback = this.#items.get(item.id) ?? { failures: 0, untilMs: 0 };
      if (isOwn) this.#items.set(item.id, setback);
      // Tables may have gone with the server that had them.
      this.#isPrepared = false;
      this.#setBack(isOwn ? setback : this.#server, error);
    }
  }

  async #send(item: OutboxItem): Promise<void> {
    const { warehouse, contents, event } = this.#parts;
    const { room, talk: talkId, source, revision } = item;
    const talk = contents.talk(room, talkId);
    if (source === 'deleted' || !talk) {
      await warehouse.insertTalk(deletedRow(event, room, talkId, revision));
      await warehouse.erase({ event, room, talk_id: talkId });
      return;
    }
    const canonical = contents.canonical(room, talkId);
    const captions = source === 'canonical' && !canonical ? [] : await contents.captions(room, talkId, source);
    await warehouse.insertSegments(await segmentRows(talk, source, revision, captions));
    // It may have been deleted meanwhile: that waits behind this, and what was sent just now has to be erased with it.
    if (!this.outbox.has(item)) return;
    const sent = this.outbox.sent(room, talkId);
    const revisions = { live: sent?.liveRevision ?? 0, canonical: sent?.canonicalRevision ?? 0, [source]: revision };
    await warehouse.insertTalk(talkRow(talk, revisions, canonical, revision));
    // What was hidden or corrected since is not to be found in what went before.
    await warehouse.erase({ event, room, talk_id: talkId }, { source, before: revision });
  }

  #setBack(setback: Setback, error: unknown): void {
    setback.failures += 1;
    setback.untilMs = this.#clock.now() + retryMs(setback.failures, this.#patience, this.#clock.random);
    const first = this.#error === null;
    this.#error =
      error instanceof SalaError
        ? { code: error.code, message: error.message, hint: error.hint }
        : { code: 'sink', message: messageOf(error), hint: 'The relay tries again; nothing is lost meanwhile.' };
    if (first) this.#parts.log.warn({ event: 'sink-failed', ...this.#error }, 'ClickHouse does not take talks');
  }
}
