import { createHash } from 'node:crypto';
import type { LanguageCode } from '@aws-sdk/client-transcribe-streaming';
import type { Logger } from '../systemd/log.ts';
import { type Database, keep, readKept, tryWrite } from './database.ts';
import { type DayNames, noNames } from './day-names.ts';
import { isTranscribeLanguage } from './engines/transcribe-languages.ts';
import type { VocabularyLender, VocabularyLoan } from './engines/transcribe-loan.ts';
import type { VocabularyService } from './engines/transcribe-vocabularies.ts';
import type { RoomRecord, Rooms } from './rooms.ts';
import type { Replacement } from './text-rules.ts';
import { displayRules, entriesFor, type LeftOut, nearestEntries, type Phrase } from './vocabulary.ts';
import {
  type ShelfLimits,
  shelfLimits,
  VocabularyShelf,
  type VocabularyStatus,
  type WantedVocabulary,
} from './vocabulary-shelf.ts';

export interface VocabulariesParts {
  readonly db: Database;
  readonly rooms: Rooms;
  readonly defaultEngine: string;
  /** That of rooms that name none; null: only the SDK knows. */
  readonly region: string | null;
  /** Names what is this relay's, so that two relays of one account leave each other alone. */
  readonly ownerId: string;
  readonly serviceIn: (region: string | null) => VocabularyService;
  /** Writes the event's phrases as they are to be shown. */
  readonly textRules: { show(phrases: readonly Replacement[]): void };
  readonly log: Logger;
  readonly limits?: ShelfLimits;
  /** Names of a room's talks of the day, and what those are spoken in. */
  readonly scheduled?: (record: RoomRecord) => DayNames;
}

/** A vocabulary that a room needs now. */
export interface NeededVocabulary extends VocabularyStatus {
  readonly name: string;
  readonly language: string;
  readonly region: string | null;
  readonly phrases: number;
}

export interface RoomVocabularies {
  /** Why none is kept for the room; empty where they are. */
  readonly message: string;
  readonly vocabularies: readonly NeededVocabulary[];
  /** Phrases of either list that a vocabulary has to do without. */
  readonly leftOut: readonly (LeftOut & { readonly list: 'event' | 'room' })[];
}

/** Where something of ours may be, and what of it was ready. */
interface KeptIn {
  readonly region: string | null;
  readonly ready: readonly string[];
}

interface Need {
  readonly name: string;
  readonly region: string | null;
  readonly wanted: WantedVocabulary;
}

const eventKey = 'vocabulary';
const keptKey = 'vocabularies-kept';
const hash = (text: string, length: number) => createHash('sha256').update(text).digest('hex').slice(0, length);

/**
 * The names and terms of event and rooms, and the custom vocabularies of Amazon Transcribe that are kept for them: one for
 * each list and language that a room uses now. A name says what is in it: rooms with the same list share one, a
 * changed list is a new one, and until that is ready the one before it goes on.
 */
export class Vocabularies implements VocabularyLender {
  readonly #parts: VocabulariesParts;
  readonly #prefix: string;
  readonly #shelves = new Map<string | null, VocabularyShelf>();
  /** By room, region and language: the one for the present list. */
  readonly #present = new Map<string, Need>();
  /** By the same: the newest that was ready. */
  readonly #lastReady = new Map<string, string>();
  /** What the event's list is for each language: it is asked for with every room. */
  readonly #eventBy = new Map<string, ReturnType<typeof entriesFor>>();
  #event: readonly Phrase[];
  #unlisten: () => void = () => {};
  #storedKept = '';

