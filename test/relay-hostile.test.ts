import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { type Database, openDatabase } from '../relay/database.ts';
import {
  decodeAudioFrame,
  encodeAudioFrame,
  limits,
  parseDeviceMessage,
  sampleRate,
  WireError,
} from '../relay/protocol.js';
import { Retention } from '../relay/retention.ts';
import { Rooms } from '../relay/rooms.ts';
import { Spool } from '../relay/spool.ts';
import { audioCostMs, rateLimits, UplinkRates } from '../relay/uplink-rates.ts';
import { createLog } from '../systemd/log.ts';
import { temporaryFolder } from './harness/programs.ts';

const format = { encoding: 'pcm_s16le', rate: 16000, channels: 1 };
const report = (edge: number, ranges: number[][] = []) => ({
  ...{ index: 0, id: randomUUID(), format, edge, ended: true, ranges, holes: [], anchors: [] },
});
const closeCodeOf = (run: () => void) => {
  try {
    run();
  } catch (error) {
    return error instanceof WireError ? error.closeCode : error;
  }
  return null;
};

describe('a position beyond a year', () => {
  const far = limits.maxPosition + 1;

  it('is taken in no message and no frame', () => {
    const of = (stream: unknown) => closeCodeOf(() => parseDeviceMessage(JSON.stringify({ type: 'stream', stream })));
    expect(of(report(limits.maxPosition))).toBeNull();
    expect(of(report(far))).toBe(4000);
    expect(of(report(1000, [[0, far]]))).toBe(4000);
    const frame = (position: number) => encodeAudioFrame({ index: 0, position, live: true, audio: Buffer.alloc(2) });
    expect(closeCodeOf(() => decodeAudioFrame(frame(limits.maxPosition)))).toBeNull();
    expect(closeCodeOf(() => decodeAudioFrame(frame(far)))).toBe(4000);
  });
});

describe('what a source says of its streams', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let db: Database;
  let spool: Spool;
  const log = createLog('silent')('test');

  beforeEach(() => {
    folder = temporaryFolder();
    db = openDatabase(folder.path);
    new Rooms(db, { language: 'en-US', engine: 'fake' }).put('hall', {});
    spool = new Spool(db, folder.path, log);
    spool.start();
  });
  afterEach(async () => {
    await spool.stop();
    db.close();
    folder.remove();
  });

  test('costs retention nothing where there is no audio, however far it reaches', async () => {
    for (let i = 0; i < 200; i++) {
      const stream = spool.open(randomUUID(), 'hall', 'kit', 1);
      if (!stream) throw new Error('no stream');
      spool.write(stream, limits.maxPosition - sampleRate, Buffer.alloc(3200));
      spool.end(stream, limits.maxPosition);
    }
    const begun = performance.now();
    await new Retention(spool, { retain: 'hours', retainHours: 24, maxSpoolBytes: 20e9 }, log).run();
    expect(performance.now() - begun).toBeLessThan(2000);
    expect(spool.all()).toHaveLength(200);
  });
});

describe('an audio socket', () => {
  const live = (edge: number) => ({ edgeAtStart: edge, startedMs: 0, edge });
  const frame = sampleRate / 10;

  it('may advance its live edge 1.1 times as fast as the clock, and 15 s at once', () => {
    let now = 0;
    const rates = new UplinkRates(rateLimits, () => now);
    const stream = live(0);
    const advance = (times: number, seconds: number) => {
      for (const end = now + seconds * 1000; now < end; now += 100) {
        const to = stream.edge + frame * times;
        rates.spendAudio(stream, stream.edge, to);
      }
    };
    advance(1.09, 3600);
    now = 0;
    const fast = live(0);
    const run = () => {
      for (; now < 60_000; now += 100) rates.spendAudio(fast, fast.edge, fast.edge + frame * 50);
    };
    expect(closeCodeOf(run)).toBe(4413);
    expect(now).toBeLessThan(400);
  });

  it('may bring an hour of backlog at the rate it was told, beside its live edge', () => {
    let now = 0;
    const rates = new UplinkRates(rateLimits, () => now);
    const hour = 3600 * sampleRate;
    const stream = live(hour);
    for (let position = 0; position < hour; position += frame) {
      rates.spendAudio(stream, position, position + frame);
      now += 100 / rateLimits.maxBacklogRate;
    }
    expect(now).toBeLessThan(181_000);
  });

  it('is closed where backlog comes much faster, and where it is cut into countless tiny frames', () => {
    let now = 0;
    const pour = (samples: number, perSecond: number) => {
      const rates = new UplinkRates(rateLimits, () => now);
      let position = 0;
      const run = () => {
        for (let i = 0; i < 20_000; i++, position += samples) {
          rates.spendAudio(live(3600 * sampleRate), position, position + samples);
          now += 1000 / perSecond;
        }
      };
      return closeCodeOf(run);
    };
    expect(pour(frame, 1000)).toBe(4413);
    expect(pour(1, 5000)).toBe(4413);
    expect(pour(frame, 200)).toBeNull();
  });

  it('pays a second for audio that joins nothing, and 20 ms for the shortest that does', () => {
    expect([audioCostMs(1), audioCostMs(1600), audioCostMs(1, false), audioCostMs(16_000, false)]).toEqual([
      20, 100, 1000, 1000,
    ]);
  });

  it('is closed after 500 messages at once, not by 20 a second', () => {
    let now = 0;
    const rates = new UplinkRates(rateLimits, () => now);
    for (let i = 0; i < 5000; i++, now += 50) rates.spendMessage();
    const burst = () => {
      for (let i = 0; i < 600; i++) rates.spendMessage();
    };
    expect(closeCodeOf(burst)).toBe(4429);
  });

  it('pays for a long message as for several: seven of the longest at once', () => {
    const rates = new UplinkRates(rateLimits, () => 0);
    const tell = (count: number) =>
      closeCodeOf(() => {
        for (let i = 0; i < count; i++) rates.spendMessage(limits.maxTextBytes);
      });
    expect(tell(7)).toBeNull();
    expect(tell(1)).toBe(4429);
  });
});
