import { intersect, type RangeSet, sampleRate, size, subtract, union } from '../relay/protocol.js';
import { type Explained, SalaError } from '../systemd/errors.ts';
import type { Logger } from '../systemd/log.ts';
import type { DiskBatch, DiskRead, DiskWritten, StoredStream } from './database.ts';
import type { Disk, DiskListener } from './disk.ts';
import type { Salvaged } from './salvage.ts';
import { CapturedStream, streamRecord } from './streams.ts';

export interface SpillLimits {
  /** Audio on the disk, in hours of it, all streams together. */
  readonly maxBufferHours: number;
  /** The file on the disk. */
  readonly maxBufferBytes: number;
  /** A frame that the relay has not stored within this time goes to the disk. */
  readonly spillAfterMs: number;
  /** Deleted in blocks: what the relay has stored meanwhile goes in one transaction. */
  readonly trimIntervalMs: number;
  readonly retryDelayMs: number;
  /** Blobs of a second in one transaction. */
  readonly maxBatchChunks: number;
}

export const spillDefaults: SpillLimits = {
  maxBufferHours: 24,
  maxBufferBytes: 4e9,
  spillAfterMs: 2000,
  trimIntervalMs: 10_000,
  retryDelayMs: 5000,
  maxBatchChunks: 30,
};

type Outcome = 'nothing' | 'written' | 'failed';

/** Dropping makes room for this long at once, so that a full buffer does not delete at every step. */
const dropBlockSamples = 10 * sampleRate;

export interface SpillOwner {
  /** All streams in memory, oldest first. */
  streams(): readonly CapturedStream[];
  /** A stream of an earlier run was found on the disk; calls come in the order in which the streams began. */
  revived(streams: CapturedStream[]): void;
  forgotten(ids: readonly string[]): void;
  /** Audio was lost from the disk, by damage or by the bound. */
  lost(stream: CapturedStream, ranges: RangeSet, reason: 'bound' | 'damaged'): void;
}

export interface SpillOptions {
  readonly disk: Disk;
  readonly owner: SpillOwner;
  readonly log: Logger;
  readonly now: () => number;
  readonly limits: SpillLimits;
}

/**
 * Moves audio between memory and disk: spills what stays unstored, trims what the relay has, keeps the bounds. One
 * batch is on its way at a time, so that a slow card makes batches larger and never a queue longer.
 */
export class Spill implements DiskListener {
  readonly #disk: Disk;
  readonly #owner: SpillOwner;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #limits: SpillLimits;
  /** Records to be written at the next chance, and those that only have to be newer than audio written with them. */
  readonly #dirty = new Set<string>();
  readonly #stale = new Set<string>();
  readonly #known = new Set<string>();
  readonly #forget = new Set<string>();
  #running: Promise<Outcome> | null = null;
  #retryAtMs = 0;
  #trimmedAtMs = 0;
  #failures = 0;
  #opened = false;
  #bytes = 0;
  #problem: Explained | null = null;
  #damagedFile: string | null = null;

  constructor({ disk, owner, log, now, limits }: SpillOptions) {
    this.#disk = disk;
    this.#owner = owner;
    this.#log = log;
    this.#now = now;
    this.#limits = limits;
  }

  start(): void {
    this.#disk.start(this);
  }

  stop(): Promise<void> {
    return this.#disk.stop();
  }

