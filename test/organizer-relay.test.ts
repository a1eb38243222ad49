import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { describe, test } from 'vitest';
import type { CaptionsMessage } from '../relay/protocol.js';
import { numbersOf } from './harness/lag.ts';
import { TestReader, TestRelay, temporaryFolder } from './harness/programs.ts';
import { Talk } from './harness/talk.ts';
import { until } from './harness/until.ts';

describe.concurrent('the organizer of a running relay', { timeout: 120_000 }, () => {
  test('clears the screens: what was about to be said is withdrawn, and comes back in a final alone', async ({
    expect,
    onTestFinished,
  }) => {
    const talk = new Talk({ numbers: 120, segmentWords: 20 });
    onTestFinished(() => talk.stop());
    await talk.start();
    const { relay, read } = talk.parts;
    const reader = new TestReader(() => `ws://127.0.0.1:${relay.port}`, 'hall', read, { partial: true });
    onTestFinished(() => reader.close());
    const messages = (): CaptionsMessage[] => reader.messages.map(({ message }) => message);
    await talk.said(10);
    // In the midst of a segment.
    await until(
      () => {
        const last = messages().findLast(({ type }) => type === 'partial' || type === 'caption');
        const count = last?.type === 'partial' ? numbersOf(last).length : 0;
        // Early enough that it is still forming when the clear comes.
        return count >= 4 && count <= 8;
      },
      { what: 'a partial' },
    );
    const { seq } = await relay.call<{ seq: number }>('POST', '/api/rooms/hall/clear');
    const clear = await until(() => messages().find((each) => each.type === 'clear'), { what: 'the clear' });
    expect(clear).toMatchObject({ seq });
    const at = clear.at ?? 0;
    expect(await talk.played(60_000)).toBe(0);
    await talk.captioned();
    const after = messages().slice(messages().indexOf(clear) + 1);
    const partials = after.filter((each) => each.type === 'partial');
    expect(partials[0]).toMatchObject({ text: '' });
    expect(partials.filter(({ text, start }) => text !== '' && start < at)).toEqual([]);
    expect(partials.some(({ text }) => text !== '')).toBe(true);
    expect(new Set(talk.shown()).size).toBe(talk.numbers);
  });

  test('has every act that was answered, though the relay was being stopped meanwhile', async ({
    expect,
    onTestFinished,
  }) => {
    const folder = temporaryFolder();
    onTestFinished(() => folder.remove());
    const dataDir = join(folder.path, 'relay');
    const relay = await TestRelay.start({ dataDir, engine: 'script:none' });
    onTestFinished(async () => void (await relay.stop()));
    const { read } = await relay.room('hall');
    let answered = 0;
    let isPaused = false;
    const act = async () => {
      const { seq } = await relay.call<{ seq: number }>('POST', '/api/rooms/hall/clear');
      answered = Math.max(answered, seq);
      const next = await relay.call<{ seq: number }>('PUT', '/api/rooms/hall/paused', { paused: !isPaused });
      isPaused = !isPaused;
      answered = Math.max(answered, next.seq);
    };
    for (let i = 0; i < 3; i++) await act();
    relay.program.kill('SIGTERM');
    for (;;) {
      try {
        await act();
      } catch {
        break;
      }
    }
    expect((await relay.program.exit).status).toBe(0);
    const again = await TestRelay.start({ dataDir, engine: 'script:none' });
    onTestFinished(async () => void (await again.stop()));
    const view = await again.call<{ seq: number; paused: boolean }>('GET', '/api/rooms/hall');
    expect(view.seq).toBeGreaterThanOrEqual(answered);
    const reader = new TestReader(() => `ws://127.0.0.1:${again.port}`, 'hall', read);
    onTestFinished(() => reader.close());
    const acts = await until(
      () => {
        const told = reader.messages.flatMap(({ message }) =>
          'seq' in message && message.type !== 'hello' ? [message] : [],
        );
        return told.at(-1)?.seq === view.seq ? told : undefined;
      },
      { what: 'the log' },
    );
    const pauses = acts.filter(({ type }) => type === 'pause' || type === 'resume');
    expect(pauses.at(-1)?.type === 'pause').toBe(view.paused);
    expect(pauses.every(({ type }, i) => type === (i % 2 === 0 ? 'pause' : 'resume'))).toBe(true);
  });

  test('finds a pause in its log that was accepted right before the power went', async ({ expect, onTestFinished }) => {
    const folder = temporaryFolder();
    onTestFinished(() => folder.remove());
    const dataDir = join(folder.path, 'relay');
    const relay = await TestRelay.start({ dataDir, engine: 'script:none' });
    onTestFinished(async () => void (await relay.stop()));
    const { read } = await relay.room('hall');
    await relay.stop();
    const db = new BetterSqlite(join(dataDir, 'relay.db'));
    db.exec(`INSERT INTO assignments (room, from_ms, language, engine, recognition, paused)
      SELECT room, from_ms + 1000, language, engine, recognition, 1 FROM assignments`);
    const at = db.prepare('SELECT from_ms FROM assignments WHERE paused = 1').pluck().get();
    db.close();
    for (let starts = 0; starts < 2; starts++) {
      const again = await TestRelay.start({ dataDir, engine: 'script:none' });
      onTestFinished(async () => void (await again.stop()));
      expect(await again.call('GET', '/api/rooms/hall')).toMatchObject({ paused: true, live: { state: 'paused' } });
      const reader = new TestReader(() => `ws://127.0.0.1:${again.port}`, 'hall', read);
      onTestFinished(() => reader.close());
      await expect.poll(() => reader.messages.some(({ message }) => message.type === 'status')).toBe(true);
      const acts = reader.messages.flatMap(({ message }) => (message.type === 'pause' ? [message] : []));
      expect(acts).toEqual([{ type: 'pause', seq: 1, at }]);
      await again.stop();
    }
  });
});
