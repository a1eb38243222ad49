import type { Logger } from '../../systemd/log.ts';
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

  /** The recordings are there. */
  start(): void {
    this.fetched.start();
    this.fetching?.start();
  }

  async stop(): Promise<void> {
    await this.fetching?.stop();
  }
}
