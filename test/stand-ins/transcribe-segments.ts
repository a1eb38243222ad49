import { randomUUID } from 'node:crypto';
import type { HeardWord } from './transcribe-hearing.ts';

const sampleRate = 16000;
/** The service gives times in seconds with three decimals. */
const seconds = (samples: number) => Math.round((samples / sampleRate) * 1000) / 1000;

export interface SegmentLimits {
  /** A segment of this many words becomes final. */
  readonly maxSegmentWords: number;
  /** Silence for this long makes the open segment final. */
  readonly pauseMs: number;
  /** In partials, all but this many words are marked stable. */
  readonly unstableWords: number;
}

interface Item {
  StartTime: number;
  EndTime: number;
  Type: 'pronunciation' | 'punctuation';
  Content: string;
  Confidence?: number;
  Stable: boolean;
  VocabularyFilterMatch: boolean;
}

export interface ServiceResult {
  ResultId: string;
  StartTime: number;
  EndTime: number;
  IsPartial: boolean;
  ChannelId: string;
  Alternatives: [{ Transcript: string; Items: Item[] }];
}

/** Groups words into segments as the service does: a partial that grows with each word, then its final. */
export class Segmenter {
  readonly #limits: SegmentLimits;
  #id = randomUUID();
  #open: HeardWord[] = [];

  constructor(limits: SegmentLimits) {
    this.#limits = limits;
  }

  /** @param words that are over now @param heard samples of the stream so far */
  push(words: readonly HeardWord[], heard: number): ServiceResult[] {
    const results: ServiceResult[] = [];
    for (const word of words) {
      if (this.#open.length > 0 && word.start - this.#lastEnd() > this.#pauseSamples()) results.push(this.#close());
      this.#open.push(word);
      if (this.#open.length < this.#limits.maxSegmentWords) results.push(this.#result(true));
      else results.push(this.#close());
    }
    if (this.#open.length > 0 && heard - this.#lastEnd() >= this.#pauseSamples()) results.push(this.#close());
    return results;
  }

  flush(): ServiceResult[] {
    return this.#open.length > 0 ? [this.#close()] : [];
  }

  #pauseSamples() {
    return (this.#limits.pauseMs * sampleRate) / 1000;
  }

  #lastEnd() {
    return this.#open.at(-1)?.end ?? 0;
  }

  #close(): ServiceResult {
    const result = this.#result(false);
    this.#open = [];
    this.#id = randomUUID();
    return result;
  }

  #result(partial: boolean): ServiceResult {
    const firstUnstable = partial ? this.#open.length - this.#limits.unstableWords : this.#open.length;
    const items = this.#open.flatMap((word, i) => itemsOf(word, i < firstUnstable));
    return {
      ResultId: this.#id,
      StartTime: seconds(this.#open[0]?.start ?? 0),
      EndTime: seconds(this.#lastEnd()),
      IsPartial: partial,
      ChannelId: 'ch_0',
      Alternatives: [{ Transcript: this.#open.map(({ text }) => text).join(' '), Items: items }],
    };
  }
}

/** `word.` is a pronunciation and, at its end, a punctuation of no length. */
function itemsOf({ text, start, end }: HeardWord, stable: boolean): Item[] {
  const match = /^(.+?)([.,?!]?)$/.exec(text);
  const common = { Stable: stable, VocabularyFilterMatch: false };
  const word: Item = {
    StartTime: seconds(start),
    EndTime: seconds(end),
    Type: 'pronunciation',
    Content: match?.[1] ?? text,
    Confidence: 0.99,
    ...common,
  };
  const mark = match?.[2];
  if (!mark) return [word];
  return [word, { StartTime: seconds(end), EndTime: seconds(end), Type: 'punctuation', Content: mark, ...common }];
}
