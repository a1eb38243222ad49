import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { expectAsPromised, MixerChain } from './harness/mixer-chain.ts';

test('a mixer that is gone for 1 s, and then for 30 s, is captured again with holes as long as that', async () => {
  const chain = await MixerChain.start();
  try {
    for (const [times, seconds] of [1, 30].entries()) {
      let goneMs = 0;
      const seen = await chain.suffer(
        /^mixer-(silent|absent)$/,
        async () => {
          await chain.rig.killServer();
          goneMs = performance.now();
        },
        async () => {
          await delay(Math.max(0, seconds * 1000 - (performance.now() - goneMs)));
          await chain.rig.startServer(seconds > 1 ? { rateHz: 48_000, channels: 2 } : {});
        },
      );
      chain.expectOneStream(times + 1);
      expectAsPromised(seen);
    }
    expect(chain.device.child.exitCode).toBeNull();
  } finally {
    await chain.stop();
  }
});
