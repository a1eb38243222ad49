import type { Interval } from './stretches.ts';

/** Where somebody speaks. */
export interface VoiceMap {
  /** In order, apart from each other. */
  readonly speech: readonly Interval[];
  readonly speech_ms: number;
  readonly duration_ms: number;
}

/** Named and meant as those of faster-whisper's voice activity detection (its `vad.py`), and with its defaults. */
export interface VoiceOptions {
  /** How likely speech is where it begins, 0 to 1. At 0.5 it stands 10 dB out of the room's noise. */
  readonly threshold: number;
  /** Below this it is none any more. */
  readonly neg_threshold: number;
  /** Shorter speech is none. */
  readonly min_speech_duration_ms: number;
  /** A shorter silence does not end it. */
  readonly min_silence_duration_ms: number;
  /** Put before and behind each stretch. */
  readonly speech_pad_ms: number;
}

export const defaultVoiceOptions: VoiceOptions = {
  threshold: 0.5,
  neg_threshold: 0.35,
  min_speech_duration_ms: 250,
  min_silence_duration_ms: 2000,
  speech_pad_ms: 400,
};

const sampleRate = 16_000;
/** As short as a syllable's parts. */
const frameMs = 30;
const frameSamples = (sampleRate * frameMs) / 1000;
/** No audio below holds words, -50 dBFS; all above counts as loud, -35 dBFS; as in the live relay (loudness.ts). */
const quietDb = -50;
const loudDb = -35;
const aboveNoiseDb = 10;
/** In what is never quiet the noise is taken to be louder after a while: 10 dB a minute. */
const noiseRiseDb = (10 * frameMs) / 60_000;
const silenceDb = -100;
/** How many dB beyond the threshold make speech e times as likely as not. */
const dbPerUnit = 3;

/**
 * A map of voice activity, made while the audio goes by: it needs the same memory for ten hours as for ten minutes. Speech is
 * told from the room's hum by how far it stands out of the quietest heard lately; music and applause pass for speech.
 */
export class VoiceMapper {
  readonly #options: VoiceOptions;
  readonly #channels: 1 | 2;
  /** An odd byte or half a stereo sample that the last piece ended with. */
  #rest = new Uint8Array(0);
  #squares: [number, number] = [0, 0];
  /** One for each channel: the last sample in and out of the filter that takes out hum and direct current. */
  readonly #filter = [
    { input: 0, output: 0 },
    { input: 0, output: 0 },
  ];
  #inFrame = 0;
  #frames = 0;
  #noiseDb = Number.POSITIVE_INFINITY;
  /** In ms; null: nobody speaks. */
  #startMs: number | null = null;
  #silentSinceMs: number | null = null;
  readonly #found: Interval[] = [];

  /** @param channels of the audio, interleaved; a voice in either is a voice */
  constructor(channels: 1 | 2, options: Partial<VoiceOptions> = {}) {
    this.#channels = channels;
    const { threshold = defaultVoiceOptions.threshold } = options;
    this.#options = { ...defaultVoiceOptions, neg_threshold: Math.max(0.01, threshold - 0.15), ...options };
  }

  /** @param audio the next s16le at 16 kHz, cut anywhere */
  push(audio: Uint8Array): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, audio]) : audio;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const size = 2 * this.#channels;
    const whole = bytes.length - (bytes.length % size);
    for (let at = 0; at < whole; at += size) {
      for (let channel = 0; channel < this.#channels; channel++)
        this.#take(channel, view.getInt16(at + 2 * channel, true));
      if (++this.#inFrame === frameSamples) this.#endFrame();
    }
    this.#rest = Uint8Array.from(bytes.subarray(whole));
  }

  /** The map of all audio so far; no more may follow. */
  end(): VoiceMap {
    const duration_ms = Math.round(this.#frames * frameMs + (this.#inFrame * 1000) / sampleRate);
    if (this.#inFrame > 0) this.#endFrame();
    if (this.#startMs !== null) this.#close(this.#silentSinceMs ?? duration_ms);
    const { speech_pad_ms: pad } = this.#options;
    const speech: { start_ms: number; end_ms: number }[] = [];
    for (const { start_ms, end_ms } of this.#found) {
      const [from, to] = [Math.max(0, start_ms - pad), Math.min(duration_ms, end_ms + pad)];
      const last = speech.at(-1);
      if (last && from <= last.end_ms) last.end_ms = Math.max(last.end_ms, to);
      else if (to > from) speech.push({ start_ms: from, end_ms: to });
    }
    return { speech, speech_ms: speech.reduce((sum, each) => sum + each.end_ms - each.start_ms, 0), duration_ms };
  }

  /** A high-pass at 100 Hz: hum and direct current are no voice. */
  #take(channel: number, sample: number): void {
    const state = this.#filter[channel];
    if (!state) return;
    state.output = 0.9615 * (state.output + sample - state.input);
    state.input = sample;
    this.#squares[channel] = (this.#squares[channel] ?? 0) + state.output * state.output;
  }

  #endFrame(): void {
    const power = Math.max(...this.#squares) / this.#inFrame;
    const fromMs = this.#frames * frameMs;
    this.#squares = [0, 0];
    this.#inFrame = 0;
    this.#frames++;
    const db = power > 0 ? Math.max(silenceDb, 10 * Math.log10(power / 32_768 ** 2)) : silenceDb;
    // Silence without any noise is where no audio was: it says nothing of the room.
    if (db > silenceDb) this.#noiseDb = Math.min(db, this.#noiseDb + noiseRiseDb);
    const neededDb = Math.min(loudDb, Math.max(quietDb, this.#noiseDb + aboveNoiseDb));
    this.#hear(1 / (1 + Math.exp((neededDb - db) / dbPerUnit)), fromMs);
  }

  #hear(likelihood: number, fromMs: number): void {
    const { threshold, neg_threshold, min_silence_duration_ms } = this.#options;
    if (likelihood >= threshold) {
      this.#startMs ??= fromMs;
      this.#silentSinceMs = null;
    } else if (this.#startMs !== null && likelihood < neg_threshold) {
      this.#silentSinceMs ??= fromMs;
      if (fromMs + frameMs - this.#silentSinceMs >= min_silence_duration_ms) this.#close(this.#silentSinceMs);
    }
  }

  #close(endMs: number): void {
    const start_ms = this.#startMs ?? endMs;
    if (endMs - start_ms >= this.#options.min_speech_duration_ms) this.#found.push({ start_ms, end_ms: endMs });
    this.#startMs = this.#silentSinceMs = null;
  }
}
