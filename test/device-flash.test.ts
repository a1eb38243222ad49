import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AudioBuffer } from '../device/buffer.ts';
import type { BufferListener } from '../device/buffer-options.ts';
import type { DiskBatch, DiskRead, DiskWritten } from '../device/database.ts';
import type { Disk, DiskListener } from '../device/disk.ts';
import { type RangeSet, union } from '../relay/protocol.js';
import { createLog } from '../systemd/log.ts';
import { blockBytes, eventually, temporaryFolder } from './harness/device-core.ts';
import { FakeRelay } from './harness/fake-relay.ts';
import { writtenPerHour } from './harness/healthy-flash.ts';
import { MachineFaults } from './harness/machine-faults.ts';
import { outage } from './harness/outage-run.ts';
import { type RunningProgram, startDevice } from './harness/programs.ts';

let relay: FakeRelay;
let folder: ReturnType<typeof temporaryFolder>;
const programs: RunningProgram[] = [];

beforeEach(async () => {
  relay = new FakeRelay();
  await relay.start();
  folder = temporaryFolder();
});

afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.stop()));
  await relay.stop();
  folder.remove();
});

function device(env: NodeJS.ProcessEnv = {}): RunningProgram {
  const program = startDevice({
    relay: relay.url,
    room: 'aula',
    token: 'secret-of-this-test',
    dataDir: join(folder.path, 'data'),
    source: 'tone',
    env,
  });
  programs.push(program);
  return program;
}

/** Gaps between frames as they arrive, in ms, and whether each begins where the one before ended. */
function arrivals(from: number): { gaps: number[]; ordered: boolean } {
  const frames = relay.frames.slice(from);
  return {
    gaps: frames.slice(1).map(({ atMs }, i) => atMs - (frames[i]?.atMs ?? 0)),
    ordered: frames.slice(1).every((frame, i) => frame.from === frames[i]?.to),
  };
}

const machine = temporaryFolder();
const faults = MachineFaults.make(join(machine.path, 'faults'));
afterAll(() => machine.remove());

test.skipIf(faults === null)(
  'with a card that takes 2 s for each sync no frame is late, lost or out of order',
  async () => {
    relay.stores = false;
    const program = device(faults?.env);
    await relay.until(() => relay.frames.length >= 20);
    faults?.syncTakes(2000);
    const from = relay.frames.length;
    await relay.until(() => relay.frames.length >= from + 100, 'ten seconds more');
    const { gaps, ordered } = arrivals(from);
    process.stderr.write(`syncs of 2 s: at most ${Math.round(Math.max(...gaps))} ms between two frames\n`);
    expect(ordered).toBe(true);
    expect(Math.max(...gaps)).toBeLessThan(500);
    // It ends in time all the same, with what is unstored on the disk; and as late as that shows that the card was slow.
    const stoppedMs = performance.now();
    expect(await program.stop()).toBe(0);
    const tookMs = performance.now() - stoppedMs;
    expect(tookMs).toBeGreaterThan(1900);
    expect(tookMs).toBeLessThan(10_000);
    faults?.syncTakes(0);
  },
);

test('while the relay stores what it gets, next to nothing is written', async () => {
  // A relay syncs twice a second, and the line has its own delay.
  relay.ackDelayMs = 700;
  const program = device();
  // A minute of it is in the long form.
  expect(await writtenPerHour(program, relay, 15)).toBeLessThanOrEqual(5e6);
});

test('ten minutes without a relay are all on disk, written at most 3 times over, in memory that does not grow', async () => {
  const { flash, megabytes, heldMs, droppedMs } = await outage(600);
  expect({ heldMs, droppedMs }).toEqual({ heldMs: 600_000, droppedMs: 0 });
  expect(flash).toBeLessThan(3);
  expect(Math.max(...megabytes)).toBeLessThan((megabytes[2] ?? 0) + 50);
});

/** A disk that answers when it is told to. */
class StallingDisk implements Disk {
  stalls = false;
  readonly batches: DiskBatch[] = [];
  #resume: (() => void)[] = [];

  start(listener: DiskListener): void {
    listener.opened([], 0);
  }

