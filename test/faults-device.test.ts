import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { beginningOf, gaps, startMixerTalk } from './harness/mixer-talk.ts';
import { seeded } from './harness/random.ts';
import { inOrderSpoken, judge, type Talk } from './harness/talk.ts';
import { keepEvidence } from './harness/verdict.ts';

const seed = Number(process.env.SALA_TEST_SEED ?? Date.now() % 1e6);
/** Of what was captured before the kill, at most this much may be lost. */
const maxLossMs = 3000;
/** From the start of a device to its first sample of the mixer. */
const maxStartMs = 4000;

interface Kill {
  readonly atMs: number;
  readonly restartedMs: number;
}

async function kill(talk: Talk): Promise<Kill> {
  const atMs = Date.now();
  await talk.restartDevice('SIGKILL');
  return { atMs, restartedMs: Date.now() };
}

/** Each kill may have cost one stretch, from shortly before it until the new device hears something. */
async function expectOnlyGapsOf(kills: readonly Kill[], talk: Talk): Promise<void> {
  const transcript = await talk.transcript();
  const shown = talk.shown();
  const beganMs = beginningOf(transcript);
  const missing = gaps(shown, talk.numbers).map(
    ([first, end]) => [beganMs + first * 100, beganMs + end * 100] as const,
  );
  const unexplained = missing.filter(
    ([from, to]) => !kills.some(({ atMs, restartedMs }) => from >= atMs - maxLossMs && to <= restartedMs + maxStartMs),
  );
  const { repeated, backwards } = judge(shown, talk.numbers);
  const engineLost = judge(talk.heard(), talk.numbers).lost.filter((number) => shown.includes(number));
  const found = { unexplained, repeated, backwards, engineLost, tooMany: missing.length > kills.length };
  const right = { unexplained: [], repeated: [], backwards: [], engineLost: [], tooMany: false };
  if (JSON.stringify(found) !== JSON.stringify(right))
    await keepEvidence(talk, `device-${seed}`, { found, missing, kills, beganMs });
  expect(found).toEqual(right);
  expect(inOrderSpoken(transcript)).toEqual(shown);
}

describe('a device that is killed in mid-talk', { timeout: 150_000 }, () => {
  test(`three times, link up, loses at most its last 3 s each time (seed ${seed})`, async () => {
    const random = seeded(seed);
    const { talk, over } = await startMixerTalk({ numbers: 280 }, onTestFinished);
    await talk.said(20);
    const kills: Kill[] = [];
    for (let i = 0; i < 3; i++) {
      await delay(1000 + random() * 3000); // the random moment
      kills.push(await kill(talk));
      await delay(2500); // so long it runs at the least
    }
    await over;
    await talk.said(279);
    await talk.settled();
    await expectOnlyGapsOf(kills, talk);
  });

  test('while the link is down: what it had spilled is captioned after the restart', async () => {
    const { talk, over } = await startMixerTalk({ numbers: 250 }, onTestFinished);
    await talk.said(20);
    const offlineFrom = Date.now();
    await talk.parts.proxy.refuse(true);
    await delay(7000); // the outage, with the kill in it
    const kills = [await kill(talk)];
    await delay(5000);
    await talk.parts.proxy.refuse(false);
    await over;
    await talk.said(249);
    await talk.settled();
    await expectOnlyGapsOf(kills, talk);
    const [{ atMs } = { atMs: 0 }] = kills;
    const spilled = (await talk.transcript()).filter(({ start }) => start > offlineFrom && start < atMs - maxLossMs);
    expect(spilled.length).toBeGreaterThan(0);
    expect(spilled.every(({ late }) => late)).toBe(true);
  });
});
