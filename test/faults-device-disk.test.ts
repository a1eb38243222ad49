import { readdirSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { beginningOf, gaps, startMixerTalk } from './harness/mixer-talk.ts';
import type { RunningProgram } from './harness/programs.ts';
import { SmallDisk } from './harness/small-disk.ts';
import { judge } from './harness/talk.ts';
import { until } from './harness/until.ts';
import { keepEvidence } from './harness/verdict.ts';

/** Not on the disk yet when it fills up, or cut in two by the link. */
const maxUnspilledMs = 5000;
/** From the start of a device to its first sample of the mixer. */
const maxStartMs = 4000;

const status = z.object({
  health: z.object({ state: z.string(), buffer: z.object({ diskBytes: z.number(), state: z.string() }) }),
});

/** What the kit's own page says. */
async function pageOf(device: RunningProgram) {
  const { statusPort } = await device.event('started');
  const response = await fetch(`http://127.0.0.1:${statusPort}/status.json`);
  return status.parse(await response.json()).health;
}
/** Lines of the journal that tell of a full disk. */
const told = (device: RunningProgram) =>
  device.entries({ code: 'disk-full' }).filter(({ entry }) => entry.level === 'error' || entry.level === 'warn');

test('a device that is killed while its disk is full captions on from what it had spilled, says so once, and heals by itself', {
  timeout: 150_000,
}, async (context) => {
  const disk = SmallDisk.mount(8);
  if (typeof disk === 'string') return context.skip(disk);
  onTestFinished(() => disk.unmount());
  const { talk, over } = await startMixerTalk(
    { numbers: 420, deviceDir: disk.path, deviceArgs: ['--status-listen', '127.0.0.1:0'] },
    onTestFinished,
  );
  const { proxy } = talk.parts;
  const page = () => pageOf(talk.parts.device);
  await talk.said(20);

  const offlineFromMs = Date.now();
  await proxy.refuse(true);
  const before = (await page()).buffer.diskBytes;
  await until(async () => (await page()).buffer.diskBytes > before + 5 * 32_000 || undefined, { what: '5 s spilled' });
  const filledMs = Date.now();
  disk.fill();
  await until(async () => (await page()).buffer.state === 'disk-full' || undefined, { what: 'the full disk' });
  expect(told(talk.parts.device)).toHaveLength(1);
  await talk.restartDevice('SIGKILL');
  const restartedMs = Date.now();
  expect(disk.freeBytes).toBe(0);

  // The line is back before there is space.
  await until(() => talk.parts.device.entries({ ns: 'source', state: 'capturing' }).length > 0 || undefined, {
    what: 'capture',
  });
  await proxy.refuse(false);
  const captioned = () => talk.parts.reader.captions();
  const spilled = () => captioned().filter(({ start }) => start > offlineFromMs && start < filledMs - maxUnspilledMs);
  await until(() => captioned().some(({ start }) => start > restartedMs) || undefined, { what: 'new words' });
  await until(() => spilled().length > 0 || undefined, { what: 'what was spilled' });
  // So long it goes on like this, two more attempts at the disk included.
  await talk.said(Math.ceil((Date.now() - beginningOf(captioned())) / 100) + 120);
  expect(disk.freeBytes).toBe(0);
  expect((await page()).state).toBe('disk-full');
  expect(told(talk.parts.device)).toHaveLength(1);

  disk.free();
  await until(async () => (await page()).state === 'ok' || undefined, { what: 'recovery' });
  await over;
  await talk.said(419, 60_000);
  await talk.settled();
  const shown = talk.shown();
  const beganMs = beginningOf(captioned());
  const at = (number: number) => beganMs + number * 100;
  const missing = gaps(shown, talk.numbers).map(([from, to]) => [at(from), at(to)] as const);
  const unexplained = missing.filter(([from, to]) => from < filledMs - maxUnspilledMs || to > restartedMs + maxStartMs);
  const { repeated, backwards } = judge(shown, talk.numbers);
  const found = { unexplained, repeated, backwards, gaps: missing.length };
  const expected = { unexplained: [], repeated: [], backwards: [], gaps: 1 };
  if (JSON.stringify(found) !== JSON.stringify(expected)) await keepEvidence(talk, 'device disk full', found);
  expect(found).toEqual(expected);
  expect(readdirSync(disk.path).filter((name) => name.includes('damaged'))).toEqual([]);
});
