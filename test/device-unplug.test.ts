import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { expectAsPromised, MixerChain } from './harness/mixer-chain.ts';

let chain: MixerChain;

beforeEach(async () => {
  chain = await MixerChain.start();
});

afterEach(async () => {
  await chain.stop();
});

const status = z.object({ health: z.object({ state: z.string(), message: z.string(), hint: z.string() }) });

test('a mixer that is unplugged and comes back as another one: one stream, one hole, as long as it was gone', {
  timeout: 60_000,
}, async () => {
  const { relay, rig, device } = chain;
  const seen = await chain.suffer(
    /^mixer-(silent|absent)$/,
    () => rig.killServer(),
    async () => {
      // Told in words, at the relay, on the kit's own page and in the journal.
      await relay.until(() => chain.told()?.state === 'mixer-absent', 'the absence');
      expect(chain.told()).toMatchObject({
        message: expect.stringContaining('mixer'),
        hint: expect.stringContaining('Plug it in'),
      });
      const { statusPort } = await device.event('started');
      const page = status.parse(await (await fetch(`http://127.0.0.1:${statusPort}/status.json`)).json());
      expect(page.health.state).toBe('mixer-absent');
      expect(device.output).toContain('mixer-absent');
      await rig.startServer({ rateHz: 48_000, channels: 2 });
    },
  );
  chain.expectOneStream(1);
  expectAsPromised(seen);
});

test('a mixer that is gone for a second is captured again, with a hole as long as that', {
  timeout: 60_000,
}, async () => {
  const { rig } = chain;
  const seen = await chain.suffer(
    /^mixer-(silent|absent)$/,
    () => rig.killServer(),
    () => rig.startServer(),
  );
  chain.expectOneStream(1);
  expectAsPromised(seen);
});

test.each([
  ['killed', 'SIGKILL'],
  ['stopped', 'SIGSTOP'],
] as const)(
  'a capture process that is %s is replaced, with a hole as long as that took',
  {
    timeout: 60_000,
  },
  async (_, signal) => {
    const seen = await chain.suffer(/^(capture-failed|mixer-silent)$/, () => chain.signalCapture(signal));
    chain.expectOneStream(1);
    expectAsPromised(seen);
  },
);
