import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, test } from 'vitest';
import { type MixerTalk, mixerArgs, startMixerTalk } from './harness/mixer-talk.ts';
import { kitEnvironment } from './harness/other-kit.ts';
import { type RunningProgram, startDevice } from './harness/programs.ts';
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

/** What is lost, said twice or out of order, at the reader's end and in the transcript. */
async function faultsOf(talk: Talk, name: string) {
  const counted = [talk.shown(), inOrderSpoken(await talk.transcript())].map((numbers) => judge(numbers, talk.numbers));
  if (JSON.stringify(counted) !== JSON.stringify([clean, clean])) await keepEvidence(talk, name, counted);
  return counted;
}
/** Declared holes in one kit's stream where the other was in charge. */
function overlapsOf(talk: Talk): number {
  const db = new Database(path.join(talk.relayDir, 'relay.db'), { readonly: true });
  try {
    return Number(db.prepare("SELECT count(*) FROM holes WHERE reason = 'other-source'").pluck().get());
  } finally {
    db.close();
  }
}
const clean = { lost: [], repeated: [], backwards: [] };

describe.concurrent('a second kit at the same mixer', { timeout: 180_000 }, () => {
  test('joins and leaves: one talk, each number said once, without ping-pong', async ({ expect, onTestFinished }) => {
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
    expect(successions(talk)).toEqual(['kit-a', 'kit-b', 'kit-a']);
    expect(await faultsOf(talk, 'a second kit')).toEqual([clean, clean]);
    expect(overlapsOf(talk)).toBeGreaterThan(0);
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
    await untilInCharge(talk, 'kit-b', 60_000);
    await untilHealth(talk.parts.device, 'other-source');
    await pin(null);
    await over;
    await talk.said(519, 60_000);
    await talk.settled();
    expect(successions(talk)).toEqual(['kit-a', 'kit-b']);
    expect(await faultsOf(talk, 'a pinned kit')).toEqual([clean, clean]);
  });
});