  constructor(parts: VocabulariesParts) {
    this.#parts = parts;
    this.#prefix = `sala-${hash(parts.ownerId, 10)}-`;
    this.#event = readKept<readonly Phrase[]>(this.#parts.db, eventKey) ?? [];
    parts.textRules.show(displayRules(this.#event));
  }

  /** Takes up what a former run left, in every region where it left something. */
  start(): void {
    for (const { region, ready } of readKept<KeptIn[]>(this.#parts.db, keptKey) ?? []) this.#shelf(region, ready);
    this.#unlisten = this.#parts.rooms.onChanged(() => this.#changed());
    this.#changed();
  }

  stop(): void {
    this.#unlisten();
    for (const shelf of this.#shelves.values()) shelf.stop();
  }

  /** The phrases of the whole event. */
  get event(): readonly Phrase[] {
    return this.#event;
  }

  putEvent(phrases: readonly Phrase[]): void {
    keep(this.#parts.db, eventKey, phrases);
    this.#parts.db.updateCopy();
    this.#event = phrases;
    this.#eventBy.clear();
    this.#parts.textRules.show(displayRules(phrases));
    this.#changed();
  }

  /** The names of the day are others now. */
  refresh(): void {
    this.#changed();
  }

  /** Names of a room's talks of the day. */
  scheduled(record: RoomRecord): DayNames {
    return this.#parts.scheduled?.(record) ?? noNames;
  }

  lend(room: string, languages: readonly string[], region: string | null): VocabularyLoan | null {
    // Nothing is read from the disk here: a session must open without it.
    const here = region ?? this.#parts.region;
    const shelf = this.#shelves.get(here);
    if (!shelf) return null;
    const names = languages.flatMap((language) => this.#best(shelf, keyOf(room, here, language)) ?? []);
    if (names.length === 0) return null;
    for (const name of names) shelf.take(name);
    return {
      names,
      release: () => {
        for (const name of names) shelf.release(name);
      },
      refused: () => {
        for (const name of names) shelf.refused(name);
      },
    };
  }

  /** What is kept for a room, and how it stands. */
  of(record: RoomRecord): RoomVocabularies {
    const languages = this.#languages(record);
    const leftOut = languages.flatMap((language) => [
      ...this.#eventFor(language).leftOut.map((each) => ({ ...each, list: 'event' as const })),
      ...entriesFor(phrasesOf(record), language).leftOut.map((each) => ({ ...each, list: 'room' as const })),
    ]);
    const vocabularies = this.#needs(record).map(({ name, region, wanted }) => ({
      name,
      region,
      language: wanted.language,
      phrases: wanted.entries.length,
      ...(this.#shelves.get(region)?.status(name) ?? { state: 'waiting' as const, message: '', hint: '' }),
    }));
    return { message: this.#whyNone(record), vocabularies, leftOut };
  }

  #whyNone({ settings: { engine, recognition } }: RoomRecord): string {
    const named = engine ?? this.#parts.defaultEngine;
    if (named !== 'transcribe')
      return `The engine ${named} takes no vocabularies; how phrases are shown (displayAs) holds for it too.`;
    if (recognition.vocabularies.length > 0)
      return 'The room names vocabularies of its own (recognition.vocabularies), which go before its phrases.';
    return '';
  }

  /** The one for the present list, or the newest one before it that was ready. */
  #best(shelf: VocabularyShelf, key: string): string | null {
    const present = this.#present.get(key)?.name;
    if (present !== undefined && shelf.isReady(present)) this.#lastReady.set(key, present);
    const best = this.#lastReady.get(key);
    return best !== undefined && shelf.isReady(best) ? best : null;
  }

  #languages(record: RoomRecord): LanguageCode[] {
    const { engine, language, recognition } = record.settings;
    if ((engine ?? this.#parts.defaultEngine) !== 'transcribe' || recognition.vocabularies.length > 0) return [];
    // One for the language of a talk to come is made before it begins.
    const spoken =
      recognition.identification === null
        ? [language, ...this.scheduled(record).languages]
        : recognition.languageOptions;
    return [...new Set(spoken)].filter(isTranscribeLanguage);
  }

  #needs(record: RoomRecord): Need[] {
    const { region } = record.settings.recognition;
    return this.#languages(record).flatMap((language) => this.#need(record, language, region) ?? []);
  }

  #need(record: RoomRecord, language: LanguageCode, region: string | null): Need | null {
    const entries = [
      ...new Set([
        ...this.#eventFor(language).entries,
        ...entriesFor(phrasesOf(record), language).entries,
        ...nearestEntries(this.scheduled(record).phrases, language),
      ]),
    ];
    if (entries.length === 0) return null;
    const name = `${this.#prefix}${language}-${hash(entries.join('\n'), 16)}`;
    return { name, region: region ?? this.#parts.region, wanted: { language, entries } };
  }

  #eventFor(language: string): ReturnType<typeof entriesFor> {
    const found = this.#eventBy.get(language) ?? entriesFor(this.#event, language);
    this.#eventBy.set(language, found);
    return found;
  }

  /** Rooms or phrases are others now. */
  #changed(): void {
    const records = this.#parts.rooms.all();
    const rooms = new Set(records.map(({ name }) => name));
    for (const [key, { name, region }] of this.#present)
      if (this.#shelves.get(region)?.isReady(name)) this.#lastReady.set(key, name);
    for (const key of this.#lastReady.keys()) if (!rooms.has(roomOf(key))) this.#lastReady.delete(key);
    this.#present.clear();
    const each = records.map((record) => this.#needs(record).map((need) => ({ need, room: record.name })));
    // What is spoken now goes before what will be, where an account takes no more.
    for (const { need, room } of [...each.flatMap(([now]) => now ?? []), ...each.flatMap((all) => all.slice(1))])
      this.#present.set(keyOf(room, need.region, need.wanted.language), need);
    const needs = [...this.#present.values()];
    for (const { region } of needs) this.#shelf(region);
    for (const [region, shelf] of this.#shelves) {
      const wanted = needs.filter((need) => need.region === region).map((need) => [need.name, need.wanted] as const);
      shelf.want(new Map(wanted));
    }
  }

  #shelf(region: string | null, ready: readonly string[] = []): VocabularyShelf {
    const known = this.#shelves.get(region);
    if (known) return known;
    const shelf = new VocabularyShelf({
      service: this.#parts.serviceIn(region),
      prefix: this.#prefix,
      log: this.#parts.log,
      limits: this.#parts.limits ?? shelfLimits,
      standsIn: (name) => this.#standsIn(name),
      looked: () => this.#storeKept(),
      emptied: () => this.#forget(region),
    });
    shelf.assumeReady(ready);
    this.#shelves.set(region, shelf);
    // Before anything is made there: a crash must not leave it where nobody looks.
    this.#storeKept();
    return shelf;
  }

  /** A list before the present one, of a room whose present one is not ready. */
  #standsIn(name: string): boolean {
    return [...this.#lastReady].some(([key, last]) => {
      const need = this.#present.get(key);
      return last === name && need !== undefined && this.#shelves.get(need.region)?.isReady(need.name) === false;
    });
  }

  #forget(region: string | null): void {
    this.#shelves.get(region)?.stop();
    this.#shelves.delete(region);
    this.#storeKept();
  }

  #storeKept(): void {
    const kept = [...this.#shelves].map(([region, shelf]): KeptIn => ({ region, ready: shelf.ready }));
    if (JSON.stringify(kept) === this.#storedKept) return;
    if (tryWrite(() => keep(this.#parts.db, keptKey, kept))) this.#storedKept = JSON.stringify(kept);
  }
}

const phrasesOf = ({ settings }: RoomRecord): readonly Phrase[] => settings.vocabulary ?? [];
const keyOf = (room: string, region: string | null, language: string) => `${room} ${region ?? ''} ${language}`;
const roomOf = (key: string) => key.split(' ')[0] ?? '';
