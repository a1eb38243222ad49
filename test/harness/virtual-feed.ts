import { vi } from 'vitest';
import type { Heard } from '../../relay/attempt.ts';
import { Costs } from '../../relay/costs.ts';
import type { Database } from '../../relay/database.ts';
import type { Engine, EngineListener, EngineSession, FailureKind, Word } from '../../relay/engines/engine.ts';
import { Feed } from '../../relay/feed.ts';
import type { Boundary, Governing } from '../../relay/governing.ts';
import { rmsOf } from '../../relay/loudness.ts';
import { frameSamples, type Hole, type RangeSet, sampleRate, union } from '../../relay/protocol.js';
import { EngineQuota } from '../../relay/quota.ts';
import { defaultRecognition } from '../../relay/recognition.ts';
import type { Assignment } from '../../relay/rooms.ts';
import { SaidWords } from '../../relay/said.ts';
import type { Spool } from '../../relay/spool.ts';
import type { SpoolStream } from '../../relay/spool-stream.ts';
import { createLog } from '../../systemd/log.ts';

const frameMs = (frameSamples * 1000) / sampleRate;
/** What counts as a word for the engine below: far above any noise of these tests. */
const wordRms = 700;

const wholeMs = (samples: number) => (Math.round((samples * 1000) / sampleRate) * sampleRate) / 1000;

/** A frame of a square wave: its RMS is its amplitude. */
export function frameAt(dBFS: number): Uint8Array {
  const level = Math.round(32_767 * 10 ** (dBFS / 20));
  return new Uint8Array(Int16Array.from({ length: frameSamples }, (_, i) => (i % 40 < 20 ? level : -level)).buffer);
}

/** A stream whose audio comes and is forgotten behind the feed's reach. */
class VirtualStream {
  readonly id: string;
  readonly room = 'hall';
  readonly channels = 1;
  readonly holes: Hole[] = [];
  readonly holeRanges: RangeSet = [];
  /** Behind captions or silence. */
  captioned: RangeSet = [];
  received: RangeSet = [];
  ended = false;
  edge = 0;
  readonly #frames = new Map<number, Uint8Array>();

  constructor(id: string) {
    this.id = id;
  }

  push(audio: Uint8Array): void {
    this.#frames.set(this.edge / frameSamples, audio);
    this.#frames.delete(this.edge / frameSamples - 600);
    this.edge += frameSamples;
    this.received = union(this.received, [[0, this.edge]]);
  }

  peek(from: number, to: number): Uint8Array | null {
    const audio = this.#frames.get(Math.floor(from / frameSamples));
    const start = from % frameSamples;
    return audio && start + to - from <= frameSamples ? audio.subarray(start * 2, (start + to - from) * 2) : null;
  }

  async read(from: number, to: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for (let at = from; at < to; ) {
      const end = Math.min(to, (Math.floor(at / frameSamples) + 1) * frameSamples);
      parts.push(this.peek(at, end) ?? new Uint8Array((end - at) * 2));
      at = end;
    }
    return Buffer.concat(parts);
  }
}

/** Says each loud 100 ms it hears as a word, a second of them a final, and what is left in a pause. */
class VirtualSession implements EngineSession {
  readonly openedMs: number;
  endedMs: number | null = null;
  readonly language: string;
  readonly #listener: EngineListener;
  readonly #ended: () => void;
  readonly #told: (samples: number) => number;
  /** How far its audio was ahead of its own clock at the most, in ms. */
  maxLeadMs = 0;
  #samples = 0;
  #words: Word[] = [];
  #finals = 0;

  constructor(openedMs: number, language: string, tellsWholeMs: boolean, listener: EngineListener, ended: () => void) {
    this.openedMs = openedMs;
    this.#told = tellsWholeMs ? wholeMs : (samples) => samples;
    this.language = language;
    this.#listener = listener;
    this.#ended = ended;
    setTimeout(() => this.endedMs === null && listener.ready(), 1000);
  }

