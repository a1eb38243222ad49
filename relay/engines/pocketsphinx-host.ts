/**
 * The recogniser's own process: s16le mono 16 kHz on standard input, one message (pocketsphinx-messages.ts) a line on
 * standard output. It ends when its input ends, so it never outlives the relay.
 */
import { codeOf, messageOf, SalaError } from '../../systemd/errors.ts';
import { openRecogniser, type Recogniser, type Segment } from './pocketsphinx-library.ts';
import { type HostMessage, hostSettings, type RecognisedWord } from './pocketsphinx-messages.ts';

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

function say(message: HostMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

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
class Listening {
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
    say({ type: 'ended' });
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
    const text = words.map((word) => word.text).join(' ');
    if (text && text !== this.#partialText) {
      this.#partialText = text;
      say({ type: 'partial', number: this.#number, words });
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
    if (words.length > 0) say({ type: 'final', number: this.#number++, words });
    else if (shown) say({ type: 'partial', number: this.#number, words }); // it came to nothing
  }
}

async function main(argument: string): Promise<void> {
  const listening = new Listening(await openRecogniser(hostSettings.parse(JSON.parse(argument))));
  say({ type: 'ready' });
  let odd = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    const bytes = Buffer.concat([odd, chunk]);
    const whole = bytes.length - (bytes.length % 2);
    odd = bytes.subarray(whole);
    listening.hear(bytes.subarray(0, whole));
  }
  listening.end();
}

// A signal to the whole group (Ctrl-C, systemd) is the relay's to act on; it ends this process by ending its input.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

try {
  await main(process.argv[2] ?? '');
} catch (error) {
  say({
    type: 'error',
    code: codeOf(error) || 'pocketsphinx-start',
    message: messageOf(error),
    hint: error instanceof SalaError ? error.hint : 'Report this with the log lines before it.',
  });
  process.stdin.destroy();
}
