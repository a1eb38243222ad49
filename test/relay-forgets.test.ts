import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { Retention } from '../relay/retention.ts';
import { roomsWithoutEngine } from './harness/rooms-without-engine.ts';

test('a stream that retention deletes leaves nothing behind in memory: neither its times nor its words', async () => {
  const { running, spool, time, log, stop } = roomsWithoutEngine();
  const room = running.put('hall', {});
  const stream = spool.open(randomUUID(), 'hall', 'kit', 1);
  if (!stream) throw new Error('no stream');
  time.anchor(
    stream.id,
    { position: 0, bootId: randomUUID(), monotonicMs: 0, wallMs: 0, wallSynced: false },
    Date.now(),
  );
  room.said.add(stream.id, 0, 1600, []);
  spool.end(stream, 0);
  expect([time.anchoredBoot(stream.id) !== null, room.said.has(stream.id, 800)]).toEqual([true, true]);
  const settings = { retain: 'hours', retainHours: 1, maxSpoolBytes: 1e9 } as const;
  await new Retention(spool, settings, log, () => Date.now() + 3 * 86_400_000).run();
  expect(spool.get(stream.id)).toBeUndefined();
  expect([time.anchoredBoot(stream.id) !== null, room.said.has(stream.id, 800)]).toEqual([false, false]);
  await stop();
});
