/**
 * From a source's raw audio to 16 kHz frames with positions. Positions are a true clock: what the source did not give
 * is a hole of the length that the monotonic clock shows, never a jump and never an overlap. A sound card's slow drift
 * is not corrected, the anchors carry it.
 */
import { frameSamples, type HoleReason, type Level, sampleRate } from '../relay/protocol.js';
import { ConfigurationError } from '../systemd/errors.ts';
import { CaptureClock } from './capture-clock.ts';
import { LevelMeter } from './level.ts';
import { type Mix, missingChannel, mixChannels, type Take } from './mix.ts';
import { loadResampler, type MakeResampler, type Resampler } from './resampler.ts';
import type { SourceFormat, SourceListener, SourceState } from './sources/source.ts';

export interface FrameListener {
  /** s16le, normally 1600 sample frames (the last of a run may be shorter); positions strictly ascend. */
  frame(position: number, audio: Buffer): void;
  /** Nobody will ever have `[from, to)`. */
  hole(from: number, to: number, reason: HoleReason): void;
  /** `position` was captured at `monotonicMs` (as performance.now tells time); about once a second of audio. */
  anchor(position: number, monotonicMs: number): void;
}

export interface FramerOptions {
  readonly take: Take;
  readonly channels: 1 | 2;
  readonly listener: FrameListener;
  onState(state: SourceState): void;
}

const timing = {
  /** Less than this may be lateness or drift within an open; more is looked into. */
  maxGapMs: 100,
  /** How long audio is held back to see whether it was only late (a burst follows) or others are missing. */
  settleMs: 300,
  maxHeldMs: 10_000,
};
const anchorEverySamples = sampleRate;
const samplesPerMs = sampleRate / 1000;

/** One stretch of audio without a break, in one format. */
interface Run {
  readonly format: SourceFormat;
  readonly start: number;
  readonly resampler: Resampler | null;
  readonly clock: CaptureClock;
  /** Sample frames the card gave. */
  taken: number;
}

interface Chunk {
  readonly bytes: Uint8Array;
  readonly capturedAtMs: number;
}

/** Audio after a suspected gap, until it is known how much is missing. */
interface Held {
  readonly format: SourceFormat;
  readonly chunks: Chunk[];
  /** When the audio before it ended. */
  readonly expectedMs: number;
  /** A smaller gap than this is none. */
  readonly minGapMs: number;
  readonly sinceMs: number;
  audioMs: number;
  /** The earliest time its first sample can have, by the least delayed chunk. */
  startMs: number;
}

export class Framer implements SourceListener {
  readonly #mix: Mix;
  readonly #listener: FrameListener;
  readonly #onState: (state: SourceState) => void;
  readonly #meter = new LevelMeter();
  readonly #frame: Int16Array;
  #makeResampler: MakeResampler | null = null;
  #run: Run | null = null;
  #held: Held | null = null;
  /** When the last run's audio ended; null before the first one. */
  #endedMs: number | null = null;
  /** Position of the first sample in `#frame`. */
  #position = 0;
  #filled = 0;
  #anchored = Number.NEGATIVE_INFINITY;
  #driftPpm: number | undefined;
  #name = '';
  #refused = '';

  constructor({ take, channels, listener, onState }: FramerOptions) {
    if (take !== 'mix' && take.some((channel) => !Number.isInteger(channel) || channel < 1))
      throw new ConfigurationError([`channels are counted from 1: ${take.join(', ')}`]);
    this.#mix = { take, channels };
    this.#listener = listener;
    this.#onState = onState;
    this.#frame = new Int16Array(frameSamples * channels);
  }

  /** Loads the resampler; no audio may come before. */
  async start(): Promise<void> {
    this.#makeResampler = await loadResampler();
  }

