/**
 * An outage in accelerated time: `outage.ts DATA-DIR SECONDS`. Captures so much random audio while there is no relay, and says
 * what it cost as one line of JSON. A program of its own, so that its memory and its writes are the buffer's alone.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { AudioBuffer } from '../../device/buffer.ts';
import { WorkerDisk } from '../../device/disk.ts';
import { frameSamples, sampleRate, size, subtract } from '../../relay/protocol.js';
import { createLog } from '../../systemd/log.ts';
import { noise } from './random.ts';
import { writtenBytes } from './written.ts';

const [dataDir = '', seconds = '600'] = process.argv.slice(2);
const roundSeconds = 100;
let nowMs = 0;
const log = createLog('error')('outage');
const buffer = new AudioBuffer({
  room: 'aula',
  channels: 1,
  disk: new WorkerDisk({ file: join(dataDir, 'buffer.db'), log }),
  clocks: { now: () => nowMs, sinceBootMs: 0, bootId: randomUUID(), wallMs: () => 0, wallSynced: () => false },
  log,
});
const ignore = () => {};
buffer.start({ started: ignore, frame: ignore, ended: ignore, hole: ignore, anchor: ignore, revived: ignore });

const before = writtenBytes('self');
const memory: number[] = [];
let position = 0;
for (let round = 0; round * roundSeconds < Number(seconds); round++) {
  for (let frame = 0; frame < roundSeconds * 10; frame++) {
    nowMs += 100;
    if (frame % 10 === 0) buffer.anchor(position, nowMs);
    buffer.frame(position, noise(position, frameSamples * 2));
    position += frameSamples;
    // The disk's thread answers in between.
    if (frame % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  nowMs += 3000;
  const unsafe = () => buffer.offered().reduce((sum, { ram, disk }) => sum + size(subtract(ram, disk)), 0);
  while (unsafe() > 3 * sampleRate) await new Promise((resolve) => setTimeout(resolve, 20));
  memory.push(process.memoryUsage.rss());
}
const { heldMs, droppedMs } = buffer.health();
await buffer.stop();
process.stdout.write(
  `${JSON.stringify({ audioBytes: position * 2, writtenBytes: writtenBytes('self') - before, memory, heldMs, droppedMs })}\n`,
);
