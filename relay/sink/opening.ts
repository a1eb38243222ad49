import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { ClickHouse } from './clickhouse.ts';
import { RelayTalks, type RelayTalksParts } from './relay-talks.ts';
import { Sink, type SinkParts } from './sink.ts';
import { SinkWatch } from './watch.ts';

export interface SinkOptions {
  readonly event: string;
  readonly clickhouseUrl?: string | undefined;
  readonly clickhouseDatabase: string;
  readonly clickhouseUser: string;
  readonly clickhousePasswordFile?: string | undefined;
}

type OpeningParts = Omit<RelayTalksParts, 'event'> & Pick<SinkParts, 'log' | 'clock'>;

/** The sink, and what gives it talks. */
export interface OpenSink {
  readonly sink: Sink;
  readonly watch: SinkWatch;
}

/** The sink as the relay's options say; null: there is none. The server is not asked yet. */
export function openSink(options: SinkOptions, { log, clock, ...parts }: OpeningParts): OpenSink | null {
  const { event, clickhouseUrl: url, clickhouseDatabase: database, clickhouseUser: user } = options;
  if (url === undefined) return null;
  const password = readPassword(options.clickhousePasswordFile);
  const talks = new RelayTalks({ ...parts, event });
  const warehouse = new ClickHouse({ url, database, user, password, sleep: (ms) => delay(ms) });
  const sink = new Sink({ db: parts.db, warehouse, contents: talks, event, log, ...(clock && { clock }) });
  return { sink, watch: new SinkWatch({ sink, talks, log, ...(clock && { clock }) }) };
}

/** @throws what reading a file throws */
export const readPassword = (file: string | undefined): string =>
  file === undefined ? '' : readFileSync(file, 'utf8').trim();