  async write(batch: DiskBatch): Promise<DiskWritten> {
    if (this.stalls) await new Promise<void>((resolve) => this.#resume.push(resolve));
    this.batches.push(batch);
    return { removed: [], bytes: 0 };
  }

  goOn(): void {
    this.stalls = false;
    for (const resolve of this.#resume.splice(0)) resolve();
  }

  async read(): Promise<DiskRead> {
    return { pieces: [], damaged: [] };
  }
  async probe(): Promise<void> {}
  async stop(): Promise<void> {}
}

const now = { ms: 0 };
const nothing = () => {};

/** A buffer on that disk whose clock is `now`. */
function bufferOn(disk: Disk, frame: BufferListener['frame'] = nothing): AudioBuffer {
  now.ms = 0;
  const buffer = new AudioBuffer({
    room: 'aula',
    channels: 1,
    disk,
    clocks: {
      now: () => now.ms,
      sinceBootMs: 0,
      bootId: '00000000-0000-4000-8000-000000000000',
      wallMs: () => 0,
      wallSynced: () => false,
    },
    log: createLog('silent')('test'),
  });
  buffer.start({ started: nothing, frame, ended: nothing, hole: nothing, anchor: nothing, revived: nothing });
  return buffer;
}

test('a disk that stalls has one batch to do and no queue; then all of it is written, once and in order', async () => {
  const disk = new StallingDisk();
  const given: number[] = [];
  const buffer = bufferOn(disk, (_, position) => given.push(position));
  disk.stalls = true;
  for (let block = 0; block < 600; block++) {
    now.ms += 100;
    buffer.frame(block * 1600, blockBytes(block));
  }
  expect(given).toEqual(Array.from({ length: 600 }, (_, i) => i * 1600));
  now.ms += 5000;
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(disk.batches).toEqual([]);
  disk.goOn();
  const written = () =>
    disk.batches.flatMap(({ chunks }) => chunks.map(({ position, samples }) => [position, samples]));
  await eventually(() => written().length >= 60, 'all written');
  expect(written()).toEqual(Array.from({ length: 60 }, (_, i) => [i * 16_000, 16_000]));
  const held: RangeSet = union(
    [],
    buffer.offered().flatMap(({ disk: onDisk }) => onDisk),
  );
  expect(held).toEqual([[0, 960_000]]);
  await buffer.stop();
});

describe('as time passes', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Captures for so long, with a relay that stores what is `storedAfterMs` old. How much of the newest audio was neither
   * stored nor on the disk, in ms, at its worst; and what was written. */
  async function captured(lengthMs: number, storedAfterMs: number) {
    const disk = new StallingDisk();
    const buffer = bufferOn(disk);
    let worstMs = 0;
    for (let block = 0; block * 100 < lengthMs; block++) {
      now.ms += 100;
      buffer.frame(block * 1600, blockBytes(block));
      const [stream] = buffer.offered();
      if (!stream) throw new Error('no stream');
      const storedMs = now.ms - storedAfterMs;
      if (storedMs > 0) buffer.stored(stream, [[0, storedMs * 16]]);
      vi.advanceTimersByTime(100);
      await new Promise((resolve) => setImmediate(resolve));
      const safe = union(stream.disk, stream.stored);
      worstMs = Math.max(worstMs, now.ms - (safe.at(-1)?.[1] ?? 0) / 16);
    }
    await buffer.stop();
    return { worstMs, chunks: disk.batches.flatMap(({ chunks }) => chunks) };
  }

  test('nothing that is older than 2.5 s is only in memory, and each second is written in one piece', async () => {
    const { worstMs, chunks } = await captured(60_000, Number.POSITIVE_INFINITY);
    expect(worstMs).toBeLessThanOrEqual(2500);
    expect(chunks.map(({ position, samples }) => [position, samples])).toEqual(
      Array.from({ length: 60 }, (_, i) => [i * 16_000, 16_000]),
    );
  });

  test('what a slow relay stores within 1.9 s is never written', async () => {
    const { chunks } = await captured(60_000, 1900);
    // Only what is unstored when the device stops.
    expect(chunks.every(({ position }) => position >= 58 * 16_000)).toBe(true);
  });
});
