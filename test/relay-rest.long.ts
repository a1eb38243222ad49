import { expect, test, vi } from 'vitest';
import { openDatabase } from '../relay/database.ts';
import { frameSamples, type RangeSet, size, subtract, union } from '../relay/protocol.js';
import { temporaryFolder } from './harness/programs.ts';
import { VirtualFeed } from './harness/virtual-feed.ts';

/** A conference's day in minutes: what comes before, talks and what lies between them, lunch, and the clearing up. */
const day: readonly (readonly [minutes: number, isTalk: boolean])[] = [
  ...([
    [40, false],
    [45, true],
    [5, false],
    [40, true],
    [30, false],
    [45, true],
    [2, false],
    [44, true],
  ] as const),
  ...([
    [75, false],
    [45, true],
    [5, false],
    [45, true],
    [30, false],
    [20, true],
    [1, false],
    [25, true],
  ] as const),
  ...([
    [5, false],
    [50, true],
    [60, false],
  ] as const),
];
const noise = -58;
const speech = -28;

test('a day of talks, breaks and lunch costs little more than the speech, and no first word is missing', async ({
  onTestFinished,
}) => {
  vi.useFakeTimers({ now: Date.UTC(2026, 5, 1, 7), toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  const folder = temporaryFolder();
  const db = openDatabase(folder.path);
  onTestFinished(() => {
    vi.useRealTimers();
    db.close();
    folder.remove();
  });
  const virtual = new VirtualFeed({ db, restAfterMs: 60_000 });
  let spoken: RangeSet = [];
  for (const [minutes, isTalk] of day) {
    const from = virtual.stream.edge;
    if (!isTalk) await virtual.play(minutes * 60, noise);
    else {
      await virtual.talk(minutes * 60, speech, noise);
      const words = Array.from({ length: minutes * 600 }, (_, frame) => frame).filter((frame) => frame % 46 < 40);
      const at = (frame: number) => from + frame * frameSamples;
      spoken = union(
        spoken,
        words.map((frame): [number, number] => [at(frame), at(frame + 1)]),
      );
    }
  }
  const said = virtual.said.toSorted((a, b) => a.from - b.from);
  expect(said.filter(({ from }, i) => from < (said[i - 1]?.to ?? 0))).toEqual([]);
  const heard = union(
    said.map(({ from, to }): [number, number] => [from, to]),
    [],
  );
  expect(size(subtract(spoken, heard))).toBeLessThan(frameSamples / 2);
  const talkSeconds = day.reduce((sum, [minutes, isTalk]) => sum + (isTalk ? minutes * 60 : 0), 0);
  const rests = day.filter(([, isTalk]) => !isTalk).length;
  const { seconds, sessions } = virtual.costs.today();
  process.stdout.write(
    `a day with ${talkSeconds} s of talks in ${rests} rests: ${seconds} s paid in ${sessions} sessions\n`,
  );
  expect(seconds).toBeLessThanOrEqual(talkSeconds * 1.05 + rests * (60 + 1 + 15));
});
