import type { Logger } from '../../systemd/log.ts';
import type { RecordingFigure } from '../archive/figures.ts';
import type { Recordings } from '../archive/recordings.ts';
import type { Database } from '../database.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import type { Rooms } from '../rooms.ts';
import type { TextRuleBook } from '../text-rule-book.ts';
import type { CanonicalParts } from './api-canonical.ts';
import { FetchedTranscripts } from './fetched.ts';
import { TranscriptFetching } from './fetching.ts';
import { CanonicalServing } from './serving.ts';

export interface CanonicalTranscriptsParts {
  readonly db: Database;
  readonly rooms: Rooms;
  readonly recordings: Recordings;
  /** Where recordings are; null: there is no place for them. */
  readonly store: ObjectStore | null;
  readonly textRules: Pick<TextRuleBook, 'rules'>;
  readonly log: Logger;
}

/** Transcripts of recordings in the relay: fetched, kept, and served in the place of live captions. */
export class CanonicalTranscripts implements CanonicalParts {
  readonly fetched: FetchedTranscripts;
  readonly fetching: TranscriptFetching | null;
  readonly serving: CanonicalServing;

  constructor({ db, rooms, recordings, store, textRules, log }: CanonicalTranscriptsParts) {
    const fetched = new FetchedTranscripts(db, rooms);
    const hasRoom = (name: string) => rooms.get(name) !== null;
    this.fetched = fetched;
    this.fetching = store && new TranscriptFetching({ store, recordings, fetched, hasRoom, log });
    this.serving = new CanonicalServing({ recordings, fetched, textRules, log });
  }

  /** For metrics; nothing where the relay has no store. */
  figures(): RecordingFigure[] {
    if (!this.fetching) return [];
    const { looked, fault, counters } = this.fetching;
    const counter = (name: string, help: string, value: number): RecordingFigure => ({
      ...{ type: 'counter', name: `sala_transcripts_${name}_total`, help, value },
    });
    return [
      counter('looks', 'How often the store was asked for transcripts of a talk', looked),
      counter('fetched', 'Transcripts of recordings that were taken over', counters.fetched),
      counter('unusable', 'What lay in the store and was no good', counters.refused),
      counter(
        'left_out',
        'Transcripts of a talk beyond those that are kept, each time it was looked at',
        counters.leftOut,
      ),
      {
        ...{ type: 'gauge', name: 'sala_transcripts_store_failing', value: fault ? 1 : 0 },
        help: 'Whether the store cannot be asked for transcripts',
      },
    ];
  }

  /** The recordings are there. */
  start(): void {
    this.fetched.start();
    this.fetching?.start();
  }

  async stop(): Promise<void> {
    await this.fetching?.stop();
  }
}
