import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { faultsBeside, type Kill, kill, losses, onlyKills } from './harness/device-kills.ts';
import { startMixerTalk } from './harness/mixer-talk.ts';
import { seeded } from './harness/random.ts';
import { figuresOf } from './harness/verdict.ts';

const seed = Number(process.env.SALA_TEST_SEED ?? Date.now() % 1e6);

test(`a device that is killed 20 times, every other time with its link down, loses at most its last 3 s each time (seed ${seed})`, async () => {
  const random = seeded(seed);
  const { talk, over } = await startMixerTalk({ numbers: 4200 }, onTestFinished);
  await talk.said(20);
  const kills: Kill[] = [];
  for (let i = 0; i < 20; i++) {
    const isDown = i % 2 === 1;
    if (isDown) await talk.parts.proxy.refuse(true);
    await delay(2000 + random() * 8000); // the random moment
    kills.push(await kill(talk));
    await delay(3000 + random() * 3000);
    if (isDown) await talk.parts.proxy.refuse(false);
    await delay(4000);
  }
  await over;
  await talk.said(4199, 60_000);
  await talk.settled(120_000);
  process.stdout.write(
    `${figuresOf(talk, `device killed, seed ${seed}`)}; lost before each kill in ms, link up and down in turn: ${losses(kills, talk).join(' ')}\n`,
  );
  expect(await faultsBeside(kills, talk, `device killed long, seed ${seed}`)).toEqual(onlyKills);
});
