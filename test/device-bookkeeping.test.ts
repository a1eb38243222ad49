import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { AudioBuffer } from '../device/buffer.ts';
import type { DiskBatch, DiskRead, DiskWritten, StoredStream } from '../device/database.ts';
import type { Disk, DiskListener } from '../device/disk.ts';
import { intersect, type RangeSet, size, subtract, union } from '../relay/protocol.js';
import { createLog } from '../systemd/log.ts';

const log = createLog('silent')('test');
const bootId = '00000000-0000-4000-8000-000000000000';
const second = 16_000;

/** A disk in memory that fails on demand and survives the device. */
class FakeDisk implements Disk {
  fails = false;
  readonly records = new Map<
    string,
    { record: string; chunks: { position: number; audio: Uint8Array<ArrayBuffer> }[] }
  >();

  ranges(id: string): RangeSet {
    return union(
      [],
      (this.records.get(id)?.chunks ?? []).map(({ position, audio }) => [position, position + audio.length / 2]),
    );
  }

  start(listener: DiskListener): void {
    const streams: StoredStream[] = [...this.records].map(([id, { record }]) => ({
      id,
      record,
      ranges: this.ranges(id),
    }));
    listener.opened(streams, 0);
  }

  async write(batch: DiskBatch): Promise<DiskWritten> {
    if (this.fails) throw new Error('no');
    for (const { id, record } of batch.records) {
      const known = this.records.get(id);
      if (known) known.record = record;
      else this.records.set(id, { record, chunks: [] });
    }
    for (const { id, position, audio } of batch.chunks) this.records.get(id)?.chunks.push({ position, audio });
    const remove = (id: string, gone: RangeSet) => {
      const stream = this.records.get(id);
      if (!stream) return { id, ranges: [] };
      const inside = ({ position, audio }: { position: number; audio: Uint8Array }) =>
        size(subtract([[position, position + audio.length / 2]], gone)) === 0;
      const ranges = union(
        [],
        stream.chunks.filter(inside).map(({ position, audio }) => [position, position + audio.length / 2]),
      );
      stream.chunks = stream.chunks.filter((chunk) => !inside(chunk));
      return { id, ranges };
    };
    const removed = [
      ...batch.trims.map(({ id, ranges }) => remove(id, ranges)),
      ...batch.drops.map(({ id, samples }) => {
        const first = this.ranges(id)[0]?.[0] ?? 0;
        return remove(id, [[0, Math.ceil((first + samples) / second) * second]]);
      }),
    ];
    for (const id of batch.forgets) this.records.delete(id);
    return { removed, bytes: 0 };
  }

  async read(): Promise<DiskRead> {
    return { pieces: [], damaged: [] };
  }
  async probe(): Promise<void> {}
  async stop(): Promise<void> {}
}

type Step =
  | { readonly do: 'capture'; readonly frames: number }
  | { readonly do: 'hole' | 'store'; readonly from: number; readonly length: number }
  | { readonly do: 'wait' | 'diskFails' | 'diskWorks' | 'newRelay' | 'kill' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('capture' as const), frames: fc.integer({ min: 1, max: 80 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('hole' as const, 'store' as const),
      from: fc.double({ min: 0, max: 1, noNaN: true }),
      length: fc.integer({ min: 1, max: 100_000 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('wait' as const, 'wait', 'wait', 'diskFails', 'diskWorks', 'newRelay', 'kill'),
    }),
  },
);

test('whatever happens, each captured position is held, stored by the relay, or a declared hole', async () => {
  vi.useFakeTimers();
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const disk = new FakeDisk();
        let clock = 0;
        const limits = { maxBufferHours: 30 / 3600, keepSeconds: 5, maxMemorySeconds: 20 };
        const make = () => {
          const clocks = { now: () => clock, sinceBootMs: 0, bootId, wallMs: () => 0, wallSynced: () => false };
          const made = new AudioBuffer({ room: 'aula', channels: 1, disk, clocks, log, limits });
          const ignore = () => undefined;
          made.start({
            started: ignore,
            frame: ignore,
            ended: ignore,
            hole: ignore,
            anchor: ignore,
            revived: ignore,
          });
          return made;
        };
        let buffer = make();
        let position = 0;
        let relay = 0;
        for (const each of steps) {
          const current = buffer.offered()[0];
          if (each.do === 'capture') {
            for (let i = 0; i < each.frames; i++) {
              buffer.frame(position, new Uint8Array(3200));
              position += 1600;
            }
          } else if (each.do === 'hole') {
            buffer.hole(position, position + each.length, 'source-lost');
            position += each.length;
          } else if (each.do === 'store' && current && current.edge > 0) {
            const from = Math.floor(each.from * current.edge);
            const to = Math.min(current.edge, from + each.length);
            const stored = intersect([[from, to]], current.held);
            const before = current.backlog;
            buffer.stored(current, stored);
            expect(current.backlog).toEqual(subtract(before, stored));
          } else if (each.do === 'diskFails' || each.do === 'diskWorks') {
            disk.fails = each.do === 'diskFails';
          } else if (each.do === 'newRelay') {
            relay++;
            buffer.welcomed(`relay ${relay}`, new Map());
            for (const stream of buffer.offered()) {
              expect(stream.backlog).toEqual(stream.held);
              buffer.closeGaps(stream, []);
            }
          } else if (each.do === 'kill') {
            const onDisk = new Map([...disk.records.keys()].map((id) => [id, disk.ranges(id)]));
            vi.clearAllTimers();
            buffer = make();
            position = 0;
            for (const stream of buffer.offered()) {
              expect(stream.ended).toBe(true);
              expect(stream.held).toEqual(onDisk.get(stream.id));
              buffer.closeGaps(stream, []);
            }
          } else if (each.do === 'wait') {
            clock += 11_000;
            await vi.advanceTimersByTimeAsync(1000);
          }
          // What the disk did, it has said.
          await vi.advanceTimersByTimeAsync(0);
          for (const stream of buffer.offered()) {
            const holes = stream.holes.map(({ from, to }): [number, number] => [from, to]);
            expect(subtract([[0, stream.edge]], union(union(stream.held, stream.stored), holes))).toEqual([]);
            expect(subtract(stream.disk, disk.ranges(stream.id))).toEqual([]);
            expect(intersect(holes, stream.held)).toEqual([]);
            expect(size(stream.ram)).toBeLessThanOrEqual(31 * second + 80 * 1600);
          }
        }
        vi.clearAllTimers();
      }),
      { numRuns: 200 },
    );
  } finally {
    vi.useRealTimers();
  }
});
