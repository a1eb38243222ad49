import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { CaptionLog } from '../relay/captions.ts';
import { type Database, openDatabase } from '../relay/database.ts';
import type { Caption } from '../relay/protocol.js';
import { Rooms } from '../relay/rooms.ts';
import {
  type LogEntry,
  pageCaptions,
  type SpokenCaption,
  Transcript,
  type TranscriptQuery,
} from '../relay/transcript.ts';

let folder: string;
let db: Database;
let rooms = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sala-transcript-'));
  db = openDatabase(folder);
  db.pragma('synchronous = OFF'); // thousands of logs
});

afterAll(() => {
  db.close();
  rmSync(folder, { recursive: true });
});

function newLog(): { room: string; log: CaptionLog } {
  const room = `room-${++rooms}`;
  new Rooms(db, { language: 'en-US', engine: 'script:demo' }).put(room, {});
  return { room, log: new CaptionLog(db, room, room) };
}

const fields = (start: number, end: number) => ({
  text: `at ${start}`,
  language: 'en-US',
  start,
  end,
  speaker: null,
  late: false,
  stream: '',
  from: 0,
  to: 0,
});

interface Act {
  readonly kind: 'say' | 'hide' | 'correct';
  /** When, or which caption; few of them, so that starts are often the same. */
  readonly at: number;
  readonly length: number;
}

/** A log with these acts, the last `waiting` of them not on disk yet, beside what it should hold in the order spoken. */
function logOf(acts: readonly Act[], waiting: number): { transcript: Transcript; expected: Caption[] } {
  const { room, log } = newLog();
  const known: Caption[] = [];
  const entries: LogEntry[] = [];
  const texts = new Map<number, string | null>();
  const act = ({ kind, at, length }: Act, i: number) => {
    const isSaved = i < acts.length - waiting;
    const of = known[at % Math.max(1, known.length)];
    const seq = log.seq + entries.length + 1;
    if (kind === 'say') {
      const said = fields(at * 100, at * 100 + length);
      const caption: Caption = { type: 'caption', seq, final: true, ...said };
      if (isSaved) log.append(said);
      else entries.push({ message: caption, words: [] });
      known.push(caption);
    } else if (of) {
      const text = kind === 'hide' ? null : `corrected ${i}`;
      if (isSaved) log.amend(of.seq, text, 0);
      else entries.push({ message: { type: 'amend', seq, of: of.seq, text }, words: [] });
      texts.set(of.seq, text);
    }
  };
  db.transaction(() => acts.forEach(act))();
  const expected = known
    .filter((caption) => texts.get(caption.seq) !== null)
    .map((caption) => ({ ...caption, text: texts.get(caption.seq) ?? caption.text }))
    .sort((a, b) => a.start - b.start || a.seq - b.seq);
  return { transcript: new Transcript(db, room, { read: (read) => read(), waiting: () => entries }), expected };
}

const acts = fc.array(
  fc.record({
    kind: fc.constantFrom<Act['kind']>('say', 'say', 'say', 'say', 'hide', 'correct'),
    at: fc.nat(20),
    length: fc.integer({ min: 1, max: 900 }),
  }),
  { maxLength: 40 },
);
const captionsOf = (captions: readonly SpokenCaption[]) => captions.map(({ caption }) => caption);

test('back page by page reaches the first caption, forth the last, each once; also what waits for the disk', () => {
  fc.assert(
    fc.property(acts, fc.nat(40), fc.integer({ min: 1, max: 7 }), (list, waiting, limit) => {
      const { transcript, expected } = logOf(list, waiting);
      expect(transcript.captions({})).toEqual(expected);
      for (const direction of ['spokenBefore', 'spokenAfter'] as const) {
        const read: Caption[] = [];
        for (
          let query: TranscriptQuery = direction === 'spokenAfter' ? { spokenAfter: { start: -1, seq: 0 } } : {};
          ;
        ) {
          const { captions, truncated } = transcript.whole({ ...query, limit });
          const page = captionsOf(captions);
          read.splice(direction === 'spokenBefore' ? 0 : read.length, 0, ...page);
          expect(truncated).toBe(read.length < expected.length);
          const edge = page.at(direction === 'spokenBefore' ? 0 : -1);
          if (!truncated || !edge) break;
          expect(page).toHaveLength(limit);
          query = { [direction]: { start: edge.start, seq: edge.seq } };
        }
        expect(read).toEqual(expected);
      }
    }),
    { numRuns: 60 },
  );
});

