import { setTimeout as delay } from 'node:timers/promises';
import { describe, test } from 'vitest';
import { faultsBeside, type Kill, kill, losses, maxLossMs, onlyKills } from './harness/device-kills.ts';
import { startMixerTalk } from './harness/mixer-talk.ts';
import { seeded } from './harness/random.ts';

const seed = Number(process.env.SALA_TEST_SEED ?? Date.now() % 1e6);
describe.concurrent('a device that is killed in mid-talk', { timeout: 150_000 }, () => {
  test(`three times, link up, loses at most its last 3 s each time (seed ${seed})`, async ({
    expect,
    onTestFinished,
  }) => {
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
    expect(await faultsBeside(kills, talk, `device killed, seed ${seed}`)).toEqual(onlyKills);
  });

  test(`while its link is down, loses at most its last 3 s; what it had spilled is captioned after the restart (seed ${seed})`, async ({
    expect,
    onTestFinished,
  }) => {
    const random = seeded(seed);
    const { talk, over } = await startMixerTalk({ numbers: 250 }, onTestFinished);
    await talk.said(20);
    await talk.parts.proxy.refuse(true);
    const offlineFrom = Date.now();
    await delay(6500 + random() * 1000); // the outage, with the kill in it
    const killed = await kill(talk);
    await delay(5000);
    await talk.parts.proxy.refuse(false);
    await over;
    await talk.said(249);
    await talk.settled();
    process.stderr.write(`killed offline: ${losses([killed], talk)} ms before the kill lost\n`);
    expect(await faultsBeside([killed], talk, `killed offline, seed ${seed}`)).toEqual(onlyKills);
    const spilled = (await talk.transcript()).filter(
      ({ start }) => start > offlineFrom && start < killed.atMs - maxLossMs,
    );
    expect(spilled.length).toBeGreaterThan(0);
    expect(spilled.every(({ late }) => late)).toBe(true);
  });
});
