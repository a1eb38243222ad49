import { join } from 'node:path';
import { describe, test } from 'vitest';
import { worstLag } from './harness/lag.ts';
import { refused } from './harness/link-faults.ts';
import { numberedBlocks } from './harness/numbered-signal.ts';
import { temporaryFolder } from './harness/programs.ts';
import { seeded } from './harness/random.ts';
import { Talk } from './harness/talk.ts';
import { finished, verdictOf, whole } from './harness/verdict.ts';
import { writeWav } from './harness/wav.ts';
import type { Fault } from './stand-ins/transcribe-faults.ts';

/** A live caption comes no later than this once the failure has been noticed. */
const maxLagMs = 5000;

const failure = { kind: 'exception', name: 'InternalFailureException', message: 'A problem occurred.' } as const;
/** A fault, and how long it may take to be noticed. */
const faults: [name: string, fault: Fault, maxNoticeMs: number][] = [
  // Nothing but words that do not come tells either: 5 s of them, and the opening of the session that does say them.
  ['by saying nothing more', { kind: 'silent', when: 'start' }, 8000],
  ['with an exception', { ...failure, when: 'start' }, 2000],
  ['with a reset', { kind: 'reset', when: 'start' }, 2000],
  ['with its connection', { kind: 'destroy', when: 'start' }, 2000],
  ['by an end nobody asked for', { kind: 'end', when: 'start' }, 2000],
  ['by taking no more audio', { kind: 'stop-reading', when: 'start' }, 8000],
];

describe.concurrent('a talk whose engine session fails', { timeout: 150_000 }, () => {
  test.for(faults)(
    '%s is whole, each word once, and captions are back',
    async ([name, fault, maxNoticeMs], { expect, onTestFinished }) => {
      const talk = new Talk({ numbers: fault.kind === 'stop-reading' ? 280 : 180, segmentWords: 5 });
      onTestFinished(() => talk.stop());
      await talk.start();
      await talk.said(40);
      talk.standIn.sessions.findLast(({ over }) => !over)?.strike(fault);
      const failedAtMs = performance.now();
      expect(await finished(talk, 60_000)).toBe(0);
      expect(await verdictOf(talk, `engine ${name}`)).toEqual(whole);
      expect(talk.standIn.sessions.length).toBeGreaterThan(1);
      expect(worstLag(talk.lags(), failedAtMs + maxNoticeMs)).toBeLessThan(maxLagMs);
    },
  );
});

describe.concurrent('where a session says nothing', { timeout: 150_000 }, () => {
  test('to 25 s of applause, one more is asked, and the next words are captioned at once', async ({
    expect,
    onTestFinished,
  }) => {
    const folder = temporaryFolder();
    const talk = new Talk({ numbers: 100, segmentWords: 5, source: `wav:${applauded(join(folder.path, 'hall.wav'))}` });
    onTestFinished(async () => {
      await talk.stop();
      folder.remove();
    });
    await talk.start();
    expect(await finished(talk, 90_000)).toBe(0);
    expect(await verdictOf(talk, 'applause')).toEqual(whole);
    expect(talk.standIn.sessions).toHaveLength(2);
    const applauseMs = 25_000;
    const after = talk.lags().filter(({ number }) => number >= 50);
    expect(after.some(({ late }) => late)).toBe(false);
    expect(Math.max(...after.map(({ lagMs }) => lagMs - applauseMs))).toBeLessThan(maxLagMs);
  });

  test('to a stretch that is filled in, another is asked before it counts as done', async ({
    expect,
    onTestFinished,
  }) => {
    const talk = new Talk({ numbers: 240, segmentWords: 5 });
    onTestFinished(() => talk.stop());
    await talk.start();
    await talk.said(40);
    talk.standIn.failNext({ kind: 'silent', when: 'start', endsWell: true });
    await refused(talk.parts.proxy, 8000);
    expect(await finished(talk, 90_000)).toBe(0);
    expect(await verdictOf(talk, 'mute backfill')).toEqual(whole);
    expect(talk.standIn.sessions).toHaveLength(3);
  });
});

/** Fifty numbers, applause, fifty more. */
function applauded(path: string): string {
  const random = seeded(7);
  const noise = Int16Array.from({ length: 25 * 16_000 }, () => (random() - 0.5) * 12_000);
  writeWav(path, Int16Array.from([...numberedBlocks(0, 50), ...noise, ...numberedBlocks(50, 50)]));
  return path;
}