  write(audio: Uint8Array): void {
    if (this.endedMs !== null) return;
    const start = this.#samples;
    this.#samples += audio.length / 2;
    this.maxLeadMs = Math.max(this.maxLeadMs, (this.#samples * 1000) / sampleRate - (Date.now() - this.openedMs));
    if (rmsOf(audio) >= wordRms)
      this.#words.push({
        ...{ text: 'word', start: this.#told(start), end: this.#told(this.#samples), kind: 'word' as const },
        ...{ confidence: null, speaker: null, stable: true },
      });
    else this.#say();
    if (this.#words.length >= 10) this.#say();
  }

  end(): void {
    this.#say();
    setTimeout(() => this.#over() && this.#listener.ended(), 200);
  }

  abort(): void {
    this.#over();
  }

  fail(kind: FailureKind): void {
    if (this.#over()) this.#listener.failed({ kind, code: 'virtual', message: 'It failed.', hint: '' });
  }

  #over(): boolean {
    if (this.endedMs !== null) return false;
    this.endedMs = Date.now();
    this.#ended();
    return true;
  }

  #say(): void {
    const [first] = this.#words;
    const last = this.#words.at(-1);
    if (!first || !last) return;
    const words = this.#words;
    this.#words = [];
    const text = words.map((word) => word.text).join(' ');
    const { language } = this;
    this.#listener.final({ id: `${this.#finals++}`, text, start: first.start, end: last.end, words, language });
  }
}

export interface VirtualFeedOptions {
  readonly db: Database;
  readonly restAfterMs?: number;
  readonly maxSessionMs?: number;
  readonly maxSessions?: number;
  readonly reserve?: number;
  /** Money; a minute costs 0.024. */
  readonly maxPerDay?: number | null;
  /** The times of words are rounded, as those of services are. */
  readonly tellsWholeMs?: boolean;
}

/**
 * A room's feed in virtual time, at the engine port: audio is pushed frame by frame, a paid engine says each loud 100 ms as a
 * word, and what was paid for is counted. Needs vitest's fake timers, `Date` and `performance` among them.
 */
export class VirtualFeed {
  /** The one that is live. */
  stream = new VirtualStream('stream');
  readonly streams = [this.stream];
  readonly sessions: VirtualSession[] = [];
  /** Positions of all words said, in the order said, with their language. */
  readonly said: { readonly stream: string; readonly from: number; readonly to: number; readonly language: string }[] =
    [];
  readonly costs: Costs;
  readonly feed: Feed;
  readonly quota: EngineQuota;
  /** May be changed while it runs. */
  restAfterMs: number;
  readonly #boundaries = new Map<string, Boundary[]>([['stream', []]]);
  #assignments = 0;
  #open = 0;
  mostOpen = 0;

  constructor({
    db,
    restAfterMs = 0,
    maxSessionMs = 14_400_000,
    maxSessions = 10,
    tellsWholeMs = false,
    reserve = 0,
    maxPerDay = null,
  }: VirtualFeedOptions) {
    const limits = { pricePerMinute: 0.024, alarmPerDay: null, maxPerDay, maxPerRoomAndDay: null };
    this.restAfterMs = restAfterMs;
    this.costs = new Costs(db, limits);
    this.quota = new EngineQuota({ maxSessions, reserve }, this.costs);
    const engine: Engine = {
      name: 'virtual',
      paid: true,
      promptPartials: false,
      maxSessionMs,
      check: () => null,
      open: ({ language }, listener) => {
        this.mostOpen = Math.max(this.mostOpen, ++this.#open);
        const session = new VirtualSession(Date.now(), language, tellsWholeMs, listener, () => this.#open--);
        this.sessions.push(session);
        return session;
      },
    };
    this.assign(0, 'en-US');
    const governing: Pick<Governing, 'at' | 'unsettled' | 'settle'> = {
      at: (stream, position) => {
        const boundaries = this.boundariesOf(stream.id);
        const index = boundaries.findLastIndex((boundary) => boundary.position <= position);
        const found = boundaries[index];
        if (!found) return null;
        const until = boundaries[index + 1]?.position ?? Number.MAX_SAFE_INTEGER;
        return { assignment: found.assignment, from: found.position, until };
      },
      unsettled: (stream, position) =>
        this.boundariesOf(stream.id).find((boundary) => boundary.position > position && !boundary.settled) ?? null,
      settle: (stream, boundary, position) => {
        const boundaries = this.boundariesOf(stream.id);
        boundaries[boundaries.indexOf(boundary)] = { ...boundary, position, settled: true };
      },
    };
    const settle = (id: string, ranges: RangeSet) => {
      const found = this.streams.find((each) => each.id === id);
      if (found) found.captioned = union(found.captioned, ranges);
    };
    this.feed = new Feed({
      spool: {
        settle: (stream: { id: string }, ranges: RangeSet) => settle(stream.id, ranges),
        get: (id: string) => this.streams.find((each) => each.id === id),
      } as unknown as Spool,
      governing: governing as Governing,
      room: 'hall',
      engineFor: () => engine,
      quota: this.quota,
      said: new SaidWords((_stream, position) => (position * 1000) / sampleRate),
      taken: () => [],
      log: createLog('silent')('test'),
      restAfterMs: () => this.restAfterMs,
      listener: {
        partial: () => {},
        final: (heard, done) => {
          if (heard) this.#note(heard);
          for (const [id, ranges] of done) settle(id, ranges);
        },
        changed: () => {},
      },
    });
    this.feed.follow(this.stream as unknown as SpoolStream);
  }

  /** Another language, or a pause, from that position on. */
  assign(position: number, language: string, paused = false): void {
    const boundaries = this.boundariesOf(this.stream.id);
    const assignment: Assignment = {
      ...{ id: ++this.#assignments, engine: 'virtual', language },
      ...{ recognition: defaultRecognition, paused, fromMs: 0 },
    };
    const settled = position === 0 || boundaries.at(-1)?.assignment.paused !== paused;
    boundaries.push({ position, assignment, settled });
  }

  /** What of a stream was spoken during pauses. */
  pausedOf(stream: string): RangeSet {
    const boundaries = this.boundariesOf(stream);
    return boundaries.flatMap(
      ({ position, assignment }, i): RangeSet =>
        assignment.paused ? [[position, boundaries[i + 1]?.position ?? Number.MAX_SAFE_INTEGER]] : [],
    );
  }

  /** The kit starts again: another stream, in the language of now. */
  restart(): void {
    this.stream.ended = true;
    const last = this.boundaries.at(-1);
    this.stream = new VirtualStream(`stream-${this.streams.length}`);
    this.streams.push(this.stream);
    this.#boundaries.set(this.stream.id, last ? [{ ...last, position: 0, settled: true }] : []);
    this.feed.follow(this.stream as unknown as SpoolStream);
  }

  get boundaries(): readonly Boundary[] {
    return this.boundariesOf(this.stream.id);
  }

  boundariesOf(stream: string): Boundary[] {
    return this.#boundaries.get(stream) ?? [];
  }

  /** What of the live stream is behind captions or silence. */
  get settled(): RangeSet {
    return this.stream.captioned;
  }

  /** So much audio in real time; `dBFS` of each 100 ms. */
  async play(seconds: number, dBFS: number | ((frame: number) => number)): Promise<void> {
    const known = new Map<number, Uint8Array>();
    for (let i = 0; i < seconds * 10; i++) {
      const level = typeof dBFS === 'number' ? dBFS : dBFS(i);
      const audio = known.get(level) ?? frameAt(level);
      known.set(level, audio);
      this.stream.push(audio);
      this.feed.advance();
      await vi.advanceTimersByTimeAsync(frameMs);
      if (i % 10 === 0) this.feed.tick();
    }
  }

  /** So much audio comes late: none for its length, then all of it at once. */
  async burst(seconds: number, dBFS: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(seconds * 1000);
    const audio = frameAt(dBFS);
    for (let i = 0; i < seconds * 10; i++) this.stream.push(audio);
    this.feed.advance();
    this.feed.tick();
  }

  /** A talk at a lively pace: 4 s of words, 0.6 s of noise. */
  talk(seconds: number, dBFS: number, noiseDb: number): Promise<void> {
    return this.play(seconds, (frame) => (frame % 46 < 40 ? dBFS : noiseDb));
  }

  #note({ words, language, stream }: Heard): void {
    for (const { from, to } of words) this.said.push({ stream, from, to, language });
  }
}
