import { randomUUID } from 'node:crypto';
import {
  type Anchor,
  type Hole,
  intersect,
  limits,
  type RangeSet,
  runEnd,
  sampleRate,
  size,
  subtract,
  union,
} from '../relay/protocol.js';
import type { Logger } from '../systemd/log.ts';
import {
  type BufferHealth,
  type BufferLimits,
  type BufferListener,
  type BufferOptions,
  bufferDefaults,
} from './buffer-options.ts';
import type { Clocks } from './clocks.ts';
import type { Chunk } from './database.ts';
import { Spill } from './spill.ts';
import { CapturedStream } from './streams.ts';

/** The part of the buffer that a session reads. */
export type HeldAudio = Pick<AudioBuffer, 'offered' | 'read' | 'load' | 'welcomed' | 'stored' | 'closeGaps'>;

/** How often it is looked what falls due: of the 3 s that a crash may cost, the card's sync has what this and the spill leave. */
const tickMs = 250;

/**
 * All audio that is captured and not yet safe: the last minutes in memory, the rest on disk, and the bookkeeping of
 * what the relay has. Capture calls `frame`, `hole` and `anchor` and is never made to wait.
 */
export class AudioBuffer {
  #room: string;
  readonly #channels: 1 | 2;
  readonly #clocks: Clocks;
  readonly #log: Logger;
  readonly #limits: BufferLimits;
  readonly #newId: () => string;
  readonly #spill: Spill;
  /** Oldest first. */
  #streams: CapturedStream[] = [];
  #current: CapturedStream | null = null;
  /** The source's position at which the running stream begins. Only another room makes a stream begin later than the source. */
  #origin = 0;
  #hasMoved = false;
  #listener: BufferListener | null = null;
  #timer: NodeJS.Timeout | undefined;
  #relay: string | null = null;
  #anchoredAtMs = Number.NEGATIVE_INFINITY;
  #latestAnchor: Anchor | null = null;
  #droppedSamples = 0;
  #droppedAtMs: number | null = null;
  #settling: { readonly resolve: () => void; readonly withFormerRooms: boolean }[] = [];
  #stopping: Promise<void> | null = null;

