import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { CaptionsMessage } from '../relay/protocol.js';
import { TestReader, TestRelay, temporaryFolder } from './harness/programs.ts';
import { until } from './harness/until.ts';

const script = `0 1.6 in sala we use cube or netties
2 2.4 damn
2.8 3.8 say damn now
4 4.4 fine
`;

/** 100 ms that may hold words: silence is done without any final. */
const loud = new Uint8Array(Int16Array.from({ length: 1600 }, (_, i) => (i % 2 ? 4000 : -4000)).buffer);

const folder = temporaryFolder();
const dataDir = join(folder.path, 'relay');
let relay: TestRelay;
let reader: TestReader | undefined;

const start = () => TestRelay.start({ dataDir, engine: 'script:talk' });

beforeEach(async () => {
  mkdirSync(join(dataDir, 'scripts'), { recursive: true });
  writeFileSync(join(dataDir, 'scripts/talk.txt'), script);
  relay = await start();
});

afterEach(async () => {
  reader?.close();
  await relay.stop();
  folder.remove();
});

/** Everything readers were given as text. */
const texts = (messages: readonly CaptionsMessage[], type: 'caption' | 'partial') =>
  messages.flatMap((message) => (message.type === type ? [message.text ?? ''] : []));

test('partials, finals, transcript, exports and the log carry the text that the rules make of what the engine said', {
  timeout: 60_000,
}, async () => {
  const { publish, read } = await relay.room('hall', { language: 'en-US' });
  await relay.call('PUT', '/api/text-rules', { blocked: [{ word: 'damn', method: 'drop' }] });
  await relay.call('PUT', '/api/rooms/hall/text-rules', {
    replacements: [
      { find: 'sala', replace: 'Sala Verdi' },
      { find: '(?i)cube or net+ies', replace: 'Kubernetes', regex: true },
    ],
  });
  // Rules outlive the relay.
  await relay.stop();
  relay = await start();
  reader = new TestReader(() => relay.url.replace('http', 'ws'), 'hall', read, { partial: true });
  await until(() => reader?.messages.some(({ message }) => message.type === 'hello') || undefined, { what: 'hello' });

  const socket = new WebSocket(`${relay.url.replace('http', 'ws')}/ws/audio/hall?token=${publish}`);
  await new Promise((resolve) => socket.once('open', resolve));
  for (let at = 0; at < 5; at += 0.1) socket.send(loud);
  // What held a blocked word alone is no caption, and is not heard again: it is done like any other.
  const toBackfill = new Set<number>();
  await until(
    async () => {
      const { live } = await relay.call<{ live: { backfillMs: number } }>('GET', '/api/rooms/hall');
      toBackfill.add(live.backfillMs);
      return reader?.captions().some(({ text }) => text === 'fine') || undefined;
    },
    { what: 'the last caption' },
  );
  expect([...toBackfill]).toEqual([0]);

  const shown = ['in Sala Verdi we use Kubernetes', 'say now', 'fine'];
  const messages = reader.messages.map(({ message }) => message);
  expect(texts(messages, 'caption')).toEqual(shown);
  const partials = texts(messages, 'partial');
  expect(partials.some((text) => text.startsWith('in Sala Verdi we'))).toBe(true);
  expect(partials.filter((text) => /damn|\bsala\b|netties/.test(text))).toEqual([]);

  const transcript = async (ending: string) =>
    (
      await fetch(`${relay.url}/api/rooms/hall/transcript.${ending}`, { headers: { authorization: `Bearer ${read}` } })
    ).text();
  expect(await transcript('txt')).toBe(`${shown.join(' ')}\n`);
  for (const ending of ['json', 'vtt', 'srt']) {
    const text = await transcript(ending);
    for (const each of shown) expect(text).toContain(each);
    expect(text).not.toMatch(/damn|\bsala\b|netties/);
  }

  await relay.stop();
  const db = new BetterSqlite(join(dataDir, 'relay.db'), { readonly: true });
  const words = db
    .prepare<[], { words: string }>('SELECT words FROM log ORDER BY seq')
    .all()
    .map((row): [string, number, number][] => JSON.parse(row.words));
  db.close();
  expect(words.map((each) => each.map(([text]) => text).join(' '))).toEqual(shown);
  const [first = []] = words;
  expect(first.at(-1)?.[2]).toBeGreaterThan((first[0]?.[1] ?? 0) + 1500);
  for (const [i, [, from, to]] of first.entries()) {
    expect(to).toBeGreaterThan(from);
    expect(from).toBeGreaterThanOrEqual(first[i - 1]?.[2] ?? 0);
  }
});
