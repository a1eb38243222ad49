import type { ObjectStore } from '../objects/object-store.ts';
import { openStore } from '../objects/open-store.ts';
import type { RelayOptions } from '../options.ts';
import type { Room } from '../room.ts';
import type { TextRuleBook } from '../text-rule-book.ts';
import { noRules } from '../text-rules.ts';
import type { Vocabularies } from '../vocabularies.ts';
import { Archiving, type ArchivingParts } from './archiving.ts';
import type { TalkFacts } from './making.ts';

export interface OpeningParts extends Pick<ArchivingParts, 'db' | 'spool' | 'time' | 'rooms' | 'talks' | 'logs'> {
  readonly textRules: Pick<TextRuleBook, 'rules'>;
  readonly vocabularies: Pick<Vocabularies, 'event'>;
  readonly running: (room: string) => Room | undefined;
}

/**
 * Recordings as the relay's options say. The store is not asked yet: whether it works shows as things go, and captions
 * never wait for it.
 */
export async function openArchiving(options: RelayOptions, parts: OpeningParts): Promise<Archiving> {
  const { rooms, talks, textRules, vocabularies, running } = parts;
  const factsOf = (name: string, talkId: string | null): TalkFacts | null => {
    const room = running(name);
    if (!room) return null;
    const { settings } = room.record;
    const phrases = [...(settings.vocabulary ?? []), ...vocabularies.event];
    const names = talks.of(name).find(({ id }) => id === talkId)?.names ?? [];
    return {
      log: room.log,
      assignments: rooms.assignments(name),
      vocabulary: [...new Set([...phrases.map(({ phrase, displayAs }) => displayAs ?? phrase), ...names])],
      textRules: { room: settings.textRules ?? noRules, event: textRules.rules },
    };
  };
  return new Archiving({
    ...parts,
    store: await storeOf(options),
    settings: { ...options, recordingDays: options.recordingDays ?? null },
    dataDir: options.dataDir,
    facts: factsOf,
    backlogMs: (name) => running(name)?.live().backlogMs ?? 0,
  });
}

/** null: none is named, and nothing is recorded. */
async function storeOf(options: RelayOptions): Promise<ObjectStore | null> {
  const { recordingStore, recordingEndpoint: endpoint, recordingRegion: region, recordingKmsKey: kmsKey } = options;
  return recordingStore === undefined ? null : openStore(recordingStore, { endpoint, region, kmsKey }, true);
}
