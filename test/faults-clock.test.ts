import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, type TestContext, test } from 'vitest';
import { numbersOf } from './harness/lag.ts';
import { kitEnvironment, type OtherKit } from './harness/other-kit.ts';
import { Talk } from './harness/talk.ts';
import { finished, keepEvidence, verdictOf, whole } from './harness/verdict.ts';

const yearMs = 365.25 * 24 * 3600_000;
const maxErrorMs = 500;
const to1970 = -Date.now();

type Context = Pick<TestContext, 'expect' | 'onTestFinished'>;

/** A talk that begins before the first connection, with an outage in it, at a kit with these clocks: whole, and timed right. */
async function timedTalk(name: string, kit: OtherKit, { expect, onTestFinished }: Context): Promise<Talk> {
  const talk = new Talk({
    numbers: 300,
    startsOffline: true,
    deviceEnv: kitEnvironment({ uptimeMs: 7_200_000, ...kit }),
  });
  onTestFinished(() => talk.stop());
  await talk.start();
  await delay(4000); // captured before the first connection
  await talk.parts.proxy.refuse(false);
  await talk.said(65);
  // The clock jumps during this outage, and once more on the line.
  await talk.parts.proxy.refuse(true);
  await delay(7000);
  await talk.parts.proxy.refuse(false);
  expect(await finished(talk, 60_000)).toBe(0);
  expect(await verdictOf(talk, name)).toEqual(whole);

  const beganMs = performance.timeOrigin + talk.startedAtMs();
  const wrong = [...(await talk.transcript()), ...talk.parts.reader.captions()].flatMap((caption) => {
    const errorMs = caption.start - (beganMs + (numbersOf(caption)[0] ?? 0) * 100);
    return Math.abs(errorMs) < maxErrorMs && !caption.timeUncertain ? [] : [{ errorMs, caption }];
  });
  if (wrong.length > 0) await keepEvidence(talk, `${name} times`, wrong);
  expect(wrong).toEqual([]);
  expect(talk.parts.reader.captions().some(({ late }) => late)).toBe(true);
  return talk;
}

/** What the kit said of its clock, as the relay keeps it. */
function anchorsOf(talk: Talk) {
  const db = new Database(join(talk.relayDir, 'relay.db'), { readonly: true });
  try {
    const rows = db.prepare<[], { wall_ms: number; wall_synced: number }>('SELECT wall_ms, wall_synced FROM anchors');
    return rows.all().map((row) => ({ wallMs: row.wall_ms, isSynced: row.wall_synced === 1 }));
  } finally {
    db.close();
  }
}

describe.concurrent('no sample moves, and every caption has its time, at a kit', { timeout: 150_000 }, () => {
  test('that boots in 1970, jumps 56 years and then back by two hours', async (context) => {
    const wall = [
      [0, to1970],
      [9000, to1970 + 56 * yearMs],
      [18_000, to1970 + 56 * yearMs - 7_200_000],
    ] as const;
    await timedTalk('clock', { wall }, context);
  });

  test('that says its clock is right while it is years off, now ahead and now behind', async (context) => {
    const wall = [
      [0, 30 * yearMs],
      [9000, -9 * yearMs],
      [18_000, 12 * yearMs],
    ] as const;
    const talk = await timedTalk('clock said to be right', { wall, isSynced: true }, context);
    const told = anchorsOf(talk);
    context.expect(told.length).toBeGreaterThan(0);
    context
      .expect(told.filter(({ isSynced, wallMs }) => isSynced && Math.abs(wallMs - Date.now()) > yearMs))
      .toEqual(told);
  });
});
