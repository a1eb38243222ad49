import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { seeded } from './harness/random.ts';
import { stopAndStart, stopWithinMs } from './harness/relay-stops.ts';
import { judge, Talk } from './harness/talk.ts';
import { until } from './harness/until.ts';
import { figuresOf, finished, verdictOf, whole } from './harness/verdict.ts';

const seed = Number(process.env.SALA_TEST_SEED ?? Date.now() % 1e6);
const kills = 20;
const stops = 20;
/** What the device keeps of what was stored, for the day the relay is replaced. */
const keptNumbers = 1200;

test(`a talk whose relay is killed at ${kills} random moments is whole, each word once (seed ${seed})`, async () => {
  const random = seeded(seed);
  const talk = new Talk({ numbers: 1100 });
  onTestFinished(() => talk.stop());
  await talk.start();
  await talk.said(15);
  for (let i = 0; i < kills; i++) {
    await delay(200 + random() * 4000); // the random moment
    await talk.restartRelay('SIGKILL');
  }
  expect(await finished(talk, 120_000)).toBe(0);
  process.stdout.write(`${figuresOf(talk, `relay killed ${kills} times, seed ${seed}`)}\n`);
  expect(await verdictOf(talk, `relay killed, seed ${seed}`)).toEqual(whole);
});

test(`a talk whose relay is stopped and started ${stops} times is whole, each word once, and every stop is in time (seed ${seed})`, async () => {
  const talk = new Talk({ numbers: 1100 });
  onTestFinished(() => talk.stop());
  await talk.start();
  await talk.said(15);
  const ends = await stopAndStart(talk, stops, seeded(seed));
  expect(await finished(talk, 120_000)).toBe(0);
  const times = ends.map(({ ms }) => ms);
  process.stdout.write(
    `${figuresOf(talk, `relay stopped ${stops} times, seed ${seed}`)}; stops: ${times.join(', ')} ms\n`,
  );
  expect(await verdictOf(talk, `relay stopped, seed ${seed}`)).toEqual(whole);
  expect(ends.map(({ status }) => status)).toEqual(Array(stops).fill(0));
  expect(Math.max(...times)).toBeLessThan(stopWithinMs);
});

test('a relay replaced after 150 s by an empty one gets all but what was stored more than 120 s before', async () => {
  const talk = new Talk({ numbers: 1800 });
  onTestFinished(() => talk.stop());
  await talk.start();
  await talk.said(1500, 200_000);
  await talk.parts.proxy.refuse(true);
  await talk.replaceRelay();
  const returnedAtMs = performance.now();
  await talk.parts.proxy.refuse(false);
  // The device keeps 120 s up to the newest sample, and the talk goes on while the relay is replaced.
  const edge = ((await talk.connected(returnedAtMs)) - talk.startedAtMs()) / 100;
  await until(() => talk.parts.reader.resets === 1 || undefined, { what: 'the reset' });
  expect(await finished(talk, 300_000)).toBe(0);
  await talk.settled(200_000);
  process.stdout.write(`${figuresOf(talk, 'relay replaced after 150 s')}\n`);
  const { lost, repeated, backwards } = judge(talk.shown(), talk.numbers);
  expect({ repeated, backwards }).toEqual({ repeated: [], backwards: [] });
  expect(lost.filter((number) => number >= edge - keptNumbers + 10)).toEqual([]);
});
