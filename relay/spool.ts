import { join } from 'node:path';
import { messageOf } from '../systemd/errors.ts';
import type { Logger } from '../systemd/log.ts';
import type { Database } from './database.ts';
import type { Statement } from './database-handle.ts';
import { frameSamples, type Hole, intersect, type RangeSet, size, subtract, union } from './protocol.js';
import { type Piece, segmentSamples } from './segments.ts';
import { SpoolStream, type StreamRow } from './spool-stream.ts';

export interface SpoolLimits {
  /** How long written audio may wait for its sync; `stored` is late by as much. */
  readonly syncIntervalMs: number;
  /** After a failed sync, e.g. on a full disk. */
  readonly syncRetryMs: number;
  /** Audio that waits in memory for a disk that does not take it, a stream; the oldest goes first, the device keeps it. */
  readonly maxUnsyncedSamples: number;
}

export const spoolLimits: SpoolLimits = { syncIntervalMs: 500, syncRetryMs: 2000, maxUnsyncedSamples: 120 * 16000 };

/** A kit whose stream has not ended comes back sooner. */
const idleMs = 60_000;

export interface SpoolListener {
  /** New positions of a stream can be read, from memory or disk. */
  written(stream: SpoolStream, position: number, audio: Uint8Array): void;
  /** These positions survive a power cut now. */
  stored(stream: SpoolStream, ranges: RangeSet): void;
  /** A hole was declared or the stream ended. */
  changed(stream: SpoolStream): void;
  /** The stream and its audio are deleted: whatever is kept for it can go. */
  removed?(stream: SpoolStream): void;
}

/** The durable copy of every room's streams: files for audio, the database for what is in them. */
export class Spool {
  readonly #db: Database;
  readonly #folder: string;
  readonly #log: Logger;
  readonly #limits: SpoolLimits;
  readonly #now: () => number;
  readonly #upsert: Statement<[StreamRow], unknown>;
  readonly #delete: Statement<[string], unknown>;
  readonly #streams = new Map<string, SpoolStream>();
  /** The same by room, each in the order they were first heard of. */
  readonly #byRoom = new Map<string, Set<SpoolStream>>();
  readonly #listeners = new Set<SpoolListener>();
  readonly #dirty = new Set<SpoolStream>();
  #timer: NodeJS.Timeout | undefined;
  #syncing: Promise<void> = Promise.resolve();
  #stopped = false;
  /** The database is older than what is known here. */
  #isOutdated = false;
  /** Why nothing is stored at the moment, in words; empty when all is well. */
  fault = '';
  /** Set by retention: nothing more is stored until there is room again; the devices keep it. */
  isFull = false;
  /** When audio was last stored, monotonic ms; null before the first time. */
  syncedAtMs: number | null = null;
  droppedSamples = 0;
  /** Empty streams that gave way to new ones in a full room. */
  forgottenStreams = 0;

