import { maxOverrunMs } from './conduct-times.ts';
import { tryWrite } from './database.ts';
import { isTranscribeLanguage } from './engines/transcribe-languages.ts';
import type { LiveRoom, LiveRooms } from './live.ts';
import type { KeptTalk, Talks } from './talks.ts';
import { entryOf, type Phrase, vocabularyLimits } from './vocabulary.ts';

/** A pause of such a length between two talks is a night. */
const nightMs = 5 * 3_600_000;

/** What an engine is to listen for in a room today, beside what organizers list. */
export interface DayNames {
  readonly phrases: readonly Phrase[];
  /** Names that found no place beside the organizers' own. */
  readonly leftOut: number;
  /** What its talks are spoken in, as the room would be assigned it. */
  readonly languages: readonly string[];
}
export const noNames: DayNames = { phrases: [], leftOut: 0, languages: [] };

/**
 * The talks of the day that is on, or of the next one once that is over: a vocabulary takes minutes to be made, so that it
 * is one for the whole day, and ready the night before. @param talks by start
 */
export function dayOf(talks: readonly KeptTalk[], nowMs: number): KeptTalk[] {
  const days: KeptTalk[][] = [];
  let until = Number.NEGATIVE_INFINITY;
  for (const talk of talks) {
    if (talk.start - until >= nightMs) days.push([]);
    days.at(-1)?.push(talk);
    until = Math.max(until, talk.end);
  }
  return days.find((day) => nowMs < Math.max(...day.map(({ end }) => end)) + maxOverrunMs) ?? [];
}

/** The names of those talks, as many as the organizers' own list leaves room for. */
export function namesOfDay(
  day: readonly KeptTalk[],
  own: readonly Phrase[],
  languageOf: (talk: KeptTalk) => string | null,
): DayNames {
  const listed = new Set(own.map(({ phrase }) => entryOf(phrase, '')));
  let bytes = [...listed].reduce((sum, entry) => sum + Buffer.byteLength(entry) + 1, 0);
  const phrases: Phrase[] = [];
  let leftOut = 0;
  for (const phrase of new Set(day.flatMap(({ names }) => names))) {
    const entry = entryOf(phrase, '');
    if (listed.has(entry)) continue;
    const isFull = own.length + phrases.length >= vocabularyLimits.maxPhrases;
    if (isFull || bytes + Buffer.byteLength(entry) + 1 > vocabularyLimits.maxListBytes) leftOut++;
    else {
      listed.add(entry);
      bytes += Buffer.byteLength(entry) + 1;
      phrases.push({ phrase, displayAs: null, language: null });
    }
  }
  return { phrases, leftOut, languages: [...new Set(day.flatMap((talk) => languageOf(talk) ?? []))] };
}

export interface DayNamesParts {
  readonly rooms: Pick<LiveRooms, 'all'>;
  readonly talks: Talks;
  /** What a talk is spoken in, as a room may be assigned it, the likeliest first; the same of all that have the same language
   * and source. */
  readonly languagesOf: (talk: KeptTalk, room: LiveRoom) => readonly string[];
  /** They are others now. */
  readonly changed: () => void;
  readonly now?: () => number;
}

const lookMs = 60_000;
/** An import changes room after room: they are looked at together. */
const soonMs = 100;

/** The names of the day of every room. */
export class DayNamesBook {
  readonly #parts: Required<DayNamesParts>;
  readonly #by = new Map<string, DayNames>();
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #unlisten: () => void = () => {};

  constructor({ now = Date.now, ...parts }: DayNamesParts) {
    this.#parts = { now, ...parts };
  }

  start(): void {
    this.#unlisten = this.#parts.talks.onChanged(() => {
      this.#soon ??= setTimeout(() => tryWrite(() => this.look()), soonMs);
    });
    this.#timer ??= setInterval(() => tryWrite(() => this.look()), lookMs);
    this.look();
  }

  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
    this.#timer = this.#soon = undefined;
    this.#unlisten();
  }

  of(room: string): DayNames {
    return this.#by.get(room) ?? noNames;
  }

  /** Sees whether another day has come, or other talks. */
  look(): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    const { rooms, talks, languagesOf, changed, now } = this.#parts;
    const before = JSON.stringify([...this.#by]);
    this.#by.clear();
    for (const room of rooms.all()) {
      const { name, settings } = room.record;
      const day = dayOf(talks.of(name), now());
      if (day.length === 0) continue;
      const known = new Map<string, string | null>();
      const languageOf = (talk: KeptTalk) => {
        const key = `${talk.source} ${talk.language}`;
        if (!known.has(key)) known.set(key, languagesOf(talk, room).find(isTranscribeLanguage) ?? null);
        return known.get(key) ?? null;
      };
      this.#by.set(name, namesOfDay(day, settings.vocabulary ?? [], languageOf));
    }
    if (JSON.stringify([...this.#by]) !== before) changed();
  }
}