  /** Interleaved s16le, whole sample frames; `capturedAtMs` is the time of the last one. */
  audio(bytes: Uint8Array, format: SourceFormat, capturedAtMs: number): void {
    if (!this.#accepts(format)) return;
    const chunk = { bytes, capturedAtMs };
    const current = this.#held?.format ?? this.#run?.format;
    if (current && (current.rateHz !== format.rateHz || current.channels !== format.channels)) this.flush();
    if (this.#held) this.#hold(this.#held, chunk);
    else this.#place(chunk, format);
  }

  /** The source's own states, and one more: a channel that the card does not have. */
  state(state: SourceState): void {
    this.flush();
    this.#name = state.name;
    this.#refused = '';
    if (state.state !== 'capturing' || this.#accepts(state.format)) this.#onState(state);
  }

  /** Levels since the last call. */
  takeLevel(): Level {
    return this.#meter.take();
  }

  /** How much faster than the monotonic clock the sound card runs; undefined until a run lasted a minute. */
  get driftPpm(): number | undefined {
    return this.#run?.clock.driftPpm ?? this.#driftPpm;
  }

  /** Gives out what is held back and ends the run. */
  flush(): void {
    if (this.#held) this.#release(this.#held);
    this.#end();
  }

  #accepts(format: SourceFormat): boolean {
    const missing = missingChannel(this.#mix.take, format.channels);
    if (missing === undefined) return true;
    const refused = `${missing}/${format.channels}`;
    if (refused === this.#refused) return false;
    this.#refused = refused;
    this.#onState({
      state: 'fault',
      name: this.#name,
      fault: {
        code: 'channel-absent',
        message: `Channel ${missing} is to be captured, but the source has ${format.channels}.`,
        hint: 'Choose with --channels one that it has, or the mix of all.',
      },
    });
    return false;
  }

  #begin(format: SourceFormat): Run {
    if (!this.#makeResampler) throw new Error('Framer.start() was not awaited');
    this.#run = {
      format,
      start: this.#position,
      resampler: format.rateHz === sampleRate ? null : this.#makeResampler(format.rateHz, this.#mix.channels),
      clock: new CaptureClock(),
      taken: 0,
    };
    return this.#run;
  }

  /** Takes a chunk that follows on, or holds it where the clock shows a gap before it. */
  #place(chunk: Chunk, format: SourceFormat): void {
    const expectedMs = this.#run ? this.#endOf(this.#run) : this.#endedMs;
    const minGapMs = this.#run ? timing.maxGapMs : 0;
    const startMs = chunk.capturedAtMs - lengthMs(chunk.bytes, format);
    if (expectedMs === null || startMs - expectedMs <= minGapMs) {
      this.#take(this.#run ?? this.#begin(format), chunk);
      return;
    }
    this.#held = { format, chunks: [], expectedMs, minGapMs, sinceMs: chunk.capturedAtMs, audioMs: 0, startMs };
    this.#hold(this.#held, chunk);
  }

  #take(run: Run, { bytes, capturedAtMs }: Chunk): void {
    const samples = mixChannels(bytes, run.format.channels, this.#mix, this.#meter);
    run.taken += samples.length / this.#mix.channels;
    run.clock.add((run.taken / run.format.rateHz) * 1000, capturedAtMs);
    this.#append(run, run.resampler ? run.resampler.process(samples) : samples);
  }

  #append(run: Run, samples: Float32Array): void {
    for (const sample of samples) {
      this.#frame[this.#filled++] = Math.max(-32768, Math.min(32767, Math.round(sample)));
      if (this.#filled === this.#frame.length) this.#give(run);
    }
  }

  #give(run: Run): void {
    const audio = Buffer.from(this.#frame.buffer.slice(0, this.#filled * 2));
    const position = this.#position;
    this.#position += this.#filled / this.#mix.channels;
    this.#filled = 0;
    this.#listener.frame(position, audio);
    const originMs = run.clock.originMs;
    if (originMs === undefined || this.#position - this.#anchored < anchorEverySamples) return;
    this.#anchored = this.#position;
    this.#listener.anchor(this.#position, originMs + (this.#position - run.start) / samplesPerMs);
  }

  #end(): void {
    const run = this.#run;
    if (!run) return;
    if (run.resampler) {
      this.#append(run, run.resampler.flush());
      run.resampler.dispose();
    }
    if (this.#filled > 0) this.#give(run);
    this.#endedMs = this.#endOf(run);
    this.#driftPpm = run.clock.driftPpm ?? this.#driftPpm;
    this.#anchored = Number.NEGATIVE_INFINITY;
    this.#run = null;
  }

  /** When the run's last sample was captured, by its least delayed chunks. */
  #endOf(run: Run): number | null {
    const originMs = run.clock.originMs;
    return originMs === undefined ? this.#endedMs : originMs + (run.taken / run.format.rateHz) * 1000;
  }

  #hold(held: Held, chunk: Chunk): void {
    held.chunks.push(chunk);
    held.audioMs += lengthMs(chunk.bytes, held.format);
    held.startMs = Math.min(held.startMs, chunk.capturedAtMs - held.audioMs);
    const onlyLate = held.startMs - held.expectedMs <= held.minGapMs;
    const settled = chunk.capturedAtMs - held.sinceMs >= timing.settleMs || held.audioMs >= timing.maxHeldMs;
    if (onlyLate || settled) this.#release(held);
  }

  #release(held: Held): void {
    this.#held = null;
    const gapMs = held.startMs - held.expectedMs;
    if (gapMs > held.minGapMs) {
      this.#end();
      const to = this.#position + Math.round(gapMs * samplesPerMs);
      if (to > this.#position) this.#listener.hole(this.#position, to, 'source-lost');
      this.#position = to;
    }
    const run = this.#run ?? this.#begin(held.format);
    for (const chunk of held.chunks) this.#take(run, chunk);
  }
}

function lengthMs(bytes: Uint8Array, { rateHz, channels }: SourceFormat): number {
  return (bytes.byteLength / 2 / channels / rateHz) * 1000;
}