test('a period, a seq and places go together as the sum of what each leaves out', () => {
  const place = fc.record({ start: fc.nat(20).map((at) => at * 100), seq: fc.nat(40) });
  const query = fc.record({
    from: fc.option(fc.nat(2500), { nil: undefined }),
    to: fc.option(fc.nat(2500), { nil: undefined }),
    before: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
    spokenBefore: fc.option(place, { nil: undefined }),
    spokenAfter: fc.option(place, { nil: undefined }),
    limit: fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(acts, fc.nat(40), query, (list, waiting, asked) => {
      const { transcript, expected } = logOf(list, waiting);
      const { from, to, before, spokenBefore, spokenAfter, limit = 1000 } = asked;
      const all = expected.filter(
        ({ start, end, seq }) =>
          (from === undefined || end > from) &&
          (to === undefined || start < to) &&
          (before === undefined || seq < before) &&
          (!spokenBefore || start < spokenBefore.start || (start === spokenBefore.start && seq < spokenBefore.seq)) &&
          (!spokenAfter || start > spokenAfter.start || (start === spokenAfter.start && seq > spokenAfter.seq)),
      );
      const isOldest = spokenAfter !== undefined && spokenBefore === undefined;
      const { captions, truncated } = transcript.whole(asked);
      expect(captionsOf(captions)).toEqual(isOldest ? all.slice(0, limit) : all.slice(-limit));
      expect(truncated).toBe(all.length > limit);
    }),
    { numRuns: 100 },
  );
});

test('more than a page is read in pages, the newest as asked for, also when more is said meanwhile', () => {
  const { log } = newLog();
  const count = 3 * pageCaptions;
  for (let i = 1; i <= count; i++) log.append(fields(i * 1000, i * 1000 + 900));
  const limit = 2 * pageCaptions + 50;
  const read: SpokenCaption[] = [];
  const pages = log.spoken.pages({ limit });
  for (;;) {
    const { done, value } = pages.next();
    if (done) {
      expect(value).toBe(true);
      break;
    }
    expect(value.length).toBeLessThanOrEqual(pageCaptions + 1);
    read.push(...value);
    // One at the same moment as the last, one at the end, one late among those that were read already, and one corrected.
    log.append(fields(count * 1000, count * 1000 + 900));
    const newest = log.append(fields(log.seq * 1000 + 1000, log.seq * 1000 + 1900));
    log.append({ ...fields(500, 600), late: true });
    log.amend(newest.seq, 'corrected', 0);
  }
  expect(captionsOf(read).map(({ start }) => start)).toEqual(
    Array.from({ length: limit }, (_, i) => (count - limit + i + 1) * 1000),
  );
});

test('a caption amended while the pages are read has its new text in those still to come', () => {
  const { log } = newLog();
  for (let i = 1; i <= 2 * pageCaptions; i++) log.append(fields(i * 1000, i * 1000 + 900));
  const pages = log.spoken.pages({});
  pages.next();
  log.amend(2 * pageCaptions, 'right', 0);
  log.amend(2 * pageCaptions - 1, null, 0);
  const rest: Caption[] = [];
  for (const page of pages) rest.push(...captionsOf(page));
  expect(rest.at(-1)?.text).toBe('right');
  expect(rest.at(-2)?.seq).toBe(2 * pageCaptions - 2);
});

test('a caption of an hour is found by a period near its end, also one said after the first look', () => {
  const { log } = newLog();
  log.append(fields(1000, 2000));
  expect(log.transcript({ from: 3_000_000 })).toEqual([]);
  log.append(fields(1500, 3_600_000));
  expect(log.transcript({ from: 3_000_000 })).toMatchObject([{ start: 1500 }]);
});

test('every page is found by the index, in any direction', () => {
  const { room, log } = newLog();
  for (let i = 1; i <= 20; i++) log.append(fields(i * 1000, i * 1000 + 900));
  const statements = new Map<string, unknown>();
  const prepare = vi.spyOn(db, 'prepare');
  new Transcript(db, room, { read: (read) => read(), waiting: () => [] });
  for (const [sql] of prepare.mock.calls) statements.set(sql, null);
  prepare.mockRestore();
  const pages = [...statements.keys()].filter((sql) => sql.includes('start_ms, seq'));
  expect(pages).toHaveLength(2);
  const bind = {
    room,
    afterStart: 0,
    afterSeq: 0,
    beforeStart: 9e9,
    beforeSeq: 0,
    from: 0,
    before: 99,
    words: 0,
    rows: 9,
  };
  for (const sql of pages) {
    const plan = db
      .prepare<[Record<string, unknown>], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
      .all(bind)
      .map(({ detail }) => detail);
    expect(plan.find((step) => / caption /.test(step))).toBe(
      'SEARCH caption USING INDEX log_spoken (room=? AND (start_ms,seq)>(?,?) AND (start_ms,seq)<(?,?))',
    );
    expect(plan.find((step) => / amend /.test(step))).toMatch(/INDEX log_amended \(room=\? AND of_seq=\?\)/);
    expect(plan.join()).not.toMatch(/TEMP B-TREE|SCAN/);
  }
});

test('what readers are sent, and organizers asked for, is found by an index, however long the log is', () => {
  const { room, log } = newLog();
  for (let i = 1; i <= 20; i++) log.append(fields(i * 1000, i * 1000 + 900));
  log.amend(7, 'right', 0);
  log.clear(0);
  const prepare = vi.spyOn(db, 'prepare');
  log.after(0, 10);
  log.tail(10);
  log.history.newest(10);
  log.history.caption(7);
  log.history.wordsOf(7);
  log.history.newestClear();
  log.history.isPaused();
  const statements = [...new Set(prepare.mock.calls.map(([sql]) => sql))].filter((sql) => sql.includes('log'));
  prepare.mockRestore();
  expect(statements.length).toBeGreaterThanOrEqual(6);
  for (const sql of statements) {
    const bound = [room, ...Array.from(sql.matchAll(/\?/g), () => 1)].slice(0, sql.split('?').length - 1);
    const plan = db.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all(...bound);
    for (const { detail } of plan) {
      expect(detail).not.toMatch(/SCAN|TEMP B-TREE/);
      // Amends by their captions; of all messages only a stretch from one end on.
      if (/ (amend|later) /.test(detail)) expect(detail).toMatch(/INDEX log_amended \(room=\? AND of_seq=\?/);
    }
    if (sql.includes('of_seq')) expect(plan.map(({ detail }) => detail).join()).toContain('log_amended');
  }
});
