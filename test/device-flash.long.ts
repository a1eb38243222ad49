import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { FakeRelay } from './harness/fake-relay.ts';
import { writtenPerHour } from './harness/healthy-flash.ts';
import { startDevice, temporaryFolder } from './harness/programs.ts';

test('a healthy minute writes at most 5 MB/h, what is written once a minute included', async () => {
  const relay = new FakeRelay();
  await relay.start();
  const folder = temporaryFolder();
  // A relay syncs twice a second, and the line has its own delay.
  relay.ackDelayMs = 700;
  const dataDir = join(folder.path, 'data');
  const program = startDevice({
    relay: relay.url,
    room: 'aula',
    token: 'secret-of-this-test',
    dataDir,
    source: 'tone',
  });
  onTestFinished(async () => {
    await program.stop();
    await relay.stop();
    folder.remove();
  });
  expect(await writtenPerHour(program, relay, 65)).toBeLessThanOrEqual(5e6);
});
