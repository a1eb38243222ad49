import { piiEntityTypes, type Recognition } from '../../relay/recognition.ts';

/** A room's recognition settings, as far as a test gives any. */
export interface Given extends Partial<Recognition> {
  language?: string;
  relayRegion?: string | null;
}

/** Every setting that a room with one language can have at once. */
export function everythingFor(language: string): Given {
  return {
    language,
    vocabularies: ['people'],
    vocabularyFilters: ['rude'],
    vocabularyFilterMethod: 'tag',
    languageModel: { name: 'keynotes', language },
    stability: 'low',
    speakerLabels: true,
    pii: 'redact',
    piiEntityTypes: [...piiEntityTypes],
    transcriptFormat: 'spoken',
    region: 'us-east-1',
  };
}
