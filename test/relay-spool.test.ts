import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../relay/database.ts';
import { type RangeSet, size, subtract } from '../relay/protocol.js';
import { Retention } from '../relay/retention.ts';
import { Rooms } from '../relay/rooms.ts';
import { segmentSamples } from '../relay/segments.ts';
import { Spool, spoolLimits } from '../relay/spool.ts';
import type { SpoolStream } from '../relay/spool-stream.ts';
import { createLog } from '../systemd/log.ts';
import { temporaryFolder } from './harness/programs.ts';
import { until } from './harness/until.ts';

const log = createLog('silent')('test');
const limits = { ...spoolLimits, syncIntervalMs: 5, syncRetryMs: 10 };
let folder: ReturnType<typeof temporaryFolder>;
let db: Database;
let spool: Spool;

beforeEach(() => {
  folder = temporaryFolder();
  db = openDatabase(folder.path);
  new Rooms(db, { language: 'en-US', engine: 'script:load' }).put('hall', {});
  spool = start();
});

afterEach(async () => {
  await spool.stop();
  db.close();
  folder.remove();
});

function start(): Spool {
  const made = new Spool(db, folder.path, log, limits);
  made.start();
  return made;
}

function open(channels: 1 | 2 = 1): SpoolStream {
  const stream = spool.open(randomUUID(), 'hall', 'kit', channels);
  if (!stream) throw new Error('no stream');
  return stream;
}

/** Samples that say where they belong. */
function audio(from: number, count: number): Buffer {
  const bytes = Buffer.alloc(count * 2);
  for (let i = 0; i < count; i++) bytes.writeInt16LE((from + i) % 32_000, i * 2);
  return bytes;
}

const stored = (stream: SpoolStream, ranges: RangeSet) =>
  until(() => JSON.stringify(stream.stored) === JSON.stringify(ranges) || undefined, {
    what: `stored ${JSON.stringify(ranges)}, not ${JSON.stringify(stream.stored)}`,
  });