  constructor(
    db: Database,
    dataDir: string,
    log: Logger,
    limits: SpoolLimits = spoolLimits,
    now: () => number = Date.now,
  ) {
    this.#db = db;
    this.#upsert = db.prepare<[StreamRow]>(
      `INSERT INTO streams (id, room, device, channels, edge, ended, stored, captioned, removed, heard_ms)
       VALUES (@id, @room, @device, @channels, @edge, @ended, @stored, @captioned, @removed, @heard_ms)
       ON CONFLICT DO UPDATE SET edge = excluded.edge, ended = excluded.ended, stored = excluded.stored,
         captioned = excluded.captioned, removed = excluded.removed, heard_ms = excluded.heard_ms`,
    );
    this.#delete = db.prepare<[string]>('DELETE FROM streams WHERE id = ?');
    this.#folder = join(dataDir, 'spool');
    this.#log = log;
    this.#limits = limits;
    this.#now = now;
  }

  start(): void {
    const holes = this.#db.prepare<[string], Hole>(
      'SELECT from_position AS "from", to_position AS "to", reason FROM holes WHERE stream = ? ORDER BY from_position',
    );
    this.#db.onRenewed(() => {
      this.#isOutdated = true;
      for (const stream of this.#streams.values()) this.#touch(stream);
    });
    for (const row of this.#db.prepare<[], StreamRow>('SELECT * FROM streams').all()) this.#add(row, holes.all(row.id));
  }

  /** Syncs what is pending and closes the files. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#syncing;
    await this.#sync();
    await Promise.all([...this.#streams.values()].map((stream) => stream.segments.close()));
  }

  listen(listener: SpoolListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get(id: string): SpoolStream | undefined {
    return this.#streams.get(id);
  }

  /** The streams of a room in the order they were first heard of. */
  streamsOf(room: string): SpoolStream[] {
    return [...(this.#byRoom.get(room) ?? [])];
  }

  /** The stream of that id, made if new; null when the id belongs to another room. */
  open(id: string, room: string, device: string, channels: 1 | 2): SpoolStream | null {
    const known = this.#streams.get(id);
    if (known) {
      known.heardMs = this.#now();
      return known.room === room && known.channels === channels ? known : null;
    }
    const row: StreamRow = {
      id,
      room,
      device,
      channels,
      edge: 0,
      ended: 0,
      stored: '[]',
      captioned: '[]',
      removed: '[]',
      heard_ms: this.#now(),
    };
    this.#db.writeSoon(() => this.#upsert.run(row)); // else the next sync does
    return this.#add(row, []);
  }

  #add(row: StreamRow, holes: Hole[]): SpoolStream {
    const stream = new SpoolStream(row, holes, join(this.#folder, row.room, row.id));
    this.#streams.set(row.id, stream);
    const ofRoom = this.#byRoom.get(row.room) ?? new Set();
    this.#byRoom.set(row.room, ofRoom.add(stream));
    return stream;
  }

  /** Out of memory; whatever others keep for it can go, too. */
  #drop(stream: SpoolStream): void {
    this.#streams.delete(stream.id);
    this.#dirty.delete(stream);
    const ofRoom = this.#byRoom.get(stream.room);
    ofRoom?.delete(stream);
    if (ofRoom?.size === 0) this.#byRoom.delete(stream.room);
  }

  /** Takes audio at its address; what is here already is left alone. Never waits. */
  write(stream: SpoolStream, position: number, audio: Uint8Array): void {
    const end = position + audio.length / stream.bytesPerFrame;
    stream.edge = Math.max(stream.edge, end);
    stream.heardMs = this.#now();
    const last = stream.received.at(-1);
    const fresh: RangeSet =
      !last || position >= last[1] ? [[position, end]] : subtract([[position, end]], stream.received);
    for (const [from, to] of fresh) {
      const part = audio.subarray((from - position) * stream.bytesPerFrame, (to - position) * stream.bytesPerFrame);
      stream.pending.push({ position: from, audio: part });
      // The common case, audio at the edge, costs nothing.
      const edge = stream.received.at(-1);
      if (edge && edge[1] === from) edge[1] = to;
      else stream.received = union(stream.received, [[from, to]]);
      for (const listener of this.#listeners) listener.written(stream, from, part);
    }
    if (fresh.length > 0) this.#touch(stream);
    this.#dropOldest(stream);
  }

  /** Positions that no one has. Stored and acknowledged like audio; audio that is here already wins. */
  declareHole(stream: SpoolStream, { from, to, reason }: Hole): void {
    this.declareHoles(stream, [[from, to]], reason);
  }

  /** The same for many at once. */
  declareHoles(stream: SpoolStream, ranges: RangeSet, reason: Hole['reason']): void {
    stream.edge = Math.max(stream.edge, ranges.at(-1)?.[1] ?? 0);
    const parts = subtract(ranges, stream.received);
    if (parts.length === 0) return;
    for (const [from, to] of parts) stream.holes.push({ from, to, reason });
    stream.received = union(stream.received, parts);
    stream.captioned = union(stream.captioned, parts);
    this.#touch(stream);
    for (const listener of this.#listeners) listener.changed(stream);
  }

  /** No audio will follow `edge`. */
  end(stream: SpoolStream, edge: number): void {
    if (stream.ended && stream.edge >= edge) return;
    stream.edge = Math.max(stream.edge, edge);
    stream.ended = true;
    this.#touch(stream);
    for (const listener of this.#listeners) listener.changed(stream);
  }

  /** Marks positions as done by the feed; saved with the next `save` or sync. */
  settle(stream: SpoolStream, ranges: RangeSet): void {
    stream.captioned = union(stream.captioned, ranges);
    this.#touch(stream);
  }

  /** Writes the feed's progress; called within the transaction that commits a caption. */
  save(stream: SpoolStream): void {
    this.#db.prepare('UPDATE streams SET captioned = ? WHERE id = ?').run(JSON.stringify(stream.captioned), stream.id);
  }

  /** Every stream there is. */
  all(): SpoolStream[] {
    return [...this.#streams.values()];
  }

  /** Deletes the audio of one segment; it goes on counting as stored. */
  async removeSegment(stream: SpoolStream, index: number): Promise<void> {
    await stream.segments.removeSegment(index);
    const segment: RangeSet = [[index * segmentSamples, (index + 1) * segmentSamples]];
    stream.removed = union(stream.removed, intersect(segment, stream.stored));
    stream.captioned = union(stream.captioned, stream.removed);
    this.#touch(stream);
  }

  /** Forgets a stream and deletes its audio. */
  async remove(stream: SpoolStream): Promise<void> {
    this.#drop(stream);
    this.#delete.run(stream.id);
    for (const listener of this.#listeners) listener.removed?.(stream);
    await stream.segments.remove();
  }

  /**
   * Forgets at most so many streams of which a room has nothing and that nobody has open, those not heard of for longest
   * first. A kit that still has audio of one tells of it anew. Their files are left alone: there are none, and where a disk
   * failed they may be the next ones' under the same name.
   * @returns how many
   */
  forgetEmpty(room: string, most: number): number {
    const now = this.#now();
    const idle = this.streamsOf(room)
      .filter((stream) => stream.holders === 0 && (stream.ended || now - stream.heardMs > idleMs) && stream.isEmpty)
      .sort((a, b) => a.heardMs - b.heardMs)
      .slice(0, most);
    for (const stream of idle) {
      this.end(stream, stream.edge); // the feed waits for it no longer
      this.#drop(stream);
      this.#db.writeSoon(() => this.#delete.run(stream.id));
      for (const listener of this.#listeners) listener.removed?.(stream);
    }
    this.forgottenStreams += idle.length;
    return idle.length;
  }

  #touch(stream: SpoolStream): void {
    this.#dirty.add(stream);
    if (!this.#timer && !this.#stopped) this.#schedule(this.#limits.syncIntervalMs);
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#syncing = this.#sync().finally(() => {
        this.#timer = undefined;
        if (this.#dirty.size > 0 && !this.#stopped)
          this.#schedule(this.fault ? this.#limits.syncRetryMs : this.#limits.syncIntervalMs);
      });
    }, delayMs);
  }

  /** Audio to disk and synced, then one commit for all streams, then the word to who waits for it. */
  async #sync(): Promise<void> {
    const isOutdated = this.#isOutdated;
    const batch = [...this.#dirty];
    this.#dirty.clear();
    const taken = new Map(batch.map((stream) => [stream, new Set(stream.pending)]));
    const storedBefore = new Map(batch.map((stream) => [stream, stream.stored]));
    const receivedThen = new Map(batch.map((stream) => [stream, subtract(stream.received, [])]));
    try {
      if (this.isFull)
        throw new Error(
          'the audio uses all the space it was given, and none of it may go: it has no captions yet, or its recording is not stored',
        );
      await Promise.all(
        batch.map((stream) => stream.segments.store(joined([...(taken.get(stream) ?? [])], stream.bytesPerFrame))),
      );
      const alive = batch.filter((stream) => this.#streams.has(stream.id));
      this.#db.transaction(() => {
        if (isOutdated) this.#forgetOthers();
        for (const stream of alive)
          this.#commit(stream, receivedThen.get(stream) ?? [], isOutdated ? [] : stream.stored);
      })();
      if (isOutdated) this.#isOutdated = false;
      for (const stream of alive) {
        stream.stored = receivedThen.get(stream) ?? [];
        stream.pending = stream.pending.filter((piece) => !taken.get(stream)?.has(piece));
        const fresh = subtract(stream.stored, storedBefore.get(stream) ?? []);
        if (fresh.length > 0) for (const listener of this.#listeners) listener.stored(stream, fresh);
      }
      this.syncedAtMs = performance.now();
      if (this.fault) this.#log.info({ event: 'spool-recovered' }, 'Audio is stored again');
      this.fault = '';
    } catch (error) {
      if (!this.fault)
        this.#log.error({ event: 'spool-fault', reason: messageOf(error) }, 'Audio cannot be stored; the kits keep it');
      this.fault = `Audio cannot be stored on the relay's disk (${messageOf(error)}); the kits keep it until it can.`;
      for (const stream of batch) this.#dirty.add(stream);
    }
  }

  /** Streams that were removed and are in an older database still. */
  #forgetOthers(): void {
    const remove = this.#db.prepare('DELETE FROM streams WHERE id = ?');
    for (const { id } of this.#db.prepare<[], { id: string }>('SELECT id FROM streams').all())
      if (!this.#streams.has(id)) remove.run(id);
  }

  /** @param stored all that is stored now @param before what the database has of it */
  #commit(stream: SpoolStream, stored: RangeSet, before: RangeSet): void {
    this.#upsert.run({
      id: stream.id,
      room: stream.room,
      device: stream.device,
      channels: stream.channels,
      edge: stream.edge,
      ended: stream.ended ? 1 : 0,
      stored: JSON.stringify(stored),
      captioned: JSON.stringify(stream.captioned),
      removed: JSON.stringify(stream.removed),
      heard_ms: stream.heardMs,
    });
    if (stream.holes.length === 0) return;
    const insert = this.#db.prepare(
      'INSERT INTO holes (stream, from_position, to_position, reason) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
    );
    const fresh = subtract(stored, before);
    for (const { from, to, reason } of stream.holes)
      if (touches(fresh, from, to)) insert.run(stream.id, from, to, reason);
  }

  /** Keeps memory bounded while the disk takes nothing: what is dropped was never reported stored, so the device has it. */
  #dropOldest(stream: SpoolStream): void {
    const mostPieces = this.#limits.maxUnsyncedSamples / frameSamples;
    if (stream.pending.length <= mostPieces) return;
    let held = stream.pending.reduce((sum, piece) => sum + piece.audio.length / stream.bytesPerFrame, 0);
    while (held > this.#limits.maxUnsyncedSamples) {
      const piece = stream.pending.shift();
      if (!piece) return;
      const samples = piece.audio.length / stream.bytesPerFrame;
      held -= samples;
      this.droppedSamples += samples;
      stream.received = subtract(stream.received, [[piece.position, piece.position + samples]]);
    }
  }

  /** Bytes of audio held. */
  get bytes(): number {
    return this.all().reduce((sum, stream) => sum + size(stream.audio) * stream.bytesPerFrame, 0);
  }
}

/** Whether a set has any of `[from, to)`. */
function touches(set: RangeSet, from: number, to: number): boolean {
  let [low, high] = [0, set.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((set[middle]?.[1] ?? 0) <= from) low = middle + 1;
    else high = middle;
  }
  return (set[low]?.[0] ?? Number.POSITIVE_INFINITY) < to;
}

/** Pieces that follow one another become one write. */
function joined(pieces: readonly Piece[], bytesPerFrame: number): Piece[] {
  const runs: { position: number; parts: Uint8Array[]; end: number }[] = [];
  for (const { position, audio } of pieces) {
    const last = runs.at(-1);
    const end = position + audio.length / bytesPerFrame;
    if (last?.end === position) {
      last.parts.push(audio);
      last.end = end;
    } else runs.push({ position, parts: [audio], end });
  }
  return runs.map(({ position, parts }) => ({
    position,
    audio: parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts),
  }));
}
