/**
 * Fills a relay's spool: `power-cut-relay.ts DATA-DIR MARKS SEED SECONDS new|used`. What the spool reports as stored is a line
 * of MARKS. A used data folder has a spool folder already, from a day before.
 */
import { appendFileSync, closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { openDatabase } from '../../relay/database.ts';
import { frameSamples, sampleRate } from '../../relay/protocol.js';
import { Spool, spoolLimits } from '../../relay/spool.ts';
import { createLog } from '../../systemd/log.ts';
import { noise, seeded } from './random.ts';

const [dataDir = '', marks = '', seed = '1', seconds = '60', age = 'new'] = process.argv.slice(2);
const random = seeded(Number(seed));
if (age === 'used') {
  mkdirSync(join(dataDir, 'spool'));
  const folder = openSync(dataDir, 'r');
  fsyncSync(folder);
  closeSync(folder);
}
const db = openDatabase(dataDir);
db.prepare('INSERT INTO rooms (name, settings, log, created_ms) VALUES (?, ?, ?, 0)').run('aula', '{}', 'log');
const spool = new Spool(db, dataDir, createLog('silent')('spool'), { ...spoolLimits, syncIntervalMs: 10 });
spool.start();
spool.listen({
  written: () => {},
  changed: () => {},
  stored: (stream, ranges) => appendFileSync(marks, `${JSON.stringify({ stored: stream.id, ranges })}\n`),
});

const frames = (Number(seconds) * sampleRate) / frameSamples;
for (const [number, id] of ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'].entries()) {
  const stream = spool.open(id, 'aula', 'kit', 1);
  if (!stream) throw new Error('the stream was refused');
  // Live audio runs ahead; what is missing comes later, newest stretch first, across the end of a segment file.
  const from = number === 0 ? 0 : 600 * sampleRate - (frames / 2) * frameSamples;
  if (from > 0) spool.declareHole(stream, { from: 0, to: from, reason: 'bound' });
  const order = Array.from({ length: frames }, (_, i) => i);
  order.sort((a, b) => (a % 7 < 4 ? 0 : 1) - (b % 7 < 4 ? 0 : 1) || a - b);
  for (const frame of order) {
    const position = from + frame * frameSamples;
    if (frame % 50 === 49)
      spool.declareHole(stream, { from: position, to: position + frameSamples, reason: 'source-lost' });
    else spool.write(stream, position, noise(position + number, frameSamples * 2));
    if (random() < 0.15) await new Promise((resolve) => setTimeout(resolve, random() * 12));
  }
  spool.end(stream, from + frames * frameSamples);
}
await spool.stop();
db.close();
