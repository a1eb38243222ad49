import type { ClickHouseClient } from '@clickhouse/client';
import { codeOf, messageOf, SalaError } from '../../systemd/errors.ts';
import { tables } from './ddl.ts';
import type { SegmentRow, Source, TalkRow } from './rows.ts';

/** Where rows of talks go. Every call may be made twice. */
export interface Warehouse {
  /** Makes the tables that are missing. */
  prepare(): Promise<void>;
  insertSegments(rows: readonly SegmentRow[]): Promise<void>;
  insertTalk(row: TalkRow): Promise<void>;
  /**
   * Erases a talk's segments of a source from before a revision; or all that is of it, but for the word that it was deleted.
   * Resolves when they are gone.
   */
  erase(talk: Pick<TalkRow, 'event' | 'room' | 'talk_id'>, only?: { source: Source; before: number }): Promise<void>;
  close(): Promise<void>;
}

export interface ClickHouseSettings {
  readonly url: string;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly sleep: (ms: number) => Promise<void>;
}

const timeoutMs = 30_000;
const rowsAtOnce = 5000;
/** An erasure takes a second or so; what takes longer is asked for again later. */
const erasureChecks = 20;
const erasureCheckMs = 250;

const hints = {
  refused:
    'Check --clickhouse-user and --clickhouse-password-file, and that this user may write to --clickhouse-database.',
  answer: 'Look into the server’s log; the relay tries again for as long as it takes, and nothing is lost meanwhile.',
  away: 'Check --clickhouse-url, and whether the server runs; the relay tries again for as long as it takes.',
};
/** Of ClickHouse: unknown user, wrong password, no access, and the same since 20.3. */
const refusals: ReadonlySet<string> = new Set(['192', '193', '194', '195', '291', '497', '516']);

/** ClickHouse over HTTP; the client is loaded when it is used first. */
export class ClickHouse implements Warehouse {
  readonly #settings: ClickHouseSettings;
  readonly #closing = new AbortController();
  #client: Promise<ClickHouseClient> | undefined;

  constructor(settings: ClickHouseSettings) {
    this.#settings = settings;
  }

  async prepare(): Promise<void> {
    for (const query of tables) await this.#try((client) => client.command({ query, abort_signal: this.#signal }));
  }

  async insertSegments(rows: readonly SegmentRow[]): Promise<void> {
    for (let from = 0; from < rows.length; from += rowsAtOnce)
      await this.#insert('segments', rows.slice(from, from + rowsAtOnce));
  }

  async insertTalk(row: TalkRow): Promise<void> {
    await this.#insert('talks', [row]);
  }

  async erase(
    { event, room, talk_id }: Pick<TalkRow, 'event' | 'room' | 'talk_id'>,
    only?: { source: Source; before: number },
  ): Promise<void> {
    const place = `event = ${quoted(event)} AND room = ${quoted(room)} AND talk_id = ${quoted(talk_id)}`;
    const part = only ? ` AND source = ${quoted(only.source)} AND revision < ${Math.trunc(only.before)}` : '';
    await this.#eraseFrom('segments', `${place}${part}`);
    // What was merged away is on the server's disk until it merges, which may be never; its title is there.
    if (!only) await this.#eraseFrom('talks', `${place} AND is_deleted = 0`);
  }

  async #eraseFrom(table: string, where: string): Promise<void> {
    const left = `${table} WHERE ${where}`;
    // A mutation rewrites whole parts: not where there is nothing to erase.
    if ((await this.#count(left)) === 0) return;
    await this.#try((client) =>
      client.command({ query: `ALTER TABLE ${table} DELETE WHERE ${where}`, abort_signal: this.#signal }),
    );
    for (let check = 0; check < erasureChecks; check += 1) {
      if ((await this.#count(left)) === 0) return;
      await this.#settings.sleep(erasureCheckMs);
    }
    throw new SalaError('ClickHouse has not erased a talk yet.', { code: 'sink-erasing', hint: hints.answer });
  }

  /** What is under way is given up. */
  async close(): Promise<void> {
    this.#closing.abort();
    await (await this.#client)?.close();
  }

  get #signal(): AbortSignal {
    return this.#closing.signal;
  }

  async #insert(table: string, values: readonly object[]): Promise<void> {
    await this.#try((client) => client.insert({ table, values, format: 'JSONEachRow', abort_signal: this.#signal }));
  }

  async #count(from: string): Promise<number> {
    const rows = await this.#try(async (client) => {
      const result = await client.query({
        query: `SELECT count() AS n FROM ${from}`,
        format: 'JSONEachRow',
        abort_signal: this.#signal,
      });
      return result.json<{ n: string }>();
    });
    return Number(rows[0]?.n ?? 0);
  }

  async #try<T>(work: (client: ClickHouseClient) => Promise<T>): Promise<T> {
    try {
      this.#client ??= this.#open();
      return await work(await this.#client);
    } catch (error) {
      throw explained(error);
    }
  }

  async #open(): Promise<ClickHouseClient> {
    const { createClient, ClickHouseLogLevel } = await import('@clickhouse/client');
    const { url, database, user: username, password } = this.#settings;
    return createClient({
      ...{ url, database, username, password, application: 'sala', request_timeout: timeoutMs },
      max_open_connections: 2,
      // Errors of it come as errors; its own log would have texts in it.
      log: { level: ClickHouseLogLevel.OFF },
    });
  }
}

const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** Without what was sent: a server quotes rows in its errors, and those are for nobody's log. */
function explained(error: unknown): SalaError {
  if (error instanceof SalaError) return error;
  const told = codeOf(error);
  // Servers before 20 write their errors in a form that the client leaves as it is.
  const code = /^\d+$/.test(told) ? told : /^Code: (\d+)/.exec(messageOf(error))?.[1];
  if (code === undefined)
    return new SalaError(`ClickHouse cannot be reached${/^[A-Z_]+$/.test(told) ? `: ${told}` : ''}.`, {
      code: 'sink-away',
      hint: hints.away,
    });
  if (refusals.has(code))
    return new SalaError(`ClickHouse refuses the relay (its error ${code}).`, {
      code: 'sink-refused',
      hint: hints.refused,
    });
  return new SalaError(`ClickHouse answers with its error ${code}.`, { code: 'sink-answer', hint: hints.answer });
}
