import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CaptionLog } from '../relay/captions.ts';
import { type Database, openDatabase } from '../relay/database.ts';
import type { LogMessage } from '../relay/protocol.js';
import { Rooms } from '../relay/rooms.ts';
import { temporaryFolder } from './harness/programs.ts';

let folder: ReturnType<typeof temporaryFolder>;
let db: Database;
let log: CaptionLog;

beforeEach(() => {
  folder = temporaryFolder();
  db = openDatabase(folder.path);
  const { logId } = new Rooms(db, { language: 'en-US', engine: 'script:x' }).put('hall', {});
  log = new CaptionLog(db, 'hall', logId);
});
afterEach(() => {
  db.close();
  folder.remove();
});

const say = (text: string) => {
  const place = { start: log.seq * 1000, end: log.seq * 1000 + 900, stream: 's', from: 0, to: 1 };
  return log.append({ text, language: 'en-US', speaker: null, late: false, ...place });
};
const amend = (of: number, text: string | null, at = 7) => log.amend(of, text, at);
const wordsOf = (messages: readonly LogMessage[]) =>
  messages.map((message) => ('text' in message ? `${message.type} ${message.text}` : message.type));
/** All of the log, by pages. */
function pages(limit: number): LogMessage[] {
  const all: LogMessage[] = [];
  for (let page = log.after(0, limit); page.length > 0; page = log.after(all.at(-1)?.seq ?? 0, limit)) {
    expect(page.length).toBeLessThanOrEqual(limit);
    all.push(...page);
  }
  return all;
}
/** What SQLite itself says of a disk without space. */
const fill = () => {
  db.pragma(`max_page_count = ${Number(db.pragma('page_count', { simple: true }))}`);
  for (let i = 0; log.unsaved === 0 && i < 50; i++) say('x'.repeat(9000));
  expect(log.unsaved).toBeGreaterThan(0);
};
const makeRoom = () => db.pragma('max_page_count = 1000000');

describe.each([
  ['as it is saved', () => {}],
  ['while the disk takes nothing', fill],
])('the log, %s', (_, meanwhile) => {
  test('sends a corrected caption in its present words, and a hidden one in none; its old words never', () => {
    const wrong = say('the old words');
    const secret = say('the secret');
    meanwhile();
    amend(wrong.seq, 'the first try');
    amend(wrong.seq, 'the new words');
    amend(secret.seq, null);
    const sent = JSON.stringify(pages(3));
    expect(sent).not.toMatch(/old words|first try|secret/);
    const told = pages(100).filter(({ type }) => type === 'amend');
    expect(told).toEqual([
      { type: 'amend', seq: expect.any(Number), of: wrong.seq, text: 'the new words', at: 7 },
      { type: 'amend', seq: expect.any(Number), of: secret.seq, text: null, at: 7 },
    ]);
    expect(wordsOf(log.after(0, 2))).toEqual(['caption the new words', 'caption ']);
  });

  test('keeps an act that says the same again from being one', () => {
    const { seq } = say('as said');
    meanwhile();
    const first = log.seq;
    expect(amend(seq, 'as said')).toEqual({ message: { type: 'amend', seq, of: seq, text: 'as said' }, isNew: false });
    const hidden = amend(seq, null);
    expect(hidden).toMatchObject({ message: { seq: first + 1, text: null }, isNew: true });
    expect(amend(seq, null, 99)).toEqual({ message: hidden?.message, isNew: false });
    expect(amend(seq, 'as said')).toMatchObject({ message: { seq: first + 2, text: 'as said' }, isNew: true });
    expect(log.seq).toBe(first + 2);
    expect(wordsOf(log.after(seq - 1, 1))).toEqual(['caption as said']);
  });

  test('has no act on what is no caption', () => {
    const { seq } = say('one');
    meanwhile();
    const clear = log.clear(5);
    const act = amend(seq, 'two');
    const last = log.seq;
    for (const of of [0, 99_999, clear.seq, act?.message.seq ?? 0]) expect(amend(of, 'x')).toBeNull();
    expect(log.seq).toBe(last);
  });

  test('has all acts, with their time, for the next start', () => {
    const { seq } = say('one');
    meanwhile();
    const acts = [log.pause(true, 10), log.clear(11), log.pause(false, 12), amend(seq, 'two', 13)?.message];
    expect(log.history.isPaused()).toBe(false);
    expect(log.history.newestClear()).toEqual(acts[1]);
    const last = log.pause(true, 14);
    expect(last).toEqual({ type: 'pause', seq: log.seq, at: 14 });
    const all = pages(100);
    expect(all.slice(-5)).toEqual([...acts, last]);
    makeRoom();
    expect(log.flush()).toBe(true);
    const again = new CaptionLog(db, 'hall', log.id);
    expect(again.after(0, 1000)).toEqual(all);
    expect([again.history.isPaused(), again.history.newestClear()]).toEqual([true, acts[1]]);
  });

  test('lists the newest captions for the organizer, as said and as shown', () => {
    for (let i = 1; i <= 5; i++) say(`saved ${i}`);
    meanwhile();
    const { seq } = say('last');
    amend(seq, 'corrected');
    amend(4, null);
    const newest = log.history.newest(100).filter(({ caption }) => !caption.text.startsWith('xxx'));
    expect(newest.map(({ caption, amend: act }) => [caption.text, act ? act.text : undefined])).toEqual([
      ['last', 'corrected'],
      ['saved 5', undefined],
      ['saved 4', null],
      ['saved 3', undefined],
      ['saved 2', undefined],
      ['saved 1', undefined],
    ]);
    expect(log.history.newest(1)).toHaveLength(1);
  });

  test('knows in which words a hidden caption was shown last', () => {
    const corrected = say('as said').seq;
    const hidden = say('never corrected').seq;
    amend(corrected, 'the first try');
    meanwhile();
    expect(log.history.wordsOf(corrected)).toBe('the first try');
    amend(corrected, 'the correction');
    for (const seq of [corrected, hidden]) amend(seq, null);
    expect([corrected, hidden].map((seq) => log.history.wordsOf(seq))).toEqual(['the correction', 'never corrected']);
    expect(log.history.wordsOf(99_999)).toBeNull();
  });
});

test('a thousand corrections of one caption are one message, and cost no page more than a look', () => {
  const { seq } = say('version 0');
  for (let i = 1; i <= 1000; i++) amend(seq, `version ${i}`);
  say('after');
  expect(wordsOf(pages(100))).toEqual(['caption version 1000', 'amend version 1000', 'caption after']);
  expect(pages(100).map((message) => message.seq)).toEqual([1, 1001, 1002]);
  const begun = performance.now();
  for (let i = 0; i < 20; i++) log.after(0, 100);
  expect((performance.now() - begun) / 20).toBeLessThan(50);
});
