import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { size } from '../relay/protocol.js';
import { blockBytes, DeviceCore, eventually, temporaryFolder, upTo, wholeBlocks } from './harness/device-core.ts';
import { FakeRelay } from './harness/fake-relay.ts';
import { MachineFaults } from './harness/machine-faults.ts';
import { startDevice } from './harness/programs.ts';

let relay: FakeRelay;
let folder: ReturnType<typeof temporaryFolder>;
const machine = temporaryFolder();
const faults = MachineFaults.make(join(machine.path, 'faults'));
afterAll(() => machine.remove());

beforeEach(async () => {
  relay = new FakeRelay();
  await relay.start();
  folder = temporaryFolder();
});

afterEach(async () => {
  await relay.stop();
  folder.remove();
});

test.skipIf(faults === null)(
  'a bad sector costs the second that it is in, which is told, and nothing else',
  { timeout: 90_000 },
  async () => {
    const spilling = new DeviceCore({ relay: relay.url, dataDir: folder.path });
    spilling.start({ connect: false });
    await eventually(() => spilling.buffer.ready, 'an open buffer');
    spilling.capture(300);
    await spilling.stop();
    // Somewhere within the second of blocks 150 to 159.
    const offset = readFileSync(join(folder.path, 'buffer.db')).indexOf(blockBytes(155).subarray(0, 400));
    expect(offset).toBeGreaterThan(0);
    faults?.badByte(offset);
    const device = startDevice({
      relay: relay.url,
      room: 'aula',
      token: 'secret-of-this-test',
      dataDir: folder.path,
      source: 'tone',
      env: faults?.env ?? {},
    });
    try {
      const old = () => [...relay.streams.values()].find(({ report }) => report.ended);
      await relay.until(() => size(old()?.received ?? []) === 300 * 1600, 'all of it', 30_000);
      expect(old()?.holes).toEqual([{ from: 150 * 1600, to: 160 * 1600, reason: 'damaged' }]);
      expect(wholeBlocks(relay.samples(old()?.report.id ?? ''))).toEqual([...upTo(150), ...upTo(300, 160)]);
      const told = () => relay.messages.findLast((message) => message.type === 'health')?.health;
      await relay.until(() => told()?.state === 'buffer-dropping', 'the loss is told');
      expect(told()?.buffer?.droppedMs).toBe(1000);
      expect(readdirSync(folder.path)).toContain('buffer.db.damaged-1');
    } finally {
      await device.stop();
    }
  },
);
