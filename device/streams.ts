import { z } from 'zod';
import {
  type Anchor,
  bytesPerSample,
  type Hole,
  holeReasons,
  limits,
  type RangeSet,
  type StreamFormat,
  type StreamReport,
  sampleRate,
  size,
  subtract,
  union,
  uuidPattern,
} from '../relay/protocol.js';
import { Slabs } from './slabs.ts';

/** Kept for each stream; at one in 10 s and with every second one dropped when full, a day still has one in 23 minutes. */
const maxKeptAnchors = 128;
/** An ended stream's clock no longer runs: a few points place all of it. */
const maxEndedAnchors = 16;

const position = z.int().min(0);
const rangeSet = z.array(z.tuple([position, position]));

/** What the disk knows of a stream besides its audio. */
export const streamRecord = z.object({
  id: z.string().regex(uuidPattern),
  room: z.string(),
  channels: z.union([z.literal(1), z.literal(2)]),
  bootId: z.string().regex(uuidPattern),
  ended: z.boolean(),
  /** Of an ended stream: its length. Of a running one nothing is known but what was written. */
  edge: position,
  /** The relay that `stored` speaks of. */
  relay: z.string().nullable(),
  stored: rangeSet,
  holes: z.array(z.object({ from: position, to: position, reason: z.enum(holeReasons) })),
  anchors: z.array(
    z.object({
      position,
      bootId: z.string(),
      monotonicMs: z.number(),
      wallMs: z.number(),
      wallSynced: z.boolean(),
    }),
  ),
});
export type StreamRecord = z.output<typeof streamRecord>;

export interface StreamIdentity {
  readonly id: string;
  readonly room: string;
  readonly channels: 1 | 2;
  readonly bootId: string;
}

/** The newest and, evenly, every second of the others until at most `max` are left. */
function thin<T>(items: readonly T[], max: number): T[] {
  let kept = [...items];
  while (kept.length > max) kept = kept.filter((_, i) => i % 2 === 0 || i === kept.length - 1);
  return kept;
}

/** One stream's bookkeeping: which positions are in memory, on disk, stored by the relay, or holes. All range sets. */
export class CapturedStream {
  readonly id: string;
  readonly room: string;
  readonly format: StreamFormat;
  readonly bootId: string;
  readonly slabs: Slabs;
  /** The newest position captured, exclusive. */
  edge = 0;
  ended = false;
  /** In memory. */
  ram: RangeSet = [];
  /** Committed to the disk. */
  disk: RangeSet = [];
  /** Synced to the disk of the relay named `relay`, holes and time covered by other sources included. */
  stored: RangeSet = [];
  relay: string | null = null;
  holes: Hole[] = [];
  anchors: Anchor[] = [];

  constructor({ id, room, channels, bootId }: StreamIdentity) {
    this.id = id;
    this.room = room;
    this.bootId = bootId;
    this.format = { encoding: 'pcm_s16le', rate: sampleRate, channels };
    this.slabs = new Slabs(this.frameBytes);
  }

  /** A stream of an earlier run: whatever it says itself, it ended with the last position that anyone has. */
  static revive(record: StreamRecord, disk: RangeSet): CapturedStream {
    const stream = new CapturedStream(record);
    stream.disk = disk;
    stream.stored = record.stored;
    stream.relay = record.relay;
    stream.holes = record.holes;
    stream.anchors = record.anchors;
    stream.ended = true;
    const ends = [...disk, ...record.stored].map(([, to]) => to);
    stream.edge = Math.max(record.edge, ...ends, ...record.holes.map(({ to }) => to));
    return stream;
  }

  /** Bytes of one sample frame. */
  get frameBytes(): number {
    return bytesPerSample * this.format.channels;
  }

  /** Everything still here, stored by the relay or not. */
  get held(): RangeSet {
    return union(this.ram, this.disk);
  }

  /** Held, and not yet stored by the relay. */
  get backlog(): RangeSet {
    return subtract(this.held, this.stored);
  }

  /** Over, and the relay has all of it: nothing is left to keep or to say. */
  get done(): boolean {
    return this.ended && size(subtract([[0, this.edge]], this.stored)) === 0;
  }

  /** Positions that no one will ever have; what is held or stored after all is left out of it.
   * @returns the holes that this adds */
  addHoles(ranges: RangeSet, reason: Hole['reason']): Hole[] {
    const known = this.holes.map(({ from, to }): [number, number] => [from, to]);
    const lost = subtract(ranges, union(union(this.held, this.stored), known));
    for (const [from, to] of lost) {
      const last = this.holes.findLast((hole) => hole.to === from && hole.reason === reason);
      if (last) last.to = to;
      else this.holes.push({ from, to, reason });
      this.edge = Math.max(this.edge, to);
    }
    this.holes.sort((a, b) => a.from - b.from);
    return lost.map(([from, to]) => ({ from, to, reason }));
  }

  addAnchor(anchor: Anchor): void {
    this.anchors = thin([...this.anchors, anchor], maxKeptAnchors);
  }

  /** The relay's disk has these; holes that it has acknowledged need not be told again. */
  addStored(ranges: RangeSet): void {
    this.stored = union(this.stored, ranges);
    if (this.ended) this.edge = Math.max(this.edge, this.stored.at(-1)?.[1] ?? 0);
    this.holes = this.holes.filter(({ from, to }) => size(subtract([[from, to]], this.stored)) > 0);
  }

  record(): StreamRecord {
    return {
      id: this.id,
      room: this.room,
      channels: this.format.channels,
      bootId: this.bootId,
      ended: this.ended,
      edge: this.ended ? this.edge : 0,
      relay: this.relay,
      stored: this.stored,
      holes: this.holes.slice(-limits.maxRanges),
      anchors: this.anchors,
    };
  }

  /** What `hello` and `stream` say of it; of more than the wire takes, the newest. */
  report(index: number): StreamReport {
    return {
      index,
      id: this.id,
      format: this.format,
      edge: this.edge,
      ended: this.ended,
      ranges: this.held.slice(-limits.maxRanges),
      holes: this.holes.slice(-limits.maxRanges),
      anchors: this.ended ? thin(this.anchors, maxEndedAnchors) : this.anchors,
    };
  }
}
