import { expect, onTestFinished, test } from 'vitest';
import { median } from './bench/figures.ts';
import { filesIn, type Holdings, holdingsOf, trouble } from './harness/soak.ts';
import { Talk } from './harness/talk.ts';
import { figuresOf, finished, verdictOf, whole } from './harness/verdict.ts';

const seed = Number(process.env.SALA_TEST_SEED ?? Date.now() % 1e6);
const lengthMs = Number(process.env.SALA_TEST_SOAK_MINUTES ?? 30) * 60_000;
/** Growth of the median from the third fifth of the run to the last: room for the heap to breathe, none for a leak. */
const maxGrowthMib = 25;
const maxMoreHandles = 5;

test(`${lengthMs / 60_000} minutes of random troubles leave the talk whole and nothing growing (seed ${seed})`, {
  timeout: lengthMs + 400_000,
}, async () => {
  const talk = new Talk({ numbers: Math.ceil(lengthMs / 100) + 300 });
  onTestFinished(() => talk.stop());
  await talk.start();
  await talk.said(20);
  const files = { relay: filesIn(talk.relayDir), device: filesIn(talk.path('device')) };
  const samples: { at: number; relay: Holdings; device: Holdings }[] = [];
  const startedMs = performance.now();
  const part = () => (performance.now() - startedMs) / lengthMs;
  const timer = setInterval(() => {
    const { relay, device } = talk.parts;
    if (part() > 0.4) samples.push({ at: part(), relay: holdingsOf(relay.program), device: holdingsOf(device) });
  }, lengthMs / 300);
  onTestFinished(() => clearInterval(timer));
  // The relay is spared from the first third on, so that what one process holds can be watched.
  const count = await trouble(talk, { seed, lengthMs, isRelaySpared: (elapsedMs) => elapsedMs > lengthMs / 3 });
  clearInterval(timer);
  expect(await finished(talk, 120_000)).toBe(0);

  const grown = (read: (sample: { relay: Holdings; device: Holdings }) => number) =>
    median(samples.filter(({ at }) => at > 0.8).map(read)) - median(samples.filter(({ at }) => at < 0.6).map(read));
  const growth = {
    relayMib: grown(({ relay }) => relay.rssMib),
    deviceMib: grown(({ device }) => device.rssMib),
    relayHandles: grown(({ relay }) => relay.handles),
    deviceHandles: grown(({ device }) => device.handles),
  };
  process.stdout.write(
    `${figuresOf(talk, `soak, ${count} troubles, seed ${seed}`)}; grown by ${JSON.stringify(growth)}\n`,
  );
  expect(await verdictOf(talk, `soak, seed ${seed}`)).toEqual(whole);
  expect(growth.relayMib).toBeLessThan(maxGrowthMib);
  expect(growth.deviceMib).toBeLessThan(maxGrowthMib);
  expect(growth.relayHandles).toBeLessThanOrEqual(maxMoreHandles);
  expect(growth.deviceHandles).toBeLessThanOrEqual(maxMoreHandles);
  expect(filesIn(talk.relayDir)).toEqual(files.relay);
  expect(filesIn(talk.path('device')).filter((name) => !files.device.includes(name))).toEqual([]);
});
