import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { transcribeConflicts } from '../relay/engines/transcribe-conflicts.ts';
import { requestOf, type TranscribeRequest } from '../relay/engines/transcribe-request.ts';
import { defaultRecognition, piiEntityTypes, type Recognition, recognitionSchema } from '../relay/recognition.ts';
import { everythingFor } from './harness/recognition-settings.ts';
import { wrongIn } from './stand-ins/transcribe-asked.ts';

/** As the SDK sends it. */
const headersOf = (request: TranscribeRequest) =>
  Object.fromEntries(
    Object.entries(request).map(([name, value]) => [
      `x-amzn-transcribe-${name === 'MediaSampleRateHertz' ? 'sample-rate' : name.replace(/\B[A-Z]/g, '-$&').toLowerCase()}`,
      String(value),
    ]),
  );

describe('the request', () => {
  const common = {
    MediaEncoding: 'pcm',
    MediaSampleRateHertz: 16000,
    SessionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    EnablePartialResultsStabilization: true,
  };

  test('is as short as the settings are few', () => {
    expect(requestOf('it-IT', defaultRecognition)).toEqual({
      ...common,
      LanguageCode: 'it-IT',
      PartialResultsStability: 'high',
    });
  });

  test('holds every setting of a room with one language', () => {
    const { language = '', relayRegion: _, ...recognition } = everythingFor('en-US');
    expect(requestOf(language, { ...defaultRecognition, ...recognition })).toEqual({
      ...common,
      LanguageCode: 'en-US',
      PartialResultsStability: 'low',
      VocabularyName: 'people',
      VocabularyFilterName: 'rude',
      VocabularyFilterMethod: 'tag',
      LanguageModelName: 'keynotes',
      ShowSpeakerLabel: true,
      ContentRedactionType: 'PII',
      PiiEntityTypes: piiEntityTypes.join(),
      TranscriptFormat: 'spoken',
    });
  });

  test('with identification names languages and vocabularies in the plural', () => {
    const recognition: Recognition = {
      ...defaultRecognition,
      identification: 'single',
      languageOptions: ['en-US', 'it-IT'],
      preferredLanguage: 'it-IT',
      vocabularies: ['one', 'two'],
      vocabularyFilters: ['rude'],
      pii: 'identify',
    };
    const asked = {
      ...common,
      PartialResultsStability: 'high',
      LanguageOptions: 'en-US,it-IT',
      VocabularyNames: 'one,two',
      VocabularyFilterNames: 'rude',
      VocabularyFilterMethod: 'mask',
      ContentIdentificationType: 'PII',
    };
    expect(requestOf('it-IT', recognition)).toEqual({ ...asked, IdentifyLanguage: true, PreferredLanguage: 'it-IT' });
    expect(requestOf('it-IT', { ...recognition, identification: 'multiple', preferredLanguage: null })).toEqual({
      ...asked,
      IdentifyMultipleLanguages: true,
    });
  });

  test('never holds what the documentation forbids together, whatever settings were let through', () => {
    const code = fc.constantFrom('en-US', 'en-AU', 'it-IT', 'de-DE', 'sv-SE', 'zh-HK', 'zh-CN', 'hu-HU', 'la-VA');
    const name = fc.constantFrom('one', 'two', 'three');
    const seldom = <T>(values: fc.Arbitrary<T>) =>
      fc.oneof(fc.constant(null), fc.constant(null), fc.constant(null), values);
    const some = <T>(values: fc.Arbitrary<T>, maxLength: number) =>
      fc.oneof(fc.constant([]), fc.array(values, { maxLength }));
    const settings = fc.record({
      language: code,
      recognition: fc.record({
        identification: fc.constantFrom(null, 'single' as const, 'multiple' as const),
        languageOptions: some(code, 5),
        preferredLanguage: seldom(code),
        vocabularies: some(name, 2),
        vocabularyFilters: some(name, 2),
        vocabularyFilterMethod: fc.constantFrom('mask' as const, 'remove' as const, 'tag' as const),
        languageModel: seldom(fc.record({ name, language: code })),
        stability: fc.constant('high' as const),
        speakerLabels: fc.boolean(),
        pii: fc.constantFrom(null, 'identify' as const, 'redact' as const),
        piiEntityTypes: some(fc.constantFrom('NAME' as const, 'EMAIL' as const), 2),
        transcriptFormat: fc.constantFrom(null, 'written' as const, 'spoken' as const),
        region: fc.constantFrom(null, 'eu-west-1', 'eu-west-3', 'af-south-1'),
      }),
    });
    const passed = { one: 0, several: 0 };
    fc.assert(
      fc.property(settings, (given) => {
        const recognition = recognitionSchema.parse(given.recognition);
        if (transcribeConflicts({ language: given.language, recognition, relayRegion: null }).length > 0) return;
        const request = requestOf(given.language, recognition);
        passed[request.LanguageCode ? 'one' : 'several']++;
        expect(wrongIn(headersOf(request))).toBeNull();
        const ways = [request.LanguageCode, request.IdentifyLanguage, request.IdentifyMultipleLanguages];
        expect(ways.filter(Boolean)).toHaveLength(1);
        const options = request.LanguageOptions?.split(',') ?? [];
        expect(options.length === 0).toBe(request.LanguageCode !== undefined);
        expect(new Set(options.map((each) => (each === 'zh-HK' ? each : each.slice(0, 2)))).size).toBe(options.length);
        if (request.PreferredLanguage) {
          expect(request.IdentifyLanguage).toBe(true);
          expect(options).toContain(request.PreferredLanguage);
        }
        expect(Boolean(request.ContentRedactionType && request.ContentIdentificationType)).toBe(false);
        if (request.PiiEntityTypes)
          expect(request.ContentRedactionType ?? request.ContentIdentificationType).toBe('PII');
        if (!request.LanguageCode) {
          expect(request.ContentRedactionType).toBeUndefined();
          expect(request.LanguageModelName).toBeUndefined();
          expect(request.VocabularyName ?? request.VocabularyFilterName).toBeUndefined();
        } else expect(request.VocabularyNames ?? request.VocabularyFilterNames).toBeUndefined();
      }),
      { numRuns: 10_000 },
    );
    expect(Math.min(passed.one, passed.several)).toBeGreaterThan(20);
  });
});