describe('the spool', () => {
  test('gives back what it was given, in any order of arrival, across segments and a restart', async () => {
    const stream = open();
    const at = segmentSamples - 1000;
    spool.write(stream, at + 1600, audio(at + 1600, 1600));
    spool.write(stream, at, audio(at, 1600));
    expect(stream.received).toEqual([[at, at + 3200]]);
    expect((await stream.read(at, at + 3200)).equals(audio(at, 3200))).toBe(true);
    await stored(stream, [[at, at + 3200]]);
    await spool.stop();
    spool = start();
    const again = spool.get(stream.id);
    expect(again?.stored).toEqual([[at, at + 3200]]);
    expect((await again?.read(at, at + 3200))?.equals(audio(at, 3200))).toBe(true);
  });

  test('gives zeros where nothing was written, whatever was in the memory that it fills', async () => {
    const stream = open();
    spool.write(stream, 1600, audio(1600, 1600));
    await stored(stream, [[1600, 3200]]);
    const out = Buffer.alloc(3 * 3200, 1);
    await stream.readInto(out, 0);
    expect(out.equals(Buffer.concat([Buffer.alloc(3200), audio(1600, 1600), Buffer.alloc(3200)]))).toBe(true);
  });

  test('keeps the first of what arrives twice', async () => {
    const stream = open();
    spool.write(stream, 0, audio(0, 1600));
    spool.write(stream, 800, audio(5000, 1600));
    expect((await stream.read(0, 2400)).equals(Buffer.concat([audio(0, 1600), audio(5800, 800)]))).toBe(true);
  });

  test('reports a hole as stored, and lets audio that is here win over it', async () => {
    const stream = open();
    spool.write(stream, 0, audio(0, 1600));
    spool.declareHole(stream, { from: 800, to: 4000, reason: 'source-lost' });
    await stored(stream, [[0, 4000]]);
    expect(stream.holes).toEqual([{ from: 1600, to: 4000, reason: 'source-lost' }]);
    await spool.stop();
    spool = start();
    expect(spool.get(stream.id)?.holes).toEqual([{ from: 1600, to: 4000, reason: 'source-lost' }]);
  });

  test('a stream belongs to its room and keeps its format', () => {
    const stream = open(2);
    expect(spool.open(stream.id, 'hall', 'kit', 1)).toBeNull();
    expect(spool.open(stream.id, 'other', 'kit', 2)).toBeNull();
    expect(spool.open(stream.id, 'hall', 'kit', 2)).toBe(stream);
  });

  test('stores nothing while the disk does not take it, says so, gives the audio out all the same, and goes on by itself', async () => {
    const blocked = join(folder.path, 'spool');
    writeFileSync(blocked, 'a file where the folder should be');
    const stream = open();
    spool.write(stream, 0, audio(0, 1600));
    await until(() => spool.fault !== '' || undefined, { what: 'the fault' });
    spool.write(stream, 1600, audio(1600, 1600));
    expect(stream.stored).toEqual([]);
    expect(stream.peek(1600, 3200)?.length).toBe(3200);
    rmSync(blocked);
    await stored(stream, [[0, 3200]]);
    expect(spool.fault).toBe('');
    expect((await stream.read(0, 3200)).equals(audio(0, 3200))).toBe(true);
  });

  test('bounds what waits for the disk: the oldest is asked of the device again', async () => {
    await spool.stop();
    writeFileSync(join(folder.path, 'spool'), '');
    spool = new Spool(db, folder.path, log, { ...limits, maxUnsyncedSamples: 16_000 });
    const stream = open();
    for (let at = 0; at < 64_000; at += 1600) spool.write(stream, at, audio(at, 1600));
    expect(stream.pending.length).toBeLessThanOrEqual(11);
    expect(stream.received[0]?.[0]).toBeGreaterThanOrEqual(64_000 - 17_600);
    expect(spool.droppedSamples).toBeGreaterThan(40_000);
  });

  test('agrees with a plain picture of it under random writes, holes and restarts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            kind: fc.constantFrom('write', 'write', 'write', 'hole', 'restart'),
            from: fc.nat(200),
            count: fc.integer({ min: 1, max: 40 }),
          }),
          { maxLength: 25 },
        ),
        async (steps) => {
          let stream = open();
          const picture = new Map<number, 'audio' | 'hole'>();
          for (const { kind, from, count } of steps) {
            const unit = 160;
            if (kind === 'restart') {
              await spool.stop();
              spool = start();
              stream = spool.get(stream.id) ?? stream;
            } else if (kind === 'write') spool.write(stream, from * unit, audio(from * unit, count * unit));
            else spool.declareHole(stream, { from: from * unit, to: (from + count) * unit, reason: 'bound' });
            if (kind !== 'restart')
              for (let i = from; i < from + count; i++)
                if (!picture.has(i)) picture.set(i, kind === 'hole' ? 'hole' : 'audio');
          }
          const bytes = await stream.read(0, 241 * 160);
          for (let i = 0; i < 241; i++) {
            const at = i * 160;
            const is = stream.received.some(([from, to]) => from <= at && at < to);
            const isHole = stream.holes.some(({ from, to }) => from <= at && at < to);
            expect([is, isHole]).toEqual([picture.has(i), picture.get(i) === 'hole']);
            const stretch: RangeSet = [[at, at + 160 * (1 + (i % 3))]];
            expect(stream.hasAudio(at, at + 160 * (1 + (i % 3)))).toBe(size(subtract(stretch, stream.audio)) === 0);
            if (picture.get(i) === 'audio')
              expect(bytes.subarray(at * 2, at * 2 + 320).equals(audio(at, 160))).toBe(true);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('retention', () => {
  const hourMs = 3_600_000;
  /** Half an hour of a stream that ended, its first `captioned` segments behind captions. */
  async function halfHour(captioned: number): Promise<SpoolStream> {
    const stream = open();
    for (let segment = 0; segment < 3; segment++) spool.write(stream, segment * segmentSamples, audio(0, 1600));
    spool.end(stream, 3 * segmentSamples);
    spool.settle(stream, [[0, captioned * segmentSamples]]);
    await stored(
      stream,
      [0, 1, 2].map((each) => [each * segmentSamples, each * segmentSamples + 1600]),
    );
    return stream;
  }
  const files = (stream: SpoolStream) => {
    const path = join(folder.path, 'spool', 'hall', stream.id);
    return existsSync(path) ? readdirSync(path).sort() : [];
  };
  const settings = { retain: 'hours', retainHours: 1, maxSpoolBytes: 1e9 } as const;

  test('keeps audio for its hours, then deletes it; it still counts as stored', async () => {
    const stream = await halfHour(3);
    await new Retention(spool, settings, log, () => Date.now()).run();
    expect(files(stream)).toHaveLength(3);
    await new Retention(spool, settings, log, () => Date.now() + 0.8 * hourMs).run();
    expect(files(stream)).toEqual(['000002.pcm']); // the older two lie further back than an hour
    expect(stream.stored[0]).toEqual([0, 1600]);
  });

  test('keeps audio until it is captioned where that was asked for', async () => {
    const stream = await halfHour(2);
    await new Retention(spool, { ...settings, retain: 'captioned' }, log).run();
    expect(files(stream)).toEqual(['000002.pcm']);
  });

  test('frees the oldest captioned audio when the space ends, and stores nothing more when that is not enough', async () => {
    const stream = await halfHour(1);
    const archive = { ...settings, retain: 'archive' } as const;
    await new Retention(spool, { ...archive, maxSpoolBytes: 6500 }, log, () => Date.now() + 100 * hourMs).run();
    expect(files(stream)).toEqual(['000001.pcm', '000002.pcm']);
    const at = segmentSamples;
    expect([stream.hasAudio(at, at + 1600), stream.hasAudio(0, 1)]).toEqual([true, false]);
    expect(spool.isFull).toBe(false);
    await new Retention(spool, { ...archive, maxSpoolBytes: 1000 }, log).run();
    expect(files(stream)).toHaveLength(2);
    expect(spool.isFull).toBe(true);
    const next = open();
    spool.write(next, 0, audio(0, 1600));
    await until(() => spool.fault !== '' || undefined, { what: 'the fault' });
    expect(next.stored).toEqual([]);
    spool.isFull = false;
    await stored(next, [[0, 1600]]);
  });

  test('closes a stream that was not heard of for a day: what did not come is a hole', async () => {
    const stream = open();
    spool.write(stream, 16_000, audio(0, 1600));
    await new Retention(spool, { ...settings, retain: 'archive' }, log, () => Date.now() + 25 * hourMs).run();
    expect(stream.ended).toBe(true);
    expect(stream.holes).toEqual([{ from: 0, to: 16_000, reason: 'closed' }]);
    await stored(stream, [[0, 17_600]]);
  });

  test('forgets a stream a day after its end, when nothing of it is left', async () => {
    const stream = await halfHour(3);
    const tomorrow = new Retention(spool, settings, log, () => Date.now() + 25 * hourMs);
    await tomorrow.run();
    expect(spool.get(stream.id)).toBeUndefined();
  });
});
