import { expect, onTestFinished, test } from 'vitest';
import { filesIn, holdingsOf, trouble } from './harness/soak.ts';
import { Talk } from './harness/talk.ts';
import { finished, verdictOf, whole } from './harness/verdict.ts';

const seed = Number(process.env.SALA_TEST_SEED ?? Date.now() % 1e6);
const lengthMs = 45_000;

test(`a minute of random troubles leaves the talk whole, each word once (seed ${seed})`, {
  timeout: 200_000,
}, async () => {
  const talk = new Talk({ numbers: (lengthMs + 30_000) / 100 });
  onTestFinished(() => talk.stop());
  await talk.start();
  await talk.said(20);
  const files = { relay: filesIn(talk.relayDir), device: filesIn(talk.path('device')) };
  const before = holdingsOf(talk.parts.device);
  await trouble(talk, { seed, lengthMs, isRelaySpared: () => false });
  expect(holdingsOf(talk.parts.device).handles).toBeLessThanOrEqual(before.handles + 5);
  expect(await finished(talk, 90_000)).toBe(0);
  expect(await verdictOf(talk, `soak, seed ${seed}`)).toEqual(whole);
  expect(filesIn(talk.relayDir)).toEqual(files.relay);
  expect(filesIn(talk.path('device')).filter((name) => !files.device.includes(name))).toEqual([]);
});
