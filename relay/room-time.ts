import { LRUCache } from 'lru-cache';
import { interpolate, nearest, type Pair } from './clock-pairs.ts';
import { type Database, tryWrite } from './database.ts';
import type { Statement } from './database-handle.ts';
import { type Anchor, type Caption, sampleRate } from './protocol.js';

/** A connection, as far as stamps made over it go: they are late by half of its least round trip, or more. */
export interface Way {
  /** The least seen so far, ms; 0 before any. What is learned later mends earlier stamps, too. */
  leastRttMs: number;
}

/** A stamp: `y` is room time less the kit's monotonic clock. */
class Stamp implements Pair {
  readonly x: number;
  readonly #late: number;
  readonly #way: Way | null;

  constructor(monotonicMs: number, arrivedMs: number, way: Way | null) {
    this.x = monotonicMs;
    this.#late = arrivedMs - monotonicMs;
    this.#way = way;
  }

  get y(): number {
    return this.#late - Math.min(maxCorrectionMs, (this.#way?.leastRttMs ?? 0) / 2);
  }
}

interface StreamAnchors {
  readonly room: string;
  bootId: string;
  /** Written to the disk. */
  rows: number;
  /** Position to the kit's monotonic ms. */
  pairs: Pair[];
  /** Monotonic to wall ms of the kit, where its clock was synced. */
  wall: Pair[];
  /** Room time of position 0, fixed when the first caption of a stream without a known boot was published. */
  placedMs: number | null;
  /** Positions whose room time captions have told: between them it stays as it is. */
  knots: Pair[];
  /** The newest knot on the disk. */
  savedKnot: number;
  timeUncertain: boolean;
}

export interface RoomMoment {
  readonly ms: number;
  readonly uncertain: boolean;
}

const minuteMs = 60_000;
/** Where a line was never quiet, even the least round trip is mostly waiting: half of it would set the kit's clock too early. */
const maxCorrectionMs = 50;
/** What is learned later moves the times of what is said from then on by no more than this part, so that order is kept. */
const maxSlew = 0.02;
/** Knots are kept on the disk this far apart, in samples. */
const knotEverySamples = 10 * sampleRate;
/** A kit's clock that says it is right may be ahead of the relay's by this. */
const maxAheadMs = 60_000;
const samplesPerMs = sampleRate / 1000;

/** One a minute is kept; beyond these the oldest go, and times before those left rest on the nearest. */
export const anchorLimits = {
  /** Nearly three days of one run. */
  perStream: 4096,
  /** A day of a full room's kits, twenty times over. Beyond it each stream keeps its newest alone. */
  perRoom: 50_000,
  perStreamOfFullRoom: 8,
  /** Whichever was not heard of for longest goes: a kit that is connected says its clock again within 10 s. */
  boots: 5000,
};

/**
 * Room time: the relay's clock, laid over every stream by anchors. A stream's anchors tie positions to its kit's
 * monotonic clock; stamps (arrival minus half the least round trip) tie that clock, boot by boot, to the relay's. Of
 * each minute the least delayed stamp is kept. A kit's wall clock counts only where nothing else is known.
 */
export class RoomTime {
  readonly #db: Database;
  readonly #insertAnchor: Statement<[string, number, string, number, number, number, number | null], unknown>;
  readonly #now: () => number;
  readonly #streams = new Map<string, StreamAnchors>();
  /** By boot id: the kit's monotonic ms to (room time - monotonic ms). */
  readonly #boots = new LRUCache<string, Pair[]>({ max: anchorLimits.boots });
  /** By room: the pairs of its streams. */
  readonly #counts = new Map<string, number>();
  /** Anchors beyond the limits. */
  droppedAnchors = 0;

