import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { MixerChain } from './harness/mixer-chain.ts';
import { until } from './harness/until.ts';

let chain: MixerChain;

afterEach(async () => {
  await chain.stop();
});

const status = z.object({
  health: z.object({ state: z.string(), message: z.string().min(10), hint: z.string().min(10).optional() }),
});

/** Waits until the kit's own page shows the state; what it says. */
async function shown(state: string) {
  const { statusPort } = await chain.device.event('started');
  return until(
    async () => {
      const { health } = status.parse(await (await fetch(`http://127.0.0.1:${statusPort}/status.json`)).json());
      return health.state === state ? health : undefined;
    },
    { what: `${state} on the page` },
  );
}

const journal = (code: string) => chain.device.entries({ ns: 'source', code }).map(({ entry }) => entry);
/** Everything in words that the relay was told of this state. */
const toldOf = (state: string) =>
  chain.relay.messages.flatMap((each) => (each.type === 'health' && each.health.state === state ? [each.health] : []));

/** The fault is on the page, at the relay and, once and in words, in the journal. */
async function expectTold(code: string, hint: RegExp): Promise<void> {
  const { message } = await shown(code);
  await chain.relay.until(() => toldOf(code).length > 0, `${code} at the relay`);
  for (const told of toldOf(code)) expect(told.hint).toMatch(hint);
  expect(toldOf(code)[0]?.message).toBe(message);
  expect(journal(code)).toEqual([
    expect.objectContaining({ level: 'warn', msg: message, hint: expect.stringMatching(hint) }),
  ]);
}

/** All is well again, and the journal says so, once. @param before how often it had said so */
async function expectWell(code: string, before: number): Promise<void> {
  await shown('ok');
  const frames = chain.relay.frames.length;
  await chain.relay.until(() => chain.told()?.state === 'ok' && chain.relay.frames.length > frames + 20, 'it goes on');
  expect(journal(code)).toHaveLength(1);
  expect(journal('capturing')).toHaveLength(before + 1);
}

test('two mixers of one name are told; once one of them is unplugged the other one is captured', {
  timeout: 60_000,
}, async () => {
  chain = await MixerChain.start('mixer:USB Mixer', ['USB Mixer left', 'USB Mixer right']);
  await expectTold('mixer-ambiguous', /unplug/);
  expect(toldOf('mixer-ambiguous')[0]?.message).toContain('USB Mixer right');
  const unpluggedMs = performance.now();
  chain.rig.showCards(['USB Mixer left']);
  await chain.relay.until(() => chain.relay.frames.length > 0, 'sound');
  expect(performance.now() - unpluggedMs).toBeLessThan(3000);
  await expectWell('mixer-ambiguous', 0);
});

test.each([
  ['dies', 'SIGKILL', 'capture-failed', /by itself/],
  ['stands still', 'SIGSTOP', 'mixer-silent', /by itself/],
] as const)(
  'a capture process that %s is told, and that it goes on',
  { timeout: 60_000 },
  async (_, signal, code, hint) => {
    chain = await MixerChain.start();
    await chain.relay.until(() => chain.relay.frames.length >= 20, 'sound');
    const told = expectTold(code, hint);
    chain.signalCapture(signal);
    await told;
    await chain.relay.until(() => chain.told()?.state === 'ok', 'all is well');
    await expectWell(code, 1);
  },
);

test('a mixer that gives more sound than time passes is told, and captured once it is another one', {
  timeout: 60_000,
}, async () => {
  chain = await MixerChain.start();
  await chain.relay.until(() => chain.relay.frames.length >= 20, 'sound');
  chain.rig.showCards(['mixer'], { unpaced: true });
  await chain.rig.killServer();
  await expectTold('mixer-too-fast', /--source-rate/);
  await chain.rig.startServer();
  chain.rig.showCards(['mixer']);
  await expectWell('mixer-too-fast', 1);
});
