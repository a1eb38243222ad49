/** A run of audio as partials and finals: where an utterance ends, and how one without pauses is cut. */
import type { Listening } from './recogniser-host.ts';
import type { HostMessage, HostResult, RecognisedWord } from './recogniser-messages.ts';
import type { Recogniser } from './sherpa-library.ts';
import { wordsOf } from './sherpa-words.ts';

const rate = 16000;
const timing = {
  stepSamples: rate / 10,
  progressIntervalSamples: rate / 2,
  /** A speaker without pauses: at this length a final ends at the longest pause of its second half, however short. */
  cutAfterSamples: 15 * rate,
  /** What the library keeps of an utterance, and copies at each step, is bounded: from here on it ends at the first … */
  lapseAfterSamples: 60 * rate,
  /** … moment without a new piece, longer than there are within words … */
  lapseSamples: 0.3 * rate,
  /** … and here it ends anyway, maybe within a word. */
  maxUtteranceSamples: 300 * rate,
} as const;

/** What is recognised and not yet final. */
type Open = Omit<HostResult, 'number'>;

export class SherpaListening implements Listening {
  readonly #recogniser: Recogniser;
  readonly #say: (message: HostMessage) => void;
  #samples = 0;
  #progressAt = 0;
  #number = 0;
  /** Where the library's utterance began, and how many of its words are final already. */
  #utteranceAt = 0;
  #finalWords = 0;
  /** Up to here nothing is open: the start of a text without times. */
  #quietUntil = 0;
  #shown = '';
  #pieces = 0;
  /** When the newest piece came. */
  #pieceAt = 0;

  constructor(recogniser: Recogniser, say: (message: HostMessage) => void) {
    this.#recogniser = recogniser;
    this.#say = say;
  }

  hear(audio: Buffer): void {
    const stepBytes = timing.stepSamples * 2;
    for (let at = 0; at < audio.length; at += stepBytes) this.#step(audio.subarray(at, at + stepBytes));
  }

  end(): void {
    if (this.#samples === 0) return;
    this.#recogniser.finish();
    this.#final(this.#open());
  }

  #step(audio: Buffer): void {
    const samples = Float32Array.from({ length: audio.length / 2 }, (_, i) => audio.readInt16LE(i * 2) / 32768);
    const decoded = this.#recogniser.accept(samples);
    this.#samples += samples.length;
    if (decoded) this.#read();
    if (this.#samples - this.#progressAt < timing.progressIntervalSamples) return;
    this.#progressAt = this.#samples;
    this.#say({ type: 'progress', samples: this.#samples });
  }

  #read(): void {
    const open = this.#open();
    if (this.#recogniser.isEndpoint() || this.#isTooLong()) this.#endUtterance(open);
    else if (open.text === '') this.#quietUntil = this.#samples;
    else if (this.#samples - open.start < timing.cutAfterSamples) this.#partial(open);
    else if (open.words.length === 0) this.#endUtterance(open);
    else this.#cut(open.words);
  }

  #isTooLong(): boolean {
    const length = this.#samples - this.#utteranceAt;
    const lapse = this.#samples - this.#pieceAt >= timing.lapseSamples;
    return length >= timing.maxUtteranceSamples || (length >= timing.lapseAfterSamples && lapse);
  }

  #open(): Open {
    const result = this.#recogniser.result();
    if (result.tokens.length !== this.#pieces) this.#pieceAt = this.#samples;
    this.#pieces = result.tokens.length;
    const words = wordsOf(result, this.#samples).map((word) => ({ ...word, text: this.#cased(word.text) }));
    if (words.length > 0) return openOf(words.slice(this.#finalWords));
    // What has no times lies between what was last final, or the last silence, and now.
    const text = result.text.split(/\s+/).filter(Boolean).slice(this.#finalWords).join(' ');
    return { text: this.#cased(text), start: this.#quietUntil, end: this.#samples, words };
  }

  #cased(text: string): string {
    return this.#recogniser.capitalsOnly ? text.toLowerCase() : text;
  }

  #partial(open: Open): void {
    if (open.text === this.#shown) return;
    this.#shown = open.text;
    this.#say({ type: 'partial', number: this.#number, ...open });
  }

  #final(open: Open): void {
    if (open.text !== '') this.#say({ type: 'final', number: this.#number++, ...open });
    this.#shown = '';
  }

  #endUtterance(open: Open): void {
    this.#final(open);
    this.#recogniser.reset();
    this.#utteranceAt = this.#samples;
    this.#quietUntil = this.#samples;
    this.#finalWords = 0;
  }

  /** The words before the longest pause become final; the library goes on with its utterance. */
  #cut(words: readonly RecognisedWord[]): void {
    const half = Math.ceil(words.length / 2);
    let at = half;
    let longest = -1;
    for (let i = half; i < words.length; i++) {
      const pause = (words[i]?.start ?? 0) - (words[i - 1]?.end ?? 0);
      if (pause <= longest) continue;
      longest = pause;
      at = i;
    }
    if (at === 0 || at >= words.length) return; // one word, still being said
    this.#final(openOf(words.slice(0, at)));
    this.#finalWords += at;
    this.#quietUntil = words[at - 1]?.end ?? this.#quietUntil;
    this.#partial(openOf(words.slice(at)));
  }
}

function openOf(words: readonly RecognisedWord[]): Open {
  return {
    text: words.map(({ text }) => text).join(' '),
    start: words[0]?.start ?? 0,
    end: words.at(-1)?.end ?? 0,
    words: [...words],
  };
}
