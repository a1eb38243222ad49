import { expect, onTestFinished, test } from 'vitest';
import { Ext4Disk } from './harness/ext4-disk.ts';
import { Talk } from './harness/talk.ts';
import { until } from './harness/until.ts';

test('acts hold on a disk that turned read-only, reach readers at once, and are in the log once it is writable again', {
  timeout: 120_000,
}, async (context) => {
  const disk = Ext4Disk.mount(64);
  if (typeof disk === 'string') return context.skip(disk);
  onTestFinished(() => disk.unmount());
  const talk = new Talk({ numbers: 200, segmentWords: 5, relayDir: disk.path });
  onTestFinished(() => talk.stop());
  await talk.start();
  const { reader } = talk.parts;
  const call = <T>(method: string, path: string, body?: object) =>
    talk.parts.relay.call<T>(method, `/api/rooms/hall/${path}`, body);
  const storage = async () => (await talk.room<{ live: { storage: string } }>()).live.storage;
  const acts = () =>
    reader.messages.flatMap(({ message }) =>
      ['pause', 'resume', 'clear', 'amend'].includes(message.type) ? [message] : [],
    );
  await talk.said(40);
  const [first] = reader.captions();
  disk.turnReadOnly();
  await until(async () => (await storage()) !== '' || undefined, { what: 'the fault in the state of the room' });

  await call('PUT', `captions/${first?.seq}`, { text: null });
  await call('POST', 'clear');
  await call('PUT', 'paused', { paused: true });
  const pausedMs = Date.now();
  await expect.poll(() => acts().map(({ type }) => type)).toEqual(['amend', 'clear', 'pause']);
  await until(() => talk.standIn.sessions.every(({ over }) => over) || undefined, { what: 'no paid session' });
  const passedMs = Date.now() + 3000;
  await until(() => Date.now() > passedMs || undefined, { what: 'three seconds off the record' });
  const resumingMs = Date.now();
  await call('PUT', 'paused', { paused: false });
  const { seq } = await call<{ seq: number }>('POST', 'clear');
  await expect.poll(() => acts().at(-1)).toMatchObject({ type: 'clear', seq });
  await talk.said(190);
  await call('PUT', 'paused', { paused: true });
  disk.mountAnew();
  await until(async () => (await storage()) === '' || undefined, { what: 'recovery' });

  const [zero] = reader.captions();
  const spoken = (number: number) => (zero?.start ?? 0) + number * 100;
  const isOff = (number: number) => spoken(number) > pausedMs + 150 && spoken(number + 1) < resumingMs - 150;
  const told = acts();
  await talk.restartRelay('SIGKILL');
  expect(await talk.room()).toMatchObject({ paused: true });
  await talk.settled();
  const shown = await talk.transcript();
  expect(shown.some((caption) => caption.seq === first?.seq)).toBe(false);
  const numbers = shown.flatMap(({ text }) => text.split(' ').map((word) => Number(word.slice(1))));
  expect(numbers).toContain(190);
  expect(numbers.filter(isOff)).toEqual([]);
  expect(Array.from({ length: 200 }, (_, i) => i).filter(isOff).length).toBeGreaterThan(20);
  // What the reader had been told is what the log has, and there is nothing it lacks.
  expect(reader.messages.some(({ message }) => message.type === 'reset')).toBe(false);
  expect(acts()).toEqual(told);
});
