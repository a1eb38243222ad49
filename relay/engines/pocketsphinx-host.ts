/** PocketSphinx's own process (recogniser-host.ts). */
import { openRecogniser, type Recogniser, type Segment, settings } from './pocketsphinx-library.ts';
import { type Listening, runHost, say } from './recogniser-host.ts';
import type { HostResult, RecognisedWord } from './recogniser-messages.ts';

const rate = 16000;
const timing = {
  /** One decoding step; the end of speech is noticed no finer than this. */
  stepSamples: rate / 20,
  partialIntervalSamples: rate / 4,
  progressIntervalSamples: rate / 2,
  /** A speaker without pauses: from here on the first silence between words ends the utterance, however short … */
  cutAfterSamples: 15 * rate,
  cutSilenceSamples: rate / 10,
  /** … and here it ends anyway: its last pass costs time in proportion. */
  maxUtteranceSamples: 25 * rate,
} as const;

const marker = /^(<.*>|\[.*\]|\+\+.*\+\+)$/;

function wordsOf(segments: readonly Segment[], final: boolean): RecognisedWord[] {
  return segments
    .filter(({ text }) => !marker.test(text))
    .map(({ text, start, end, confidence }) => ({
      text: text.replace(/\(\d+\)$/, ''),
      start,
      end,
      confidence: final ? confidence : null,
    }));
}

/** Turns a run of audio into utterances. */
class Utterances implements Listening {
  readonly #recogniser: Recogniser;
  #samples = 0;
  #number = 0;
  #speechSince: number | null = null;
  #partialAt = 0;
  #partialText = '';
  #progressAt = 0;

  constructor(recogniser: Recogniser) {
    this.#recogniser = recogniser;
    recogniser.startUtterance();
  }

  hear(audio: Buffer): void {
    const stepBytes = timing.stepSamples * 2;
    for (let at = 0; at < audio.length; at += stepBytes) this.#step(audio.subarray(at, at + stepBytes));
  }

  end(): void {
    this.#endUtterance();
  }

  #step(audio: Buffer): void {
    this.#recogniser.process(audio);
    this.#samples += audio.length / 2;
    const speech = this.#recogniser.inSpeech();
    if (speech) this.#speechSince ??= this.#samples;
    if (this.#speechSince !== null && (!speech || this.#partial(this.#samples - this.#speechSince))) {
      this.#endUtterance();
      this.#recogniser.startUtterance();
    }
    if (this.#samples - this.#progressAt >= timing.progressIntervalSamples) {
      this.#progressAt = this.#samples;
      say({ type: 'progress', samples: this.#samples });
    }
  }

  /** Says the reading so far if it changed; whether an utterance of this length should end now. */
  #partial(lengthSamples: number): boolean {
    if (this.#samples - this.#partialAt < timing.partialIntervalSamples) return false;
    this.#partialAt = this.#samples;
    const segments = this.#recogniser.segments();
    const words = wordsOf(segments, false);
    const result = this.#result(words);
    if (result.text && result.text !== this.#partialText) {
      this.#partialText = result.text;
      say({ type: 'partial', ...result });
    }
    if (lengthSamples >= timing.maxUtteranceSamples) return true;
    const last = segments.at(-1);
    return (
      lengthSamples >= timing.cutAfterSamples &&
      last !== undefined &&
      marker.test(last.text) &&
      last.end - last.start >= timing.cutSilenceSamples
    );
  }

  #endUtterance(): void {
    this.#recogniser.endUtterance();
    this.#speechSince = null;
    const shown = this.#partialText !== '';
    this.#partialText = '';
    const words = wordsOf(this.#recogniser.segments(), true);
    const result = this.#result(words);
    if (words.length > 0) {
      say({ type: 'final', ...result });
      this.#number++;
    } else if (shown) say({ type: 'partial', ...result }); // it came to nothing
  }

  #result(words: RecognisedWord[]): HostResult {
    return {
      number: this.#number,
      text: words.map(({ text }) => text).join(' '),
      start: words[0]?.start ?? 0,
      end: words.at(-1)?.end ?? 0,
      words,
    };
  }
}

await runHost(
  'pocketsphinx-start',
  async (argument) => new Utterances(await openRecogniser(settings.parse(JSON.parse(argument)))),
);
