import { test } from 'vitest';
import { worstLag } from './harness/lag.ts';
import { SmallDisk } from './harness/small-disk.ts';
import { Talk } from './harness/talk.ts';
import { until } from './harness/until.ts';
import { finished, verdictOf, whole } from './harness/verdict.ts';

const maxLagMs = 3000;

test.concurrent('a relay whose disk is full captions on, says so once, and has everything once there is space again', {
  timeout: 120_000,
}, async ({ expect, onTestFinished, skip }) => {
  const disk = SmallDisk.mount(32);
  if (typeof disk === 'string') return skip(disk);
  onTestFinished(() => disk.unmount());
  const talk = new Talk({ numbers: 350, segmentWords: 5, relayDir: disk.path });
  onTestFinished(() => talk.stop());
  const storage = async () => (await talk.room<{ live: { storage: string } }>()).live.storage;
  await talk.start();
  await talk.said(60);

  disk.fill();
  const filledAtMs = performance.now();
  expect(disk.freeBytes).toBe(0);
  await until(async () => (await storage()) !== '' || undefined, { what: 'the fault in the room’s state' });
  await talk.said(220);
  expect(worstLag(talk.lags(), filledAtMs)).toBeLessThan(maxLagMs);
  const errors = talk.parts.relay.program.entries({ level: 'error' }).map(({ entry }) => entry.event);
  expect(errors).toEqual(['spool-fault']);
  disk.free();
  await until(async () => (await storage()) === '' || undefined, { what: 'recovery' });

  expect(await finished(talk, 60_000)).toBe(0);
  expect(await verdictOf(talk, 'disk full')).toEqual(whole);
  // On the disk it is, not only in memory.
  await talk.restartRelay('SIGKILL');
  expect(await verdictOf(talk, 'disk full, after a restart')).toEqual(whole);
});

test.concurrent('a relay that is killed while its disk is full captions on before there is space, and loses nothing', {
  timeout: 120_000,
}, async ({ expect, onTestFinished, skip }) => {
  const disk = SmallDisk.mount(32);
  if (typeof disk === 'string') return skip(disk);
  onTestFinished(() => disk.unmount());
  const talk = new Talk({ numbers: 300, segmentWords: 5, relayDir: disk.path });
  onTestFinished(() => talk.stop());
  await talk.start();
  await talk.said(60);
  disk.fill();
  await talk.said(120);
  await talk.restartRelay('SIGKILL');
  await talk.said(200);
  expect(disk.freeBytes).toBe(0);
  disk.free();
  expect(await finished(talk, 60_000)).toBe(0);
  expect(await verdictOf(talk, 'killed with a full disk')).toEqual(whole);
});
