import { sampleRate } from '../protocol.js';
import type { AudioOrigin, EngineResult, Word } from './engine.ts';
import { middleOf, type Script, type ScriptLine } from './script-file.ts';

/** Silence without position for this long makes the open segment final, as a pause does in any engine. */
const closingSilenceSamples = sampleRate;

interface OpenSegment {
  readonly id: string;
  readonly line: ScriptLine;
  readonly words: Word[];
  /** Of these, how many the last partial showed. */
  shown: number;
}

export interface SegmentSink {
  partial(result: EngineResult): void;
  final(result: EngineResult): void;
}

/** Turns audio that passes into the script's words: each is said if its own middle sample was written. */
export class ScriptSegments {
  readonly #script: Script;
  readonly #language: string;
  readonly #sink: SegmentSink;
  /** Engine time: samples passed. */
  #time = 0;
  #silence = 0;
  #stream: string | null = null;
  #position = 0;
  #open: OpenSegment | null = null;
  #made = 0;

  constructor(script: Script, language: string, sink: SegmentSink) {
    this.#script = script;
    this.#language = language;
    this.#sink = sink;
  }

  pass(samples: number, origin: AudioOrigin): void {
    if (origin) this.#hear(samples, origin.stream, origin.position);
    else this.#rest(samples);
  }

  /** What is open becomes final. */
  close(): void {
    const open = this.#open;
    this.#open = null;
    if (!open) return;
    const words = open.words.map((word) => ({ ...word, end: Math.min(word.end, this.#time), stable: true }));
    this.#sink.final(this.#result(open.id, words));
  }

  #rest(samples: number): void {
    this.#time += samples;
    this.#silence += samples;
    this.#show();
    if (this.#silence >= closingSilenceSamples) this.close();
  }

  #hear(samples: number, stream: string, position: number): void {
    this.#silence = 0;
    const end = position + samples;
    if (stream !== this.#stream || position < this.#position) this.close();
    this.#stream = stream;
    this.#position = end;
    const shift = this.#time - position;
    if (this.#open && position >= this.#open.line.end) this.close();
    for (const word of this.#script.wordsIn(position, end)) {
      if (this.#open?.line.key !== word.line.key) this.close();
      this.#open ??= { id: `script-${++this.#made}`, line: word.line, words: [], shown: 0 };
      this.#open.words.push({
        text: word.text,
        // Behind a gap the word before may reach into this one's time, but never to its middle.
        start: Math.min(Math.max(word.start + shift, this.#open.words.at(-1)?.end ?? 0, 0), middleOf(word) + shift),
        end: word.end + shift,
        kind: 'word',
        confidence: null,
        speaker: null,
        stable: true,
      });
    }
    this.#time += samples;
    this.#show();
    if (this.#open && end >= this.#open.line.end) this.close();
  }

  /** A word is shown when its end has passed. */
  #show(): void {
    const open = this.#open;
    if (!open) return;
    const words = open.words.filter(({ end }) => end <= this.#time);
    if (words.length <= open.shown) return;
    open.shown = words.length;
    this.#sink.partial(this.#result(open.id, words));
  }

  #result(id: string, words: readonly Word[]): EngineResult {
    return {
      id,
      text: words.map(({ text }) => text).join(' '),
      start: words[0]?.start ?? this.#time,
      end: words.at(-1)?.end ?? this.#time,
      words,
      language: this.#language,
    };
  }
}