  constructor({ room, channels, disk, clocks, log, limits, newId = randomUUID }: BufferOptions) {
    this.#room = room;
    this.#channels = channels;
    this.#clocks = clocks;
    this.#log = log;
    this.#limits = { ...bufferDefaults, ...limits };
    this.#newId = newId;
    this.#spill = new Spill({
      disk,
      log,
      now: clocks.now,
      limits: this.#limits,
      owner: {
        streams: () => this.#streams,
        revived: (streams) => this.#revived(streams),
        forgotten: (ids) => this.#forgotten(ids),
        lost: (stream, ranges, reason) => this.#lost(stream, ranges, reason),
      },
    });
  }

  /** Begins to load what earlier runs left; does not wait for it. */
  start(listener: BufferListener): void {
    this.#listener = listener;
    this.#spill.start();
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  /** Writes what is unstored to the disk and closes it; `maxWaitMs` bounds the wait. */
  stop(maxWaitMs = 5000): Promise<void> {
    this.#stopping ??= this.#stop(maxWaitMs);
    return this.#stopping;
  }

  async #stop(maxWaitMs: number): Promise<void> {
    clearInterval(this.#timer);
    let expiry: NodeJS.Timeout | undefined;
    const expired = new Promise<false>((resolve) => {
      expiry = setTimeout(() => resolve(false), maxWaitMs);
    });
    const safe = await Promise.race([this.#spill.flush(), expired]);
    clearTimeout(expiry);
    if (!safe) this.#log.error({ heldMs: this.health().backlogMs }, 'not all unstored audio could be written');
    await this.#spill.stop();
  }

  // ------------------------------------------------------------------------------------------------- capture

  /**
   * From here on the sound is another room's: the running stream ends, and the next sample begins one of that room. What
   * was captured before stays with the room it was captured for.
   */
  serve(room: string): void {
    if (room === this.#room) return;
    this.end();
    this.#room = room;
    this.#hasMoved = true;
  }

  /** @param sourcePosition ascends for ever, whatever rooms the samples are of
   * @param audio s16le, all channels, at most a second; it is copied */
  frame(sourcePosition: number, audio: Uint8Array): void {
    const stream = this.#running(sourcePosition);
    const position = sourcePosition - this.#origin;
    const end = position + audio.length / stream.frameBytes;
    stream.slabs.write(position, audio, this.#clocks.now());
    stream.ram = union(stream.ram, [[position, end]]);
    const newSecond = Math.floor(end / sampleRate) !== Math.floor(stream.edge / sampleRate);
    stream.edge = Math.max(stream.edge, end);
    if (newSecond) this.#evict(stream);
    this.#listener?.frame(stream, position, audio);
  }

  hole(from: number, to: number, reason: Hole['reason']): void {
    const stream = this.#running(from);
    this.#addHoles(stream, [[from - this.#origin, to - this.#origin]], reason);
  }

  /** @param monotonicMs when the sound at `sourcePosition` was in the air, as of `performance.now` */
  anchor(sourcePosition: number, monotonicMs: number): void {
    const stream = this.#running(sourcePosition);
    const anchor = this.#anchorAt(sourcePosition - this.#origin, monotonicMs);
    if (anchor.position < 0) return;
    this.#latestAnchor = anchor;
    if (this.#clocks.now() - this.#anchoredAtMs < this.#limits.anchorIntervalMs) return;
    this.#addAnchor(stream, anchor);
  }

  #anchorAt(position: number, monotonicMs: number): Anchor {
    return {
      position,
      bootId: this.#clocks.bootId,
      monotonicMs: monotonicMs + this.#clocks.sinceBootMs,
      wallMs: this.#clocks.wallMs() - (this.#clocks.now() - monotonicMs),
      wallSynced: this.#clocks.wallSynced(),
    };
  }

  #addAnchor(stream: CapturedStream, anchor: Anchor): void {
    this.#anchoredAtMs = this.#clocks.now();
    stream.addAnchor(anchor);
    this.#spill.touchLazily(stream);
    this.#listener?.anchor(stream, anchor);
  }

  /** The source is over. Idempotent; a later frame begins a new stream. */
  end(): void {
    const stream = this.#current;
    if (!stream) return;
    this.#current = null;
    if (this.#latestAnchor && this.#latestAnchor.position !== stream.anchors.at(-1)?.position)
      stream.addAnchor(this.#latestAnchor);
    stream.ended = true;
    this.#spill.touch(stream);
    this.#listener?.ended(stream);
    this.#settle();
  }

  #running(sourcePosition: number): CapturedStream {
    if (this.#current) return this.#current;
    const stream = new CapturedStream({
      id: this.#newId(),
      room: this.#room,
      channels: this.#channels,
      bootId: this.#clocks.bootId,
    });
    stream.relay = this.#relay;
    this.#current = stream;
    const before = this.#latestAnchor;
    this.#latestAnchor = null;
    this.#anchoredAtMs = Number.NEGATIVE_INFINITY;
    this.#streams.push(stream);
    this.#spill.touch(stream);
    this.#spill.tick();
    this.#listener?.started(stream);
    if (!this.#hasMoved) return stream;
    this.#hasMoved = false;
    const sinceMs = before && ((sourcePosition - this.#origin - before.position) * 1000) / sampleRate;
    this.#origin = sourcePosition;
    // The source's clock goes on: the relay can place the first words of the new room at once.
    if (before && sinceMs !== null)
      this.#addAnchor(stream, this.#anchorAt(0, before.monotonicMs - this.#clocks.sinceBootMs + sinceMs));
    return stream;
  }

  // -------------------------------------------------------------------------------------------------- uplink

  /** Whether the streams of earlier runs are known. */
  get ready(): boolean {
    return this.#spill.ready;
  }

  /** The streams of this room, newest first. Those of other rooms wait for `formerly`, or until that room is served again. */
  offered(): CapturedStream[] {
    return this.#streamsOf(this.#room);
  }

  #streamsOf(room: string): CapturedStream[] {
    return this.#streams.filter((stream) => stream.room === room).reverse();
  }

  /** Rooms that were served before and of which something is still to be handed in or said, the last one first. */
  get formerRooms(): string[] {
    const owed = this.#streams.filter((stream) => stream.room !== this.#room && !stream.done);
    return [...new Set(owed.map(({ room }) => room).reverse())];
  }

  /** The same audio as a session for a former room sees it: all of that room, and nothing else. */
  formerly(room: string): HeldAudio {
    return {
      offered: () => this.#streamsOf(room).filter(({ ended, done }) => ended && !done),
      read: (stream, from, to) => this.read(stream, from, to),
      load: (stream, from, to) => this.load(stream, from, to),
      welcomed: (relay, announced) => this.welcomed(relay, announced),
      stored: (stream, ranges) => this.stored(stream, ranges),
      closeGaps: (stream, received) => this.closeGaps(stream, received),
    };
  }

  /** The audio at `from`, as far as it is in memory and to `to` at most; null where it is only on disk, or gone. */
  read(stream: CapturedStream, from: number, to: number): Uint8Array | null {
    const end = Math.min(to, runEnd(stream.ram, from));
    return end > from ? stream.slabs.read(from, end) : null;
  }

  /** The blobs on disk that touch `[from, to)`. @throws SalaError where the disk cannot be read */
  async load(stream: CapturedStream, from: number, to: number): Promise<readonly Chunk[]> {
    const claimed = intersect(stream.disk, [[from, to]]);
    const { pieces } = await this.#spill.read(stream, from, to);
    // Where the disk does not have what the bookkeeping says, it is never asked for it again.
    const found = union(
      [],
      pieces.map(({ position, samples }): [number, number] => [position, position + samples]),
    );
    const missing = subtract(intersect(claimed, stream.disk), found);
    stream.disk = subtract(stream.disk, missing);
    if (missing.length > 0) this.#lost(stream, missing, 'damaged');
    return pieces;
  }

  /** A relay answered: what its disk has of each stream it was told of, and of no other.
   * @param announced streams of this `hello`, by id */
  welcomed(relay: string, announced: ReadonlyMap<string, RangeSet>): void {
    this.#relay = relay;
    for (const stream of this.#streams) {
      const stored = announced.get(stream.id);
      if (stream.relay !== relay) {
        stream.stored = [];
        stream.relay = relay;
        if (stream.ended) this.#spill.touch(stream);
      }
      if (stored) this.stored(stream, stored);
    }
  }

  /** The relay's disk has these positions too. */
  stored(stream: CapturedStream, ranges: RangeSet): void {
    stream.addStored(ranges);
    if (stream.done) this.#spill.forget(stream);
    this.#settle();
  }

  /** Declares what is neither held nor stored, after a kill or for a relay that begins anew: no one will ever have it.
   * @param received what the relay has in memory and may yet store */
  closeGaps(stream: CapturedStream, received: RangeSet): void {
    const known = union(stream.held, union(stream.stored, received));
    this.#addHoles(stream, subtract([[0, stream.edge]], known), stream.ended ? 'killed' : 'bound');
  }

  /** Resolves when every stream of this room is over and nothing of it waits for the relay; of former rooms too, if asked. */
  settled({ withFormerRooms = false } = {}): Promise<void> {
    return new Promise((resolve) => {
      this.#settling.push({ resolve, withFormerRooms });
      this.#settle();
    });
  }

  // -------------------------------------------------------------------------------------------------- health

  health(): BufferHealth {
    const ms = (samples: number) => Math.round((samples * 1000) / sampleRate);
    return {
      heldMs: ms(this.#streams.reduce((sum, stream) => sum + size(stream.held), 0)),
      backlogMs: ms(this.#streams.reduce((sum, stream) => sum + size(stream.backlog), 0)),
      diskBytes: this.#spill.bytes,
      droppedMs: ms(this.#droppedSamples),
      droppedAtMs: this.#droppedAtMs,
      problem: this.#spill.problem,
      damagedFile: this.#spill.damagedFile,
    };
  }

  #tick(): void {
    for (const stream of this.#streams) {
      this.#evict(stream);
      // Nobody asks for a former room's stream of which there is nothing left to say.
      if (stream.room !== this.#room && stream.done) this.#spill.forget(stream);
    }
    this.#spill.tick();
    // The disk may only now have said what it holds, or that it cannot.
    this.#settle();
  }

  /** Frees memory of audio that is old and safe elsewhere, and beyond the bound of audio that is nowhere else. */
  #evict(stream: CapturedStream): void {
    const keepFrom = stream.edge - this.#limits.keepSeconds * sampleRate;
    const boundFrom = stream.edge - this.#limits.maxMemorySeconds * sampleRate;
    const unsafe = subtract(stream.ram, union(stream.stored, stream.disk));
    for (const { from, to } of stream.slabs.seconds()) {
      if (to > keepFrom) break;
      const forced = to <= boundFrom;
      if (!forced && intersect([[from, to]], unsafe).length > 0) continue;
      stream.slabs.drop(from);
      stream.ram = subtract(stream.ram, [[from, to]]);
      if (forced) this.#lost(stream, intersect([[from, to]], unsafe), 'bound');
    }
  }

  #lost(stream: CapturedStream, ranges: RangeSet, reason: 'bound' | 'damaged'): void {
    const holes = this.#addHoles(stream, ranges, reason);
    const samples = holes.reduce((sum, { from, to }) => sum + to - from, 0);
    if (samples === 0) return;
    this.#droppedSamples += samples;
    this.#droppedAtMs = this.#clocks.now();
    this.#log.warn({ stream: stream.id, reason, droppedMs: (samples * 1000) / sampleRate }, 'buffered audio is lost');
  }

  #addHoles(stream: CapturedStream, ranges: RangeSet, reason: Hole['reason']): Hole[] {
    const holes = stream.addHoles(ranges, reason);
    if (holes.length > 0) this.#spill.touch(stream);
    for (const hole of holes) this.#listener?.hole(stream, hole);
    this.#settle();
    return holes;
  }

  #revived(streams: CapturedStream[]): void {
    this.#streams = [...streams, ...this.#streams];
    // A device that restarts for hours without a link must not collect empty streams without end.
    const empty = streams.filter((stream) => stream.held.length === 0);
    for (const stream of empty.slice(0, -limits.maxStreams)) this.#spill.forget(stream);
    if (streams.length > 0) this.#listener?.revived();
  }

  #forgotten(ids: readonly string[]): void {
    this.#streams = this.#streams.filter(({ id }) => !ids.includes(id));
    this.#settle();
  }

  #settle(): void {
    if (this.#settling.length === 0 || !(this.#spill.ready || this.#spill.problem)) return;
    const waits = (stream: CapturedStream) => !stream.ended || stream.backlog.length > 0;
    if (this.offered().some(waits)) return;
    const isAll = !this.#streams.some(waits);
    const settled = this.#settling.filter(({ withFormerRooms }) => isAll || !withFormerRooms);
    this.#settling = this.#settling.filter((each) => !settled.includes(each));
    for (const { resolve } of settled) resolve();
  }
}
