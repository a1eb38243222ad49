import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { numbersOf } from './harness/lag.ts';
import { kitEnvironment } from './harness/other-kit.ts';
import { Talk } from './harness/talk.ts';
import { finished, keepEvidence, verdictOf, whole } from './harness/verdict.ts';

const yearMs = 365.25 * 24 * 3600_000;
const maxErrorMs = 500;

test('a kit that boots in 1970, jumps 56 years and then back by two hours moves no sample, and every caption has its time', {
  timeout: 120_000,
}, async () => {
  const to1970 = -Date.now();
  const talk = new Talk({
    numbers: 300,
    startsOffline: true,
    deviceEnv: kitEnvironment({
      uptimeMs: 7_200_000,
      wall: [
        [0, to1970],
        [9000, to1970 + 56 * yearMs],
        [18_000, to1970 + 56 * yearMs - 7_200_000],
      ],
    }),
  });
  onTestFinished(() => talk.stop());
  await talk.start();
  await delay(4000); // captured before the first connection
  await talk.parts.proxy.refuse(false);
  await talk.said(65);
  // The clock jumps during this outage, and once more on the line.
  await talk.parts.proxy.refuse(true);
  await delay(7000);
  await talk.parts.proxy.refuse(false);
  expect(await finished(talk, 60_000)).toBe(0);
  expect(await verdictOf(talk, 'clock')).toEqual(whole);

  const beganMs = performance.timeOrigin + talk.startedAtMs();
  const wrong = [...(await talk.transcript()), ...talk.parts.reader.captions()].flatMap((caption) => {
    const errorMs = caption.start - (beganMs + (numbersOf(caption)[0] ?? 0) * 100);
    return Math.abs(errorMs) < maxErrorMs && !caption.timeUncertain ? [] : [{ errorMs, caption }];
  });
  if (wrong.length > 0) await keepEvidence(talk, 'clock-times', wrong);
  expect(wrong).toEqual([]);
  expect(talk.parts.reader.captions().some(({ late }) => late)).toBe(true);
});
