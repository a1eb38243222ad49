import { vi } from 'vitest';
import type { Heard } from '../../relay/attempt.ts';
import { Costs } from '../../relay/costs.ts';
import type { Database } from '../../relay/database.ts';
import type { Engine, EngineListener, EngineSession, Word } from '../../relay/engines/engine.ts';
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

/** A frame of a square wave: its RMS is its amplitude. */
export function frameAt(dBFS: number): Uint8Array {
  const level = Math.round(32_767 * 10 ** (dBFS / 20));
  return new Uint8Array(Int16Array.from({ length: frameSamples }, (_, i) => (i % 40 < 20 ? level : -level)).buffer);
}

/** A stream whose audio comes and is forgotten behind the feed's reach. */
class VirtualStream {
  readonly id = 'stream';
  readonly room = 'hall';
  readonly channels = 1;
  readonly holes: Hole[] = [];
  readonly holeRanges: RangeSet = [];
  captioned: RangeSet = [];
  received: RangeSet = [];
  ended = false;
  edge = 0;
  readonly #frames = new Map<number, Uint8Array>();

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
  /** How far its audio was ahead of its own clock at the most, in ms. */
  maxLeadMs = 0;
  #samples = 0;
  #words: Word[] = [];
  #finals = 0;

  constructor(openedMs: number, language: string, listener: EngineListener, ended: () => void) {
    this.openedMs = openedMs;
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
        ...{ text: 'word', start, end: this.#samples, kind: 'word' as const },
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
}

/**
 * A room's feed in virtual time, at the engine port: audio is pushed frame by frame, a paid engine says each loud 100 ms as a
 * word, and what was paid for is counted. Needs vitest's fake timers, `Date` and `performance` among them.
 */
export class VirtualFeed {
  readonly stream = new VirtualStream();
  readonly sessions: VirtualSession[] = [];
  /** Positions of all words said, in the order said, with their language. */
  readonly said: { readonly from: number; readonly to: number; readonly language: string }[] = [];
  readonly costs: Costs;
  readonly feed: Feed;
  readonly quota: EngineQuota;
  /** May be changed while it runs. */
  restAfterMs: number;
  settled: RangeSet = [];
  readonly #boundaries: Boundary[] = [];
  #open = 0;
  mostOpen = 0;

  constructor({ db, restAfterMs = 0, maxSessionMs = 14_400_000, maxSessions = 10, reserve = 0 }: VirtualFeedOptions) {
    const limits = { pricePerMinute: 0.024, alarmPerDay: null, maxPerDay: null, maxPerRoomAndDay: null };
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
        const session = new VirtualSession(Date.now(), language, listener, () => this.#open--);
        this.sessions.push(session);
        return session;
      },
    };
    this.assign(0, 'en-US');
    const governing: Pick<Governing, 'at' | 'unsettled' | 'settle'> = {
      at: (_stream, position) => {
        const index = this.#boundaries.findLastIndex((boundary) => boundary.position <= position);
        const assignment = this.#boundaries[index]?.assignment;
        if (!assignment) return null;
        return { assignment, until: this.#boundaries[index + 1]?.position ?? Number.MAX_SAFE_INTEGER };
      },
      unsettled: (_stream, position) =>
        this.#boundaries.find((boundary) => boundary.position > position && !boundary.settled) ?? null,
      settle: (_stream, boundary, position) => {
        this.#boundaries[this.#boundaries.indexOf(boundary)] = { ...boundary, position, settled: true };
      },
    };
    const settle = (ranges: RangeSet) => {
      this.settled = union(this.settled, ranges);
    };
    this.feed = new Feed({
      spool: {
        settle: (_stream: unknown, ranges: RangeSet) => settle(ranges),
        get: () => this.stream,
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
          settle(done.get('stream') ?? []);
        },
        changed: () => {},
      },
    });
    this.feed.follow(this.stream as unknown as SpoolStream);
  }

  /** Another language from that position on. */
  assign(position: number, language: string): void {
    const assignment: Assignment = {
      ...{ id: this.#boundaries.length + 1, engine: 'virtual', language },
      ...{ recognition: defaultRecognition, fromMs: 0 },
    };
    this.#boundaries.push({ position, assignment, settled: position === 0 });
  }

  get boundaries(): readonly Boundary[] {
    return this.#boundaries;
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

  #note({ words, language }: Heard): void {
    for (const { from, to } of words) this.said.push({ from, to, language });
  }
}
