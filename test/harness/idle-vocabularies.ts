import type { Database } from '../../relay/database.ts';
import { Rooms } from '../../relay/rooms.ts';
import { Vocabularies } from '../../relay/vocabularies.ts';
import { captureLog } from './doors.ts';

/** Phrases that are kept, and no service to make vocabularies of them. */
export const idleVocabularies = (db: Database) =>
  new Vocabularies({
    db,
    rooms: new Rooms(db, { language: 'en-US', engine: 'script:test' }),
    defaultEngine: 'script:test',
    region: null,
    ownerId: 'a-relay',
    serviceIn: () => {
      throw new Error('nobody asked for a vocabulary');
    },
    textRules: { show() {} },
    log: captureLog().log,
  });
