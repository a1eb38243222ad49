import { randomUUID } from 'node:crypto';
import { describe, test } from 'vitest';
import WebSocket from 'ws';
import { audioProtocol } from '../relay/protocol.js';
import { judge, Talk } from './harness/talk.ts';
import { until } from './harness/until.ts';

/** A number is 100 ms; clocks agree to less than that, and sessions hear half a second of what is another's. */
const edgeMs = 150;
const overlapMs = 500;

/** Pauses the room or goes on; between which room times that happened. */
async function pause(talk: Talk, paused: boolean): Promise<[fromMs: number, toMs: number]> {
  const fromMs = Date.now();
  await talk.parts.relay.call('PUT', '/api/rooms/hall/paused', { paused });
  return [fromMs, Date.now()];
}

/** Numbers spoken between two room times. */
async function spokenIn(talk: Talk, fromMs: number, toMs: number): Promise<(number: number) => boolean> {
  const [first] = await talk.transcript();
  const zeroMs = first?.start ?? 0;
  return (number) => zeroMs + number * 100 >= fromMs && zeroMs + (number + 1) * 100 <= toMs;
}

const numbersOf = (text: string) => text.split(/\s+/).map((word) => Number(word.slice(1)));

describe.concurrent('a talk that is paused', { timeout: 120_000 }, () => {
  test('is captioned to the last word before and from the first word after; what lies between is nowhere', async ({
    expect,
    onTestFinished,
  }) => {
    const talk = new Talk({ numbers: 220, segmentWords: 5 });
    onTestFinished(() => talk.stop());
    await talk.start();
    await talk.said(30);
    const [beforeMs, pausedMs] = await pause(talk, true);
    expect(await pause(talk, true)).toBeDefined(); // once more is nothing
    const { reader } = talk.parts;
    await until(() => talk.standIn.sessions.every(({ over }) => over) || undefined, {
      what: 'the end of the paid session',
    });
    await expect.poll(async () => (await talk.room()).live.state, { timeout: 10_000 }).toBe('paused');
    const heard = talk.heard().length;
    // The kit goes on capturing meanwhile, and nobody hears it.
    const stored = async () =>
      (await talk.room<{ live: { counters: { audioSecondsReceived: number } } }>()).live.counters.audioSecondsReceived;
    const then = await stored();
    await expect.poll(async () => (await stored()) - then, { timeout: 20_000 }).toBeGreaterThanOrEqual(4);
    expect(talk.heard()).toHaveLength(heard);
    const [resumingMs, afterMs] = await pause(talk, false);
    expect(await talk.played(60_000)).toBe(0);

    const isOff = await spokenIn(talk, pausedMs + edgeMs, resumingMs - edgeMs);
    const isOn = await spokenIn(talk, 0, beforeMs - edgeMs);
    const isOnAgain = await spokenIn(talk, afterMs + edgeMs, Number.MAX_SAFE_INTEGER);
    const all = Array.from({ length: talk.numbers }, (_, i) => i);
    const due = all.filter((number) => isOn(number) || isOnAgain(number));
    expect(all.filter(isOff).length).toBeGreaterThan(30);
    await until(() => due.every((number) => talk.shown().includes(number)) || undefined, { what: 'the end' });
    await talk.settled();
    expect(talk.shown().filter(isOff)).toEqual([]);
    expect(judge(talk.shown(), talk.numbers)).toMatchObject({ repeated: [], backwards: [] });
    const isNearNothing = await spokenIn(talk, pausedMs + overlapMs + edgeMs, resumingMs - overlapMs - edgeMs);
    expect(talk.heard().filter(isNearNothing)).toEqual([]);
    expect(reader.captions().some(({ late }) => late)).toBe(false);

    // Nor does it appear after a restart, which finds nothing left to be filled in.
    const sessions = talk.standIn.sessions.length;
    await talk.restartRelay('SIGKILL');
    await talk.settled();
    expect(talk.shown().filter(isOff)).toEqual([]);
    expect((await talk.transcript()).flatMap(({ text }) => numbersOf(text)).filter(isOff)).toEqual([]);
    expect(talk.standIn.sessions).toHaveLength(sessions);
    const acts = reader.messages.flatMap(({ message }) =>
      message.type === 'pause' || message.type === 'resume' ? [message] : [],
    );
    expect(acts.map(({ type }) => type)).toEqual(['pause', 'resume']);
    expect(acts[0]?.at).toBeGreaterThanOrEqual(beforeMs);
    expect(acts[0]?.at).toBeLessThanOrEqual(pausedMs);
  });

  test('while its kit cannot be reached is told from the rest by when it was spoken, whatever the relay goes through', async ({
    expect,
    onTestFinished,
  }) => {
    const talk = new Talk({ numbers: 260, segmentWords: 5 });
    onTestFinished(() => talk.stop());
    await talk.start();
    await talk.said(30);
    const { proxy } = talk.parts;
    await proxy.refuse(true);
    const spoken = (number: number) =>
      until(() => performance.now() > talk.startedAtMs() + number * 100 || undefined, { what: `number ${number}` });
    await spoken(70);
    const [beforeMs, pausedMs] = await pause(talk, true);
    await spoken(100);
    await talk.restartRelay('SIGKILL');
    await spoken(110);
    const [resumingMs, afterMs] = await pause(talk, false);
    await spoken(150);
    const reachableMs = performance.now();
    await proxy.refuse(false);
    await talk.connected(reachableMs);
    expect(await talk.played(60_000)).toBe(0);

    const isOff = await spokenIn(talk, pausedMs + edgeMs, resumingMs - edgeMs);
    const isOn = await spokenIn(talk, 0, beforeMs - edgeMs);
    const isOnAgain = await spokenIn(talk, afterMs + edgeMs, Number.MAX_SAFE_INTEGER);
    const all = Array.from({ length: talk.numbers }, (_, i) => i);
    const due = all.filter((number) => isOn(number) || isOnAgain(number));
    expect(all.filter(isOff).length).toBeGreaterThan(20);
    await until(() => due.every((number) => talk.shown().includes(number)) || undefined, {
      what: 'the end, and all that was missed',
      timeoutMs: 60_000,
    });
    await talk.settled();
    expect(talk.shown().filter(isOff)).toEqual([]);
    expect(judge(talk.shown(), talk.numbers)).toMatchObject({ repeated: [], backwards: [] });
    expect(talk.parts.reader.captions().some(({ late }) => late)).toBe(true);
    expect((await talk.room()).live.backfillMs).toBe(0);
    const told = talk.parts.reader.messages.flatMap(({ atMs, message }) =>
      message.type === 'status' && atMs > reachableMs ? [message.state] : [],
    );
    expect(told).toContain('catching-up');
  });

  test('is told to its kit, which comes and hears it at once', async ({ expect, onTestFinished }) => {
    const talk = new Talk({ numbers: 10 });
    onTestFinished(() => talk.stop());
    await talk.start();
    expect(await talk.played(30_000)).toBe(0);
    await pause(talk, true);
    const { relay, publish } = talk.parts;
    const socket = new WebSocket(`ws://127.0.0.1:${relay.port}/api/rooms/hall/audio`, [audioProtocol], {
      headers: { authorization: `Bearer ${publish}` },
    });
    onTestFinished(() => socket.terminate());
    const told: unknown[] = [];
    socket.on('message', (data) => {
      const message: { type: string; settings?: unknown } = JSON.parse(String(data));
      if (message.settings) told.push(message.settings);
    });
    await new Promise((done) => socket.once('open', done));
    const device = { id: 'kit', version: '1', bootId: randomUUID(), monotonicMs: 1 };
    socket.send(JSON.stringify({ type: 'hello', device, takeover: true, streams: [] }));
    await expect.poll(() => told).toEqual([{ language: 'en-US', paused: true }]);
    await pause(talk, false);
    await expect.poll(() => told.at(-1)).toEqual({ language: 'en-US', paused: false });
  });
});
