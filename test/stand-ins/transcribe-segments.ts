import { randomUUID } from 'node:crypto';
import type { Asked } from './transcribe-asked.ts';
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

/** What there is about a word beside its text. */
export interface WordNotes {
  readonly language?: string;
  /** As the service numbers them: `0`, `1`, … */
  readonly speaker?: string;
  /** A kind of personal data, e.g. `EMAIL`. */
  readonly pii?: string;
  /** It is in the vocabulary filter. */
  readonly filtered?: boolean;
}
export type Describe = (word: HeardWord) => WordNotes;

interface Item {
  StartTime: number;
  EndTime: number;
  Type: 'pronunciation' | 'punctuation';
  Content: string;
  Confidence?: number;
  Stable: boolean;
  VocabularyFilterMatch: boolean;
  Speaker?: string;
}

interface Entity {
  StartTime: number;
  EndTime: number;
  Category: 'PII';
  Type: string;
  Content: string;
  Confidence: number;
}

export interface ServiceResult {
  ResultId: string;
  StartTime: number;
  EndTime: number;
  IsPartial: boolean;
  ChannelId: string;
  LanguageCode?: string;
  LanguageIdentification?: { LanguageCode: string; Score: number }[];
  Alternatives: [{ Transcript: string; Items: Item[]; Entities?: Entity[] }];
}

/** Groups words into segments as the service does: a partial that grows with each word, then its final. */
export class Segmenter {
  readonly #limits: SegmentLimits;
  #id = randomUUID();
  #open: HeardWord[] = [];
  readonly #asked: Asked;
  readonly #describe: Describe;
  /** Of the whole stream, where one language is to be identified. */
  #identified: string | null = null;

  constructor(limits: SegmentLimits, asked: Asked, describe: Describe) {
    this.#limits = limits;
    this.#asked = asked;
    this.#describe = describe;
  }

  /** @param words that are over now @param heard samples of the stream so far */
  push(words: readonly HeardWord[], heard: number): ServiceResult[] {
    const results: ServiceResult[] = [];
    for (const word of words) {
      if (this.#open.length > 0 && (word.start - this.#lastEnd() > this.#pauseSamples() || this.#isOther(word)))
        results.push(this.#close());
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
    const shown = this.#open.flatMap((word, i) => {
      const notes = this.#describe(word);
      const text = this.#shownText(word, notes, partial);
      return text === null ? [] : [{ text, notes, items: this.#itemsOf({ ...word, text }, notes, i < firstUnstable) }];
    });
    const entities = partial ? [] : this.#open.flatMap((word) => this.#entityOf(word));
    return {
      ResultId: this.#id,
      StartTime: seconds(this.#open[0]?.start ?? 0),
      EndTime: seconds(this.#lastEnd()),
      IsPartial: partial,
      ChannelId: 'ch_0',
      ...this.#languages(),
      Alternatives: [
        {
          Transcript: shown.map(({ text }) => text).join(' '),
          Items: shown.flatMap(({ items }) => items),
          ...(entities.length > 0 && { Entities: entities }),
        },
      ],
    };
  }

  /** Several languages: a segment holds one. */
  #isOther(word: HeardWord): boolean {
    const [first] = this.#open;
    return (
      this.#asked.identification === 'multiple' && first !== undefined && this.#spoken(first) !== this.#spoken(word)
    );
  }

  /** The nearest of the languages it may be. */
  #spoken(word: HeardWord): string {
    const { languages } = this.#asked;
    const { language } = this.#describe(word);
    return (language && languages.includes(language) ? language : languages[0]) ?? '';
  }

  #languages(): Pick<ServiceResult, 'LanguageCode' | 'LanguageIdentification'> {
    const [first] = this.#open;
    const { identification, languages } = this.#asked;
    if (identification === null || !first) return {};
    this.#identified ??= this.#spoken(first);
    const heard = identification === 'single' ? this.#identified : this.#spoken(first);
    const others = languages.filter((each) => each !== heard);
    const scores = others.map((each) => ({ LanguageCode: each, Score: 0.1 / others.length }));
    return { LanguageCode: heard, LanguageIdentification: [{ LanguageCode: heard, Score: 0.9 }, ...scores] };
  }

  #looksFor(pii: string | undefined): pii is string {
    const { piiTypes } = this.#asked;
    return pii !== undefined && (piiTypes.length === 0 || piiTypes.includes(pii));
  }

  /** null: left out. Redaction comes with the whole segment: partials are as they were said. */
  #shownText({ text }: HeardWord, { pii, filtered }: WordNotes, partial: boolean): string | null {
    if (!partial && this.#asked.pii === 'redact' && this.#looksFor(pii)) return `[${pii}]`;
    if (!filtered || this.#asked.filters.length === 0) return text;
    if (this.#asked.filterMethod === 'remove') return null;
    return this.#asked.filterMethod === 'mask' ? '***' : text;
  }

  #entityOf(word: HeardWord): Entity[] {
    const { pii } = this.#describe(word);
    if (this.#asked.pii === null || !this.#looksFor(pii)) return [];
    return [
      {
        StartTime: seconds(word.start),
        EndTime: seconds(word.end),
        Category: 'PII',
        Type: pii,
        Content: this.#asked.pii === 'redact' ? `[${pii}]` : word.text,
        Confidence: 0.9,
      },
    ];
  }

  /** `word.` is a pronunciation and, at its end, a punctuation of no length. */
  #itemsOf({ text, start, end }: HeardWord, { speaker, filtered }: WordNotes, stable: boolean): Item[] {
    const match = /^(.+?)([.,?!]?)$/.exec(text);
    const { filters, filterMethod, speakers } = this.#asked;
    const isTagged = filtered === true && filters.length > 0 && filterMethod === 'tag';
    const common = {
      Stable: stable,
      VocabularyFilterMatch: false,
      ...(speakers && speaker && { Speaker: speaker }),
    };
    const word: Item = {
      StartTime: seconds(start),
      EndTime: seconds(end),
      Type: 'pronunciation',
      Content: match?.[1] ?? text,
      Confidence: 0.99,
      ...common,
      VocabularyFilterMatch: isTagged,
    };
    const mark = match?.[2];
    if (!mark) return [word];
    return [word, { StartTime: seconds(end), EndTime: seconds(end), Type: 'punctuation', Content: mark, ...common }];
  }
}