  /** @param now wall clock of the relay, ms */
  constructor(db: Database, now: () => number = Date.now) {
    this.#db = db;
    this.#insertAnchor = db.prepare(
      `INSERT INTO anchors (stream, position, boot_id, monotonic_ms, wall_ms, wall_synced, room_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET room_ms = coalesce(excluded.room_ms, room_ms)`,
    );
    this.#now = now;
  }

  start(): void {
    const rows = this.#db
      .prepare<[], AnchorRow>(
        'SELECT anchors.*, room FROM anchors JOIN streams ON streams.id = stream ORDER BY stream, position',
      )
      .all();
    for (const row of rows) {
      const anchor = {
        position: row.position,
        bootId: row.boot_id,
        monotonicMs: row.monotonic_ms,
        wallMs: row.wall_ms,
        wallSynced: row.wall_synced === 1,
      };
      this.#keep(row.stream, anchor, row.room);
      this.#stream(row.stream).rows++;
      if (row.room_ms !== null) this.#stamp(row.boot_id, new Stamp(row.monotonic_ms, row.room_ms, null));
    }
    const knots = this.#db
      .prepare<[], { stream: string; position: number; room_ms: number }>(
        'SELECT * FROM knots ORDER BY stream, position',
      )
      .all();
    for (const { stream: id, position, room_ms } of knots) {
      const stream = this.#stream(id);
      stream.knots.push({ x: position, y: room_ms });
      stream.savedKnot = position;
    }
    this.#goOn();
    const placed = this.#db.prepare<[], PlacedRow>(
      'SELECT id, placed_ms, time_uncertain FROM streams WHERE placed_ms IS NOT NULL',
    );
    for (const row of placed.all()) {
      const stream = this.#stream(row.id);
      stream.placedMs = row.placed_ms;
      stream.timeUncertain = row.time_uncertain === 1;
    }
  }

  /**
   * Takes an anchor. `arrivedMs` is the room time at which its `monotonicMs` would have arrived when sent at that very
   * moment, null when it is told afterwards; `way` is the connection it came over. One anchor a minute is kept, the
   * least delayed, as many as the limits of its stream and its room allow.
   */
  anchor(streamId: string, anchor: Anchor, arrivedMs: number | null, way: Way | null = null, room = ''): void {
    const isNew = this.#keep(streamId, anchor, room);
    const stamp = arrivedMs === null ? null : new Stamp(anchor.monotonicMs, arrivedMs, way);
    const isBest = stamp !== null && this.#stamp(anchor.bootId, stamp);
    if (!isNew && !isBest) return;
    const stream = this.#stream(streamId, room);
    if (stream.rows >= 2 * anchorLimits.perStream) {
      this.droppedAnchors++;
      return;
    }
    stream.rows++;
    // Without it, times after a restart rest on fewer anchors.
    this.#db.writeSoon(() =>
      this.#insertAnchor.run(
        streamId,
        anchor.position,
        anchor.bootId,
        anchor.monotonicMs,
        anchor.wallMs,
        anchor.wallSynced ? 1 : 0,
        isBest ? stamp.x + stamp.y : null,
      ),
    );
  }

  /** A reading of a kit's monotonic clock without a stream: a `hello`. */
  heard(bootId: string, monotonicMs: number, arrivedMs: number, way: Way): void {
    this.#stamp(bootId, new Stamp(monotonicMs, arrivedMs, way));
  }

  /**
   * The room time of a position. `fallbackMs` places a stream of which nothing better is known: the room time at which
   * its last position must at the latest have been spoken, with `fallbackPosition` being that position.
   */
  at(streamId: string, position: number, fallback: { position: number; ms: number }): RoomMoment {
    const stream = this.#streams.get(streamId);
    if (stream?.placedMs != null)
      return { ms: stream.placedMs + position / samplesPerMs, uncertain: stream.timeUncertain };
    const knot = stream && nearest(stream.knots, position);
    if (stream && knot) return { ms: this.#beside(stream, knot, position), uncertain: false };
    return (
      this.#reckon(stream, position) ?? {
        ms: fallback.ms - (fallback.position - position) / samplesPerMs,
        uncertain: true,
      }
    );
  }

  /** Knots are on the disk every 10 s alone; the newest captions hold the times of their streams' ends, too. */
  #goOn(): void {
    const newest = this.#db.prepare<[string], { message: string }>(
      "SELECT message FROM log WHERE room = ? AND type = 'caption' ORDER BY start_ms DESC, seq DESC LIMIT 50",
    );
    for (const { name } of this.#db.prepare<[], { name: string }>('SELECT name FROM rooms').all())
      for (const { message } of newest.all(name).reverse()) {
        const { stream: id, to, end }: Caption = JSON.parse(message);
        const knots = this.#streams.get(id)?.knots ?? [];
        if (to > (knots.at(-1)?.x ?? Number.POSITIVE_INFINITY)) knots.push({ x: to, y: end });
      }
  }

  /**
   * A caption that ends at `position` is out: up to there the stream's room time holds for good, and what is learned later
   * moves only what follows, little by little. Without it a better stamp would put words before those said earlier.
   * What was said before all that is out, and came late, is tied to it in the same way.
   */
  commit(streamId: string, position: number): void {
    const stream = this.#stream(streamId);
    const last = stream.knots.at(-1);
    const knot = nearest(stream.knots, position);
    if (knot && last && knot.x <= position && position <= last.x) return;
    const ms = knot ? this.#beside(stream, knot, position) : this.#reckon(stream, position)?.ms;
    if (ms === undefined) return;
    if (knot && position < knot.x) {
      stream.knots.unshift({ x: position, y: ms });
      this.#saveKnot(streamId, position, ms);
      return;
    }
    const before = stream.knots.at(-2);
    // What lies on the line from the last but one says nothing new.
    if (last && before && Math.abs(interpolate([before, { x: position, y: ms }], last.x, 0) - last.y) < 0.5)
      stream.knots.pop();
    stream.knots.push({ x: position, y: ms });
    if (last && position - stream.savedKnot < knotEverySamples) return;
    stream.savedKnot = position;
    this.#saveKnot(streamId, position, ms);
  }

  #saveKnot(streamId: string, position: number, ms: number): void {
    tryWrite(() =>
      this.#db
        .prepare('INSERT OR IGNORE INTO knots (stream, position, room_ms) VALUES (?, ?, ?)')
        .run(streamId, position, ms),
    );
  }

  /** @param knot the first or the last one, whichever `position` lies beside; the first if it lies between them */
  #beside(stream: StreamAnchors, knot: Pair, position: number): number {
    const last = stream.knots.at(-1) ?? knot;
    if (knot.x <= position && position <= last.x) return interpolate(stream.knots, position, 1 / samplesPerMs);
    const sinceMs = (position - knot.x) / samplesPerMs;
    const plain = knot.y + sinceMs;
    const off = (this.#reckon(stream, position)?.ms ?? plain) - plain;
    const most = Math.abs(sinceMs) * maxSlew;
    return plain + Math.max(-most, Math.min(most, off));
  }

  /** By anchors and stamps as they are known now; null where there are none. */
  #reckon(stream: StreamAnchors | undefined, position: number): RoomMoment | null {
    if (stream && stream.pairs.length > 0) {
      const monotonicMs = interpolate(stream.pairs, position, 1 / samplesPerMs);
      const boot = this.#boots.get(stream.bootId);
      if (boot) return { ms: monotonicMs + interpolate(boot, monotonicMs, 0), uncertain: false };
      if (stream.wall.length > 0)
        return { ms: monotonicMs + interpolate(stream.wall, monotonicMs, 0), uncertain: false };
    }
    return null;
  }

  /** The boot of the stream's kit if that was connected, so that its times hold for good; else null. */
  anchoredBoot(streamId: string): string | null {
    const stream = this.#streams.get(streamId);
    return stream && stream.pairs.length > 0 && this.#boots.has(stream.bootId) ? stream.bootId : null;
  }

  /** Fixes the placement of a stream whose times rest on less than its own boot's stamps: its first caption is out. */
  fix(streamId: string, zeroMs: number, uncertain: boolean): void {
    const stream = this.#stream(streamId);
    if (stream.placedMs !== null) return;
    stream.placedMs = zeroMs;
    stream.timeUncertain = uncertain;
    tryWrite(() =>
      this.#db
        .prepare('UPDATE streams SET placed_ms = ?, time_uncertain = ? WHERE id = ?')
        .run(zeroMs, uncertain ? 1 : 0, streamId),
    );
  }

  /** The first position of the stream with that room time or a later one; may lie before 0 or past its end. */
  positionAt(streamId: string, roomMs: number, fallback: { position: number; ms: number }): number {
    // Room time advances with positions at nearly the sample rate: a few corrections settle it.
    let position = fallback.position;
    for (let i = 0; i < 4; i++)
      position += Math.round((roomMs - this.at(streamId, position, fallback).ms) * samplesPerMs);
    return position;
  }

  forget(streamId: string): void {
    const stream = this.#streams.get(streamId);
    if (stream) this.#count(stream.room, -stream.pairs.length);
    this.#streams.delete(streamId);
  }

  #count(room: string, more: number): void {
    const count = (this.#counts.get(room) ?? 0) + more;
    if (count > 0) this.#counts.set(room, count);
    else this.#counts.delete(room);
  }

  #stream(id: string, room = ''): StreamAnchors {
    const known = this.#streams.get(id);
    if (known) return known;
    const made: StreamAnchors = {
      room,
      bootId: '',
      rows: 0,
      pairs: [],
      wall: [],
      placedMs: null,
      timeUncertain: false,
      knots: [],
      savedKnot: 0,
    };
    this.#streams.set(id, made);
    return made;
  }

  #keep(streamId: string, { position, bootId, monotonicMs, wallMs, wallSynced }: Anchor, room: string): boolean {
    const stream = this.#stream(streamId, room);
    stream.bootId = bootId;
    // A clock that is ahead of ours is wrong, whatever it says of itself.
    if (wallSynced && wallMs <= this.#now() + maxAheadMs)
      insertBest(stream.wall, { x: monotonicMs, y: wallMs - monotonicMs });
    const near = stream.pairs.findLast(({ x }) => x <= position);
    if (near && near.x !== position && position - near.x < sampleRate * 55) return false;
    if (near?.x === position) return false;
    stream.pairs.push({ x: position, y: monotonicMs });
    stream.pairs.sort((a, b) => a.x - b.x);
    this.#count(stream.room, 1);
    const { perRoom, perStream, perStreamOfFullRoom } = anchorLimits;
    const most = (this.#counts.get(stream.room) ?? 0) > perRoom ? perStreamOfFullRoom : perStream;
    const dropped = stream.pairs.splice(0, Math.max(0, stream.pairs.length - most));
    this.#count(stream.room, -dropped.length);
    this.droppedAnchors += dropped.length;
    return !dropped.some(({ x }) => x === position);
  }

  #stamp(bootId: string, stamp: Stamp): boolean {
    const known = this.#boots.get(bootId) ?? [];
    this.#boots.set(bootId, known);
    return insertBest(known, stamp);
  }
}

interface AnchorRow {
  stream: string;
  position: number;
  boot_id: string;
  monotonic_ms: number;
  wall_ms: number;
  wall_synced: number;
  room_ms: number | null;
  room: string;
}

interface PlacedRow {
  id: string;
  placed_ms: number;
  time_uncertain: number;
}

/** Keeps of each minute of `x` the pair with the smallest `y` (delay only ever adds); true when this one was kept. */
function insertBest(pairs: Pair[], made: Pair): boolean {
  const minute = Math.floor(made.x / minuteMs);
  const index = pairs.findIndex((pair) => Math.floor(pair.x / minuteMs) === minute);
  if (index < 0) {
    pairs.push(made);
    pairs.sort((a, b) => a.x - b.x);
    return pairs.length <= anchorLimits.perStream || pairs.shift() !== made;
  }
  if ((pairs[index]?.y ?? 0) <= made.y) return false;
  pairs[index] = made;
  return true;
}
