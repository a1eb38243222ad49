import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { faultsBeside, type Kill, kill, losses, maxOfflineLossMs, onlyKills } from './harness/device-kills.ts';
import { startMixerTalk } from './harness/mixer-talk.ts';
import { seeded } from './harness/random.ts';
import { figuresOf } from './harness/verdict.ts';

const seed = Number(process.env.SALA_TEST_SEED ?? Date.now() % 1e6);

test(`a device that is killed 12 times, every other time with its link down, loses only its last seconds each time (seed ${seed})`, async () => {
  const random = seeded(seed);
  const { talk, over } = await startMixerTalk({ numbers: 2400 }, onTestFinished);
  await talk.said(20);
  const kills: Kill[] = [];
  const cuts: number[] = [];
  for (let i = 0; i < 12; i++) {
    const isDown = i % 2 === 1;
    if (isDown) {
      cuts.push(Date.now());
      await talk.parts.proxy.refuse(true);
    }
    await delay(2000 + random() * 8000); // the random moment
    kills.push(await kill(talk));
    await delay(3000 + random() * 3000);
    if (isDown) await talk.parts.proxy.refuse(false);
    await delay(4000);
  }
  await over;
  await talk.said(2399, 60_000);
  await talk.settled(120_000);
  process.stdout.write(
    `${figuresOf(talk, `device killed, seed ${seed}`)}; lost before each kill in ms, link up and down in turn: ${losses(kills, talk).join(' ')}\n`,
  );
  expect(
    await faultsBeside(kills, talk, `device killed long, seed ${seed}`, { maxLoss: maxOfflineLossMs, cuts }),
  ).toEqual(onlyKills);
});
