import { setTimeout as delay } from 'node:timers/promises';
import { describe, test } from 'vitest';
import { seeded } from './harness/random.ts';
import { stopAndStart, stopWithinMs } from './harness/relay-stops.ts';
import { Talk } from './harness/talk.ts';
import { until } from './harness/until.ts';
import { finished, verdictOf, whole } from './harness/verdict.ts';

const seed = Number(process.env.SALA_TEST_SEED ?? Date.now() % 1e6);
const kills = 5;
const stops = 5;

describe.concurrent('a talk whose relay', { timeout: 150_000 }, () => {
  test(`is killed at ${kills} random moments is whole, each word once (seed ${seed})`, async ({
    expect,
    onTestFinished,
  }) => {
    const random = seeded(seed);
    const talk = new Talk({ numbers: 320 });
    onTestFinished(() => talk.stop());
    await talk.start();
    await talk.said(15);
    for (let i = 0; i < kills; i++) {
      await delay(500 + random() * 3500); // the random moment
      await talk.restartRelay('SIGKILL');
    }
    expect(await finished(talk, 90_000)).toBe(0);
    expect(await verdictOf(talk, `relay killed, seed ${seed}`)).toEqual(whole);
  });

  test(`is stopped and started ${stops} times is whole, each word once, and every stop is in time (seed ${seed})`, async ({
    expect,
    onTestFinished,
  }) => {
    const talk = new Talk({ numbers: 320 });
    onTestFinished(() => talk.stop());
    await talk.start();
    await talk.said(15);
    const ends = await stopAndStart(talk, stops, seeded(seed));
    expect(await finished(talk, 90_000)).toBe(0);
    expect(await verdictOf(talk, `relay stopped, seed ${seed}`)).toEqual(whole);
    expect(ends.map(({ status }) => status)).toEqual(Array(stops).fill(0));
    expect(Math.max(...ends.map(({ ms }) => ms))).toBeLessThan(stopWithinMs);
    process.stdout.write(`relay stopped in mid-talk: ${ends.map(({ ms }) => ms).join(', ')} ms\n`);
  });

  test('is replaced by an empty one is whole in the new one’s log, what the old one had stored included', async ({
    expect,
    onTestFinished,
  }) => {
    const talk = new Talk({ numbers: 300 });
    onTestFinished(() => talk.stop());
    await talk.start();
    await talk.said(120);
    await talk.parts.proxy.refuse(true);
    await talk.replaceRelay();
    await talk.parts.proxy.refuse(false);
    await until(() => talk.parts.reader.resets === 1 || undefined, { what: 'the reset' });
    expect(await finished(talk, 90_000)).toBe(0);
    expect(await verdictOf(talk, 'relay replaced')).toEqual(whole);
    expect(talk.parts.reader.resets).toBe(1);
  });
});
