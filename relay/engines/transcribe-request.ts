import { randomUUID } from 'node:crypto';
import type { StartStreamTranscriptionCommandInput } from '@aws-sdk/client-transcribe-streaming';
import { sampleRate } from '../protocol.js';
import type { Recognition } from '../recognition.ts';
import { isTranscribeLanguage } from './transcribe-languages.ts';

export type TranscribeRequest = Omit<StartStreamTranscriptionCommandInput, 'AudioStream'>;

/** What the service is asked for: settings in which `transcribeConflicts` found nothing. */
export function requestOf(language: string, recognition: Recognition): TranscribeRequest {
  return {
    MediaEncoding: 'pcm',
    MediaSampleRateHertz: sampleRate,
    SessionId: randomUUID(),
    EnablePartialResultsStabilization: true,
    PartialResultsStability: recognition.stability,
    ...languages(language, recognition),
    ...vocabularies(recognition),
    ...personalData(recognition),
    ...(recognition.languageModel && { LanguageModelName: recognition.languageModel.name }),
    ...(recognition.speakerLabels && { ShowSpeakerLabel: true }),
    ...(recognition.transcriptFormat && { TranscriptFormat: recognition.transcriptFormat }),
  };
}

function languages(language: string, recognition: Recognition): Partial<TranscribeRequest> {
  const { identification, languageOptions, preferredLanguage } = recognition;
  if (identification === null) return isTranscribeLanguage(language) ? { LanguageCode: language } : {};
  const LanguageOptions = languageOptions.join();
  if (identification === 'multiple') return { IdentifyMultipleLanguages: true, LanguageOptions };
  const isPreferred = preferredLanguage !== null && isTranscribeLanguage(preferredLanguage);
  return { IdentifyLanguage: true, LanguageOptions, ...(isPreferred && { PreferredLanguage: preferredLanguage }) };
}

/** The service takes names in the plural with identification alone, and in the singular without. */
function vocabularies(recognition: Recognition): Partial<TranscribeRequest> {
  const { identification, vocabularies: given, vocabularyFilters: filters, vocabularyFilterMethod } = recognition;
  const isPlural = identification !== null;
  const [vocabulary] = given;
  const [filter] = filters;
  return {
    ...(vocabulary && (isPlural ? { VocabularyNames: given.join() } : { VocabularyName: vocabulary })),
    ...(filter && (isPlural ? { VocabularyFilterNames: filters.join() } : { VocabularyFilterName: filter })),
    ...(filter && { VocabularyFilterMethod: vocabularyFilterMethod }),
  };
}

function personalData({ pii, piiEntityTypes }: Recognition): Partial<TranscribeRequest> {
  if (pii === null) return {};
  return {
    ...(pii === 'redact' ? { ContentRedactionType: 'PII' } : { ContentIdentificationType: 'PII' }),
    ...(piiEntityTypes.length > 0 && { PiiEntityTypes: piiEntityTypes.join() }),
  };
}
