import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Database, openDatabase } from '../relay/database.ts';
import { frameSamples, intersect, type RangeSet, size, union } from '../relay/protocol.js';
import { temporaryFolder } from './harness/programs.ts';
import { seeded } from './harness/random.ts';
import { VirtualFeed } from './harness/virtual-feed.ts';

const folder = temporaryFolder();
let db: Database;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 5, 1, 7), toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  db = openDatabase(folder.path);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  db.close();
  folder.remove();
});

const noise = -58;
const speech = -28;
const languages = ['it-IT', 'en-US', 'de-DE'];
/** The middle of a word lies in the pause, by more than the 10 ms to which services round. */
const isWithin = (from: number, to: number, begin: number, end: number) =>
  (from + to) / 2 > begin + 160 && (from + to) / 2 < end - 160;
const isWord = (frame: number) => frame % 46 < 40;

/** A quarter of an hour of whatever may happen to a room; returns the frames of each stream that hold words. */
async function play(virtual: VirtualFeed, random: () => number): Promise<Map<string, Set<number>>> {
  const upTo = (most: number) => 1 + Math.floor(random() * most);
  const words = new Map<string, Set<number>>();
  const note = (seconds: number, holdsWord: (frame: number) => boolean) => {
    const { id, edge } = virtual.stream;
    const frames = words.get(id) ?? new Set();
    for (let i = 0; i < seconds * 10; i++) if (holdsWord(i)) frames.add(edge / frameSamples + i);
    words.set(id, frames);
  };
  const talk = (seconds: number) => {
    note(seconds, isWord);
    return virtual.talk(seconds, speech, noise);
  };
  const events: (() => unknown)[] = [
    () => talk(upTo(12)),
    () => talk(upTo(12)),
    () => virtual.play(4 * upTo(12), noise),
    () => {
      const seconds = upTo(9);
      note(seconds, () => true);
      return virtual.burst(seconds, speech);
    },
    () => virtual.burst(upTo(9), noise),
    () => {
      const position = virtual.stream.edge + upTo(8000);
      const last = virtual.boundaries.at(-1);
      if (position > (last?.position ?? 0) + 9600)
        virtual.assign(position, languages[upTo(3) - 1] ?? '', last?.assignment.paused);
    },
    () => {
      const position = virtual.stream.edge + upTo(8000);
      const last = virtual.boundaries.at(-1);
      if (!last || position <= last.position + 9600) return;
      virtual.assign(position, last.assignment.language, !last.assignment.paused);
    },
    () => {
      const open = virtual.sessions.filter(({ endedMs }) => endedMs === null);
      open[upTo(open.length) - 1]?.fail(upTo(2) === 1 ? 'reopen' : 'capacity');
    },
    () => virtual.restart(),
    () => vi.advanceTimersByTimeAsync(upTo(3000)),
  ];
  for (let i = 0; i < 60; i++) await events[upTo(events.length) - 1]?.();
  const last = virtual.boundaries.at(-1);
  if (last?.assignment.paused) virtual.assign(Math.max(virtual.stream.edge, last.position + 9600), 'en-US');
  await virtual.play(80, noise); // whoever waits for a place has had it, and rests again
  return words;
}

/** Of all seeds: without a place in the quota, a day may be left to backfill almost whole. */
const total = { words: 0, said: 0 };

test.each([1, 2, 3, 4, 5, 6, 34, 55, 93, 145, 255])(
  'whatever happens to a room, each word is said once, in its language, or left to be filled in, and none of a pause (%i)',
  async (seed) => {
    const random = seeded(seed);
    vi.spyOn(Math, 'random').mockImplementation(seeded(seed + 1000)); // how long a retry waits
    const limits = { restAfterMs: 16_000, maxSessionMs: 40_000, maxSessions: 1 + Math.floor(random() * 3) };
    const virtual = new VirtualFeed({ db, ...limits });
    const words = await play(virtual, random);
    for (const { id, captioned } of virtual.streams) {
      const said = virtual.said.filter(({ stream }) => stream === id).sort((a, b) => a.from - b.from);
      const heard = said.reduce<RangeSet>((set, { from, to }) => union(set, [[from, to]]), []);
      const isIn = (ranges: RangeSet, frame: number) =>
        size(intersect(ranges, [[frame * frameSamples, (frame + 1) * frameSamples]])) > frameSamples / 2;
      const done = union(captioned, virtual.feed.claims().get(id) ?? []);
      const paused = virtual.pausedOf(id);
      const lost = [...(words.get(id) ?? [])].filter(
        (frame) => !isIn(union(heard, paused), frame) && isIn(done, frame),
      );
      total.words += [...(words.get(id) ?? [])].filter((frame) => !isIn(paused, frame)).length;
      const offTheRecord = said.filter(({ from, to }) => paused.some(([begin, end]) => isWithin(from, to, begin, end)));
      const doubled = said.filter(({ from }, i) => from < (said[i - 1]?.to ?? 0) - 1);
      const languageAt = (position: number) =>
        virtual.boundariesOf(id).findLast((each) => each.position <= position)?.assignment.language;
      const wrong = said.filter(({ from, to, language }) => languageAt((from + to) / 2) !== language);
      expect({ lost, doubled, wrong, offTheRecord }).toEqual({ lost: [], doubled: [], wrong: [], offTheRecord: [] });
    }
    total.said += virtual.said.length;
    expect(virtual.feed.state).toBe('resting');
    expect([virtual.quota.open, virtual.sessions.filter(({ endedMs }) => endedMs === null)]).toEqual([0, []]);
    for (const { maxLeadMs } of virtual.sessions) expect(maxLeadMs).toBeLessThanOrEqual(5000);
  },
);

test('and of most words the live session takes care', () => {
  expect(total.said).toBeGreaterThan(total.words / 2);
});
