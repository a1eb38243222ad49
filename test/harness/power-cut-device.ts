/**
 * Fills and empties a device's buffer: `power-cut-device.ts DATA-DIR MARKS SEED BATCHES`. Before each batch it says what that
 * may delete, after it what is promised; both are lines of MARKS.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DiskBatch } from '../../device/database.ts';
import { WorkerDisk } from '../../device/disk.ts';
import { sampleRate } from '../../relay/protocol.js';
import { createLog } from '../../systemd/log.ts';
import { noise, seeded } from './random.ts';

const [dataDir = '', marks = '', seed = '1', batches = '100'] = process.argv.slice(2);
const random = seeded(Number(seed));
const disk = new WorkerDisk({ file: join(dataDir, 'buffer.db'), log: createLog('silent')('disk') });
disk.start({ opened: () => {}, damaged: () => process.exit(3) });

const streams: { id: string; number: number; edge: number }[] = [];
let begun = 0;
const say = (line: unknown) => appendFileSync(marks, `${JSON.stringify(line)}\n`);

for (let batch = 0; batch < Number(batches); batch++) {
  if (batch % 25 === 0) {
    begun++;
    streams.push({ id: `stream-${begun}`, number: begun, edge: 0 });
  }
  const stream = streams.at(-1) ?? { id: '', number: 0, edge: 0 };
  const chunks = Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
    const samples = sampleRate - Math.floor(random() * 3) * 1600;
    const position = stream.edge;
    stream.edge += samples;
    return { id: stream.id, position, samples, audio: noise(position + stream.number, samples * 2) };
  });
  const oldest = streams[0];
  const change: DiskBatch = {
    records: [{ id: stream.id, record: JSON.stringify({ batch }) }],
    chunks,
    trims: random() < 0.2 ? [{ id: stream.id, ranges: [[0, Math.floor(stream.edge * random())]] }] : [],
    drops: random() < 0.1 ? [{ id: stream.id, samples: sampleRate }] : [],
    forgets: streams.length > 2 && oldest && random() < 0.2 ? [oldest.id] : [],
  };
  if (change.forgets.length > 0) streams.shift();
  say({ begins: batch, trims: change.trims, drops: change.drops, forgets: change.forgets });
  const held = chunks.map(({ id, position, samples }) => ({ id, position, samples }));
  const { removed } = await disk.write(change);
  say({ written: batch, chunks: held, removed, forgets: change.forgets, record: { id: stream.id, batch } });
}
await disk.stop();
