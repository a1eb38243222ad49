import type { Entity, Item, LanguageWithScore, Result } from '@aws-sdk/client-transcribe-streaming';
import { sampleRate } from '../protocol.js';
import type { EngineResult, Mark, Word } from './engine.ts';

const maxClosedIds = 64;

interface Segment {
  readonly id: string;
  readonly channel: string;
  /** As the service gave it, in seconds. */
  start: number;
  result: EngineResult;
}

/** A result in the port's terms; null where it says nothing. */
export interface Reading {
  readonly final: boolean;
  readonly result: EngineResult;
}

/** Seconds since the stream's beginning (the service gives three decimals) as engine time. */
const toSamples = (seconds: number) => Math.max(0, Math.round(seconds * sampleRate));

/**
 * Reads the results of one stream. A segment is known by its ResultId, or by its channel and start where the service
 * gives its final another id than its partials (as the documentation's own example does).
 */
export class ResultReader {
  readonly #language: string;
  readonly #open = new Map<string, Segment>();
  /** ResultIds that are over: what repeats them is dropped. */
  #closed: string[] = [];
  #lastEnd = 0;

  /** @param language of the session, for results that name none */
  constructor(language: string) {
    this.#language = language;
  }

  read(given: Result): Reading | null {
    const alternative = given.Alternatives?.[0];
    const channel = given.ChannelId ?? '';
    const start = given.StartTime ?? alternative?.Items?.[0]?.StartTime ?? this.#lastEnd;
    const givenId = given.ResultId ?? `${channel}@${start}`;
    if (this.#closed.includes(givenId)) return null;
    const segment =
      this.#open.get(givenId) ??
      [...this.#open.values()].find((each) => each.channel === channel && each.start === start);
    const id = segment?.id ?? givenId;
    const partial = given.IsPartial === true;
    const text = alternative?.Transcript?.trim() ?? '';
    const words = (alternative?.Items ?? []).flatMap((item) => wordOf(item, partial));
    const end = given.EndTime ?? alternative?.Items?.at(-1)?.EndTime ?? start;
    const marks = partial ? [] : marksOf(alternative?.Items ?? [], alternative?.Entities ?? []);
    const result: EngineResult = {
      id,
      text,
      start: Math.min(toSamples(start), ...words.map((word) => word.start)),
      end: Math.max(toSamples(end), ...words.map((word) => word.end)),
      words,
      language: given.LanguageCode ?? likeliest(given.LanguageIdentification) ?? this.#language,
      ...(marks.length > 0 && { marks }),
    };
    if (partial) {
      if (text) this.#open.set(id, { id, channel, start, result });
    } else {
      this.#close(id, givenId, channel, end);
    }
    if (text) return { final: !partial, result };
    // A segment that came to nothing takes its partials back.
    return !partial && segment ? { final: false, result: { ...result, words: [] } } : null;
  }

  /** The newest partials of segments whose finals never came. */
  unfinished(): EngineResult[] {
    return [...this.#open.values()].map(({ result }) => result);
  }

  /** A final also takes the place of whatever else was open before its end: the service goes through the audio once. */
  #close(id: string, givenId: string, channel: string, end: number): void {
    this.#lastEnd = Math.max(this.#lastEnd, end);
    for (const each of this.#open.values())
      if (each.id === id || (each.channel === channel && each.start < end)) this.#open.delete(each.id);
    this.#closed = [...this.#closed, id, givenId].slice(-maxClosedIds);
  }
}

const likeliest = (languages: readonly LanguageWithScore[] = []) =>
  languages.toSorted((a, b) => (b.Score ?? 0) - (a.Score ?? 0))[0]?.LanguageCode;

/** What the service tagged for the vocabulary filter, and what it takes for personal data. */
function marksOf(items: readonly Item[], entities: readonly Entity[]): Mark[] {
  const mark = (kind: Mark['kind'], type: string | null, { StartTime, EndTime }: Item | Entity): Mark[] => {
    if (StartTime === undefined) return [];
    const start = toSamples(StartTime);
    return [{ kind, type, start, end: Math.max(start, toSamples(EndTime ?? StartTime)) }];
  };
  return [
    ...items.flatMap((item) => (item.VocabularyFilterMatch ? mark('vocabulary-filter', null, item) : [])),
    ...entities.flatMap((entity) => mark('pii', entity.Type ?? null, entity)),
  ];
}

function wordOf(item: Item, partial: boolean): Word[] {
  if (!item.Content || item.StartTime === undefined) return [];
  const start = toSamples(item.StartTime);
  return [
    {
      text: item.Content,
      start,
      end: Math.max(start, toSamples(item.EndTime ?? item.StartTime)),
      kind: item.Type === 'punctuation' ? 'punctuation' : 'word',
      confidence: item.Confidence ?? null,
      speaker: item.Speaker ?? null,
      stable: !partial || item.Stable === true,
    },
  ];
}