  /** Whether the streams of earlier runs are known. */
  get ready(): boolean {
    return this.#opened;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What keeps audio from the disk now; null where nothing does. */
  get problem(): Explained | null {
    return this.#problem;
  }

  /** A file was damaged in this run, and is now called this. */
  get damagedFile(): string | null {
    return this.#damagedFile;
  }

  /** The stream's record is to be written with the next batch. */
  touch(stream: CapturedStream): void {
    this.#dirty.add(stream.id);
  }

  /** The stream's record has grown: worth writing only when its audio is. On a healthy day it never is. */
  touchLazily(stream: CapturedStream): void {
    this.#stale.add(stream.id);
  }

  /** All of it may go from the disk, and then from memory. */
  forget(stream: CapturedStream): void {
    this.#forget.add(stream.id);
    this.#dirty.delete(stream.id);
  }

  /** Begins a batch where there is something to write and none is on its way. Never throws. */
  tick(): void {
    if (this.#running !== null || this.#now() < this.#retryAtMs) return;
    void this.#run(false);
  }

  /** Writes all that is unstored, however young. @returns whether all of it is on the disk */
  async flush(): Promise<boolean> {
    await this.#running;
    for (;;) {
      const outcome = await this.#run(true);
      if (outcome !== 'written') return outcome === 'nothing';
    }
  }

  async read(stream: CapturedStream, from: number, to: number): Promise<DiskRead> {
    const read = await this.#disk.read(stream.id, from, to);
    stream.disk = subtract(stream.disk, read.damaged);
    if (read.damaged.length > 0) this.#owner.lost(stream, read.damaged, 'damaged');
    return read;
  }

  opened(streams: readonly StoredStream[], bytes: number, lost: Salvaged['lost'] = []): void {
    this.#opened = true;
    this.#bytes = bytes;
    const revived: CapturedStream[] = [];
    const inMemory = new Map(this.#owner.streams().map((stream) => [stream.id, stream]));
    this.#known.clear();
    for (const { id, record, ranges } of streams) {
      this.#known.add(id);
      const known = inMemory.get(id);
      if (known) {
        const gone = subtract(known.disk, ranges);
        known.disk = ranges;
        if (gone.length > 0) this.#owner.lost(known, gone, 'damaged');
        continue;
      }
      const parsed = streamRecord.safeParse(parseJson(record));
      if (!parsed.success) {
        this.#log.error({ stream: id }, 'the record of a buffered stream cannot be read; the stream is dropped');
        this.#forget.add(id);
        continue;
      }
      const stream = CapturedStream.revive(parsed.data, ranges);
      if (!parsed.data.ended) this.touch(stream);
      revived.push(stream);
    }
    this.#owner.revived(revived);
    for (const stream of inMemory.values()) if (!this.#known.has(stream.id)) this.#forsake(stream);
    for (const { id, ranges } of lost) {
      const stream = this.#owner.streams().find((each) => each.id === id);
      if (stream) this.#owner.lost(stream, ranges, 'damaged');
    }
  }

  damaged(file: string): void {
    this.#damagedFile = file;
  }

  #forsake(stream: CapturedStream): void {
    const gone = stream.disk;
    stream.disk = [];
    this.touch(stream);
    if (gone.length > 0) this.#owner.lost(stream, gone, 'damaged');
  }

  #run(all: boolean): Promise<Outcome> {
    // After a failure every second attempt only makes room: on a full disk that is what can still work.
    const onlyRoom = this.#failures % 2 === 1 && !all;
    const batch = (onlyRoom ? this.#batch(all, true) : null) ?? this.#batch(all, false);
    if (!batch) return Promise.resolve('nothing');
    const running = this.#disk.write(batch).then<Outcome, Outcome>(
      (written) => {
        this.#running = null;
        this.#written(batch, written);
        return 'written';
      },
      (error: unknown) => {
        this.#running = null;
        this.#failed(batch, error);
        return 'failed';
      },
    );
    this.#running = running;
    return running;
  }

  /** @param onlyRoom without audio; null where there is nothing else to do */
  #batch(all: boolean, onlyRoom: boolean): DiskBatch | null {
    const now = this.#now();
    const streams = this.#owner.streams();
    const chunks = onlyRoom ? [] : this.#due(streams, all ? Infinity : now - this.#limits.spillAfterMs);
    const writing = new Set([
      ...this.#dirty,
      ...chunks.map(({ id }) => id).filter((id) => !this.#known.has(id) || this.#stale.has(id)),
    ]);
    const records = streams
      .filter(({ id }) => writing.has(id) && !this.#forget.has(id))
      .map((stream) => ({ id: stream.id, record: JSON.stringify(stream.record()) }));
    const trimDue = all || now - this.#trimmedAtMs >= this.#limits.trimIntervalMs;
    const trims = trimDue
      ? streams
          .map((stream) => ({ id: stream.id, ranges: intersect(stream.stored, stream.disk) }))
          .filter(({ ranges }) => ranges.length > 0)
      : [];
    if (trimDue) this.#trimmedAtMs = now;
    for (const { id } of trims)
      if (!records.some((each) => each.id === id)) {
        const stream = streams.find((each) => each.id === id);
        if (stream) records.push({ id, record: JSON.stringify(stream.record()) });
      }
    const drops = this.#drops(streams);
    const forgets = [...this.#forget];
    if (records.length + chunks.length + trims.length + drops.length + forgets.length === 0) return null;
    for (const { id } of records) {
      this.#dirty.delete(id);
      this.#stale.delete(id);
    }
    return { records, chunks, trims, drops, forgets };
  }

  /** The unstored audio of each second whose oldest sample was written before `beforeMs`, one blob for each second: its
   * youngest has then waited a second less, and all that a crash can cost is what this waits for. */
  #due(streams: readonly CapturedStream[], beforeMs: number): DiskBatch['chunks'] {
    const chunks: { id: string; position: number; samples: number; audio: Uint8Array<ArrayBuffer> }[] = [];
    for (const stream of streams) {
      const wanted = subtract(stream.ram, union(stream.stored, stream.disk));
      if (wanted.length === 0) continue;
      for (const { from, to } of stream.slabs.seconds())
        for (const [start, end] of intersect([[from, to]], wanted)) {
          if (stream.slabs.writtenAtMs(start) > beforeMs) continue;
          if (chunks.length >= this.#limits.maxBatchChunks) return chunks;
          const audio = stream.slabs.read(start, end);
          chunks.push({ id: stream.id, position: start, samples: end - start, audio });
        }
    }
    return chunks;
  }

  /** What the bounds force out, oldest stream first. */
  #drops(streams: readonly CapturedStream[]): DiskBatch['drops'] {
    const samples = streams.reduce((sum, stream) => sum + size(stream.disk), 0);
    const frameBytes = streams.find(({ disk }) => disk.length > 0)?.frameBytes ?? 2;
    const over = Math.max(
      samples - this.#limits.maxBufferHours * 3600 * sampleRate,
      (this.#bytes - this.#limits.maxBufferBytes) / frameBytes,
    );
    if (over <= 0) return [];
    let left = over + Math.min(dropBlockSamples, samples / 10);
    const drops: { id: string; samples: number }[] = [];
    for (const { id, disk } of streams) {
      if (left <= 0) break;
      if (disk.length === 0) continue;
      drops.push({ id, samples: Math.ceil(left) });
      left -= size(disk);
    }
    return drops;
  }

  #written(batch: DiskBatch, { removed, bytes }: DiskWritten): void {
    if (this.#problem) this.#log.info('the buffer file can be written again');
    this.#problem = null;
    this.#failures = 0;
    this.#bytes = bytes;
    const streams = new Map(this.#owner.streams().map((stream) => [stream.id, stream]));
    for (const { id } of batch.records) this.#known.add(id);
    for (const { id, position, samples } of batch.chunks) {
      const stream = streams.get(id);
      if (stream) stream.disk = union(stream.disk, [[position, position + samples]]);
    }
    removed.forEach(({ id, ranges }, i) => {
      const stream = streams.get(id);
      if (!stream) return;
      stream.disk = subtract(stream.disk, ranges);
      if (i >= batch.trims.length) this.#owner.lost(stream, ranges, 'bound');
    });
    for (const id of batch.forgets) {
      this.#forget.delete(id);
      this.#known.delete(id);
    }
    if (batch.forgets.length > 0) this.#owner.forgotten(batch.forgets);
    if (batch.chunks.length >= this.#limits.maxBatchChunks) this.tick();
  }

  #failed(batch: DiskBatch, error: unknown): void {
    for (const { id } of batch.records) this.#dirty.add(id);
    this.#failures++;
    this.#trimmedAtMs = 0;
    this.#retryAtMs = this.#now() + this.#limits.retryDelayMs;
    const problem: Explained =
      error instanceof SalaError
        ? { code: error.code, message: error.message, hint: error.hint }
        : { code: 'disk-failed', message: String(error), hint: 'Report this with the log.' };
    if (problem.code !== this.#problem?.code) this.#log.error({ code: problem.code }, problem.message);
    this.#problem = problem;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
