import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, type TestContext, test } from 'vitest';
import { numbersOf } from './harness/lag.ts';
import { type MixerTalk, mixerArgs, startMixerTalk } from './harness/mixer-talk.ts';
import { kitEnvironment } from './harness/other-kit.ts';
import { type RunningProgram, startDevice } from './harness/programs.ts';
import { isStrict } from './harness/strict.ts';
import { inOrderSpoken, judge, type Talk } from './harness/talk.ts';
import { until } from './harness/until.ts';
import { keepEvidence } from './harness/verdict.ts';

const shown = ['--status-listen', '127.0.0.1:0'];
const kitA = { hostname: 'kit-a', bootId: randomUUID(), uptimeMs: 3_600_000 };
const kitB = { hostname: 'kit-b', bootId: randomUUID(), uptimeMs: 90_000_000 };

/** Another kit at the same mixer. */
function join({ talk, rig }: MixerTalk): RunningProgram {
  return startDevice({
    relay: `ws://127.0.0.1:${talk.parts.proxy.port}`,
    room: 'hall',
    token: talk.parts.publish,
    dataDir: talk.path('kit-b'),
    source: 'mixer:mixer',
    args: [...mixerArgs, ...shown],
    env: { ...rig.env, ...kitEnvironment(kitB) },
  });
}

const inCharge = async (talk: Talk) => (await talk.room()).live.source?.device ?? null;
const untilInCharge = (talk: Talk, device: string, timeoutMs: number) =>
  until(async () => (await inCharge(talk)) === device || undefined, { timeoutMs, what: `${device} in charge` });
/** What the kit's own page says. */
async function healthOf(device: RunningProgram): Promise<{ state: string; message: string }> {
  const { statusPort } = await device.event('started');
  const response = await fetch(`http://127.0.0.1:${statusPort}/status.json`);
  return (await response.json()).health;
}
const untilHealth = (device: RunningProgram, state: string) =>
  until(async () => (await healthOf(device)).state === state || undefined, { what: `health ${state}` });
/** Who was put in charge, in order. */
const successions = (talk: Talk) =>
  talk.parts.relay.program.entries({ event: 'source' }).map(({ entry }) => entry.device);

/** Room time is right to about a tenth of a second, and the stand-in says a number of which it hears 2.5 ms: where one kit
 * takes over from another, so many numbers may be said by both. */
const maxSharedNumbers = 3;

/** What is lost, and what is said twice or out of order anywhere but where the kits change. */
async function faultsOf(talk: Talk, name: string, maxShared: number) {
  const transcript = await talk.transcript();
  const spoken = transcript.toSorted((a, b) => a.start - b.start || a.seq - b.seq);
  const changes = spoken.flatMap((caption, i) =>
    i > 0 && caption.stream !== spoken[i - 1]?.stream ? numbersOf(caption).slice(0, 1) : [],
  );
  const elsewhere = (number: number) => !changes.some((change) => Math.abs(number - change) <= maxShared);
  const counted = [talk.shown(), inOrderSpoken(transcript)].map((numbers) => {
    const { lost, repeated, backwards } = judge(numbers, talk.numbers);
    return { lost, repeated: repeated.filter(elsewhere), backwards: backwards.filter(elsewhere) };
  });
  if (JSON.stringify(counted) !== JSON.stringify([clean, clean])) await keepEvidence(talk, name, { counted, changes });
  return counted;
}
const clean = { lost: [], repeated: [], backwards: [] };

/** Another kit takes the room over for 8 s and leaves; the talk goes on to its end. */
async function joinAndLeave(
  expect: TestContext['expect'],
  onTestFinished: TestContext['onTestFinished'],
): Promise<Talk> {
  const mixer = await startMixerTalk({ numbers: 520, kit: kitA, deviceArgs: shown }, onTestFinished);
  const { talk, over } = mixer;
  await talk.said(40);
  const second = join(mixer);
  onTestFinished(async () => void (await second.stop()));
  await untilInCharge(talk, 'kit-b', 20_000);
  await untilHealth(talk.parts.device, 'other-source');
  await delay(8000); // the second kit's time in charge
  expect(await inCharge(talk)).toBe('kit-b');
  await second.stop();
  await untilInCharge(talk, 'kit-a', 60_000);
  await untilHealth(talk.parts.device, 'ok');
  await over;
  await talk.said(519, 60_000);
  await talk.settled();
  return talk;
}

describe.concurrent('a second kit at the same mixer', { timeout: 180_000 }, () => {
  test('joins and leaves: one talk, captioned once, without ping-pong', async ({ expect, onTestFinished }) => {
    const talk = await joinAndLeave(expect, onTestFinished);
    expect(successions(talk)).toEqual(['kit-a', 'kit-b', 'kit-a']);
    expect(await faultsOf(talk, 'a second kit', maxSharedNumbers)).toEqual([clean, clean]);
  });

  test('joins and leaves: no number is said by both', async ({ expect, onTestFinished, skip }) => {
    skip(!isStrict, 'not so yet: the room times of two kits differ by up to a tenth of a second');
    const talk = await joinAndLeave(expect, onTestFinished);
    expect(await faultsOf(talk, 'a second kit, strict', -1)).toEqual([clean, clean]);
  });

  test('is kept out by a pin, and comes in when it is the pinned one', async ({ expect, onTestFinished }) => {
    const mixer = await startMixerTalk({ numbers: 520, kit: kitA, deviceArgs: shown }, onTestFinished);
    const { talk, over } = mixer;
    const pin = (source: string | null) => talk.parts.relay.call('PUT', '/api/rooms/hall', { source });
    await pin('kit-a');
    await talk.said(30);
    const second = join(mixer);
    onTestFinished(async () => void (await second.stop()));
    await untilHealth(second, 'other-source');
    await until(() => second.entries({ ns: 'source', state: 'capturing' }).length > 0 || undefined, {
      what: 'capture',
    });
    await talk.said(70); // so that the second kit has the talk, too
    expect(await inCharge(talk)).toBe('kit-a');
    await pin('kit-b');
    await untilHealth(talk.parts.device, 'other-source');
    await untilInCharge(talk, 'kit-b', 60_000);
    await pin(null);
    await over;
    await talk.said(519, 60_000);
    await talk.settled();
    expect(successions(talk)).toEqual(['kit-a', 'kit-b']);
    expect(await faultsOf(talk, 'a pinned kit', maxSharedNumbers)).toEqual([clean, clean]);
  });
});
