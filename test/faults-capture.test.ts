import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { FakeRelay } from './harness/fake-relay.ts';
import { brokenOf, gapsOf, Inside } from './harness/inside-view.ts';
import { MachineFaults } from './harness/machine-faults.ts';
import { startDevice, temporaryFolder } from './harness/programs.ts';
import { until } from './harness/until.ts';

const maxGapMs = 500;
const watchSeconds = 10;

test('with its relay gone and a disk that takes 2 s for each sync a device loses no frame and is late with none', async (context) => {
  const folder = temporaryFolder();
  onTestFinished(() => folder.remove());
  const faults = MachineFaults.make(join(folder.path, 'faults'));
  if (!faults) return context.skip('there is no C compiler here');
  const relay = new FakeRelay();
  await relay.start();
  const inside = new Inside('inside-device');
  onTestFinished(() => inside.remove());
  const device = startDevice({
    relay: relay.url,
    room: 'aula',
    token: 'secret-of-this-test',
    dataDir: join(folder.path, 'data'),
    source: 'tone',
    env: { ...faults.env, ...inside.env },
  });
  onTestFinished(async () => void (await device.stop()));
  await relay.until(() => relay.frames.length >= 10, 'the first second');
  await relay.stop();
  faults.syncTakes(2000);
  await until(() => device.entries({ code: 'relay-unreachable' }).length > 0 || undefined, { what: 'the loss' });
  const seen = await inside.watch(device.child.pid ?? 0, watchSeconds);
  expect(brokenOf(seen)).toBe(0);
  expect(seen.frames.length).toBeGreaterThan(watchSeconds * 10 - 6);
  expect(Math.max(...gapsOf(seen))).toBeLessThan(maxGapMs);
  // As late as that its end shows that the disk was slow.
  const stoppedMs = performance.now();
  expect(await device.stop()).toBe(0);
  expect(performance.now() - stoppedMs).toBeGreaterThan(1900);
});
