import { bytesPerSample, type Hole, type Range, type RangeSet, runEnd, subtract, union } from './protocol.js';
import { type Piece, Segments } from './segments.ts';

/** A stream as the database has it. */
export interface StreamRow {
  id: string;
  room: string;
  device: string;
  channels: 1 | 2;
  edge: number;
  ended: number;
  stored: string;
  captioned: string;
  removed: string;
  heard_ms: number;
}

/** The relay's copy of one stream. All positions in samples. */
export class SpoolStream {
  readonly id: string;
  readonly room: string;
  readonly device: string;
  readonly channels: 1 | 2;
  /** The newest position known to exist, received or not. */
  edge: number;
  ended: boolean;
  /** Held here, synced or not, holes included. */
  received: RangeSet;
  /** Synced, holes included. */
  stored: RangeSet;
  /** Behind published finals, silence or holes: the feed is done with it. */
  captioned: RangeSet;
  /** Deleted by retention; it still counts as stored. */
  removed: RangeSet;
  holes: Hole[];
  heardMs: number;
  /** Connections that have it open. */
  holders = 0;
  /** Written and not synced yet. */
  pending: Piece[] = [];
  readonly segments: Segments;

  constructor(row: StreamRow, holes: Hole[], folder: string) {
    this.id = row.id;
    this.room = row.room;
    this.device = row.device;
    this.channels = row.channels;
    this.edge = row.edge;
    this.ended = row.ended === 1;
    this.stored = JSON.parse(row.stored);
    this.received = subtract(this.stored, []);
    this.captioned = JSON.parse(row.captioned);
    this.removed = JSON.parse(row.removed);
    this.holes = holes;
    this.heardMs = row.heard_ms;
    this.segments = new Segments(folder, row.channels);
  }

  get bytesPerFrame(): number {
    return bytesPerSample * this.channels;
  }

  /** Positions whose audio is on disk. */
  get audio(): RangeSet {
    return subtract(subtract(this.stored, this.holeRanges), this.removed);
  }

  /** Whether all of `[from, to)` is on disk, without the sets that `audio` makes of hours. */
  hasAudio(from: number, to: number): boolean {
    const touches = (begin: number, end: number) => begin < to && from < end;
    if (runEnd(this.stored, from) < to || this.removed.some(([begin, end]) => touches(begin, end))) return false;
    return !this.holes.some((hole) => touches(hole.from, hole.to));
  }

  /** Nothing of it ever came here: whoever has it can tell of it anew. */
  get isEmpty(): boolean {
    if (this.pending.length > 0 || this.removed.length > 0) return false;
    return this.received.length === 0 || subtract(this.received, this.holeRanges).length === 0;
  }

  /** Positions that no one will ever have. */
  get holeRanges(): RangeSet {
    return union(
      this.holes.map(({ from, to }): Range => [from, to]),
      [],
    );
  }

  /** The audio of `[from, to)` if it has just been written and lies in one piece; else null, and `read` finds it. */
  peek(from: number, to: number): Uint8Array | null {
    for (let i = this.pending.length - 1; i >= 0; i--) {
      const { position, audio } = this.pending[i] ?? { position: 0, audio: new Uint8Array(0) };
      if (position <= from && to <= position + audio.length / this.bytesPerFrame)
        return audio.subarray((from - position) * this.bytesPerFrame, (to - position) * this.bytesPerFrame);
    }
    return null;
  }

  /** The audio of `[from, to)` as stored, interleaved; zeros in holes. */
  async read(from: number, to: number): Promise<Buffer> {
    const out = Buffer.allocUnsafeSlow((to - from) * this.bytesPerFrame);
    await this.readInto(out, from);
    return out;
  }

  /** The same from `from` on, into memory that the caller has already: all of it is filled. */
  async readInto(out: Uint8Array, from: number): Promise<void> {
    const to = from + out.length / this.bytesPerFrame;
    const pending = this.pending; // pieces that a sync takes meanwhile are on disk by the time it is read
    await this.segments.read(from, out);
    for (const { position, audio } of pending) {
      const begin = Math.max(position, from);
      const end = Math.min(position + audio.length / this.bytesPerFrame, to);
      if (begin >= end) continue;
      out.set(
        audio.subarray((begin - position) * this.bytesPerFrame, (end - position) * this.bytesPerFrame),
        (begin - from) * this.bytesPerFrame,
      );
    }
  }
}
