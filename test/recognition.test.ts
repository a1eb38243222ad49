import { LanguageCode } from '@aws-sdk/client-transcribe-streaming';
import { describe, expect, test } from 'vitest';
import { transcribeConflicts } from '../relay/engines/transcribe-conflicts.ts';
import { languageFeatures } from '../relay/engines/transcribe-features.ts';
import {
  changeRecognition,
  defaultRecognition,
  explainConflicts,
  ownLanguage,
  promisesBroken,
  type Recognition,
  recognitionChange,
  withoutEffect,
} from '../relay/recognition.ts';
import { everythingFor, type Given } from './harness/recognition-settings.ts';

const conflictsOf = ({ language = 'en-US', relayRegion = 'eu-west-1', ...recognition }: Given) =>
  transcribeConflicts({ language, relayRegion, recognition: { ...defaultRecognition, ...recognition } });
const single: Given = { identification: 'single', languageOptions: ['en-US', 'it-IT'] };

const clashes: readonly [title: string, given: Given, one: string, other: string][] = [
  ['a language the service lacks', { language: 'lij-IT' }, 'language "lij-IT"', 'engine "transcribe"'],
  [
    'languages to identify without identification',
    { languageOptions: ['en-US', 'it-IT'] },
    'recognition.languageOptions ["en-US","it-IT"]',
    'recognition.identification null',
  ],
  [
    'identification of nothing',
    { identification: 'multiple' },
    'recognition.identification "multiple"',
    'recognition.languageOptions []',
  ],
  [
    'identification of one language',
    { identification: 'single', languageOptions: ['en-US'] },
    'recognition.identification "single"',
    'recognition.languageOptions ["en-US"]',
  ],
  [
    'the same language twice',
    { identification: 'single', languageOptions: ['en-US', 'en-US'] },
    'recognition.identification "single"',
    'recognition.languageOptions ["en-US","en-US"]',
  ],
  [
    'a room language that is not to be identified',
    { ...single, language: 'de-DE' },
    'language "de-DE"',
    'recognition.languageOptions ["en-US","it-IT"]',
  ],
  [
    'a language to identify that the service lacks',
    { identification: 'single', languageOptions: ['en-US', 'la-VA'] },
    'recognition.languageOptions "la-VA"',
    'engine "transcribe"',
  ],
  [
    'two dialects of one language',
    { identification: 'multiple', languageOptions: ['en-US', 'it-IT', 'en-AU'] },
    'recognition.languageOptions "en-US"',
    'recognition.languageOptions "en-AU"',
  ],
  [
    'a preferred language that is not among the options',
    { ...single, preferredLanguage: 'de-DE' },
    'recognition.preferredLanguage "de-DE"',
    'recognition.languageOptions ["en-US","it-IT"]',
  ],
  [
    'a preferred language among several that are spoken',
    { ...single, identification: 'multiple', preferredLanguage: 'it-IT' },
    'recognition.preferredLanguage "it-IT"',
    'recognition.identification "multiple"',
  ],
  [
    'a preferred language without identification',
    { preferredLanguage: 'it-IT' },
    'recognition.preferredLanguage "it-IT"',
    'recognition.identification null',
  ],
  [
    'a language that cannot be identified',
    { identification: 'single', languageOptions: ['en-US', 'sv-SE'] },
    'recognition.languageOptions "sv-SE"',
    'recognition.identification "single"',
  ],
  [
    'redaction and identification',
    { ...single, pii: 'redact' },
    'recognition.pii "redact"',
    'recognition.identification "single"',
  ],
  [
    'redaction and identification of several languages',
    { ...single, identification: 'multiple', pii: 'redact' },
    'recognition.pii "redact"',
    'recognition.identification "multiple"',
  ],
  [
    'redaction of a language without it',
    { language: 'ja-JP', pii: 'redact' },
    'recognition.pii "redact"',
    'language "ja-JP"',
  ],
  [
    'kinds of personal data to do nothing with',
    { piiEntityTypes: ['EMAIL'] },
    'recognition.piiEntityTypes ["EMAIL"]',
    'recognition.pii null',
  ],
  [
    'a model and identification',
    { ...single, languageModel: { name: 'keynotes', language: 'en-US' } },
    'recognition.languageModel {"name":"keynotes","language":"en-US"}',
    'recognition.identification "single"',
  ],
  [
    'a model of another language',
    { language: 'de-DE', languageModel: { name: 'keynotes', language: 'en-US' } },
    'recognition.languageModel {"name":"keynotes","language":"en-US"}',
    'language "de-DE"',
  ],
  [
    'a model for a language that streams without one',
    { language: 'it-IT', languageModel: { name: 'arie', language: 'it-IT' } },
    'recognition.languageModel {"name":"arie","language":"it-IT"}',
    'language "it-IT"',
  ],
  [
    'several vocabularies without identification',
    { vocabularies: ['people', 'places'] },
    'recognition.vocabularies ["people","places"]',
    'recognition.identification null',
  ],
  [
    'several filters without identification',
    { vocabularyFilters: ['rude', 'ruder'] },
    'recognition.vocabularyFilters ["rude","ruder"]',
    'recognition.identification null',
  ],
  [
    'written numbers of a language without them',
    { language: 'fi-FI', transcriptFormat: 'written' },
    'recognition.transcriptFormat "written"',
    'language "fi-FI"',
  ],
  ['a region that does not stream', { region: 'eu-west-3' }, 'recognition.region "eu-west-3"', 'engine "transcribe"'],
  [
    'the relay’s own region that does not stream',
    { relayRegion: 'us-west-1' },
    'the relay’s region "us-west-1"',
    'engine "transcribe"',
  ],
  [
    'a region that does not stream the language',
    { language: 'hu-HU', region: 'ap-northeast-1' },
    'recognition.region "ap-northeast-1"',
    'language "hu-HU"',
  ],
  [
    'a region that does not stream one of the languages to identify',
    { identification: 'single', languageOptions: ['en-US', 'hu-HU'], region: 'af-south-1' },
    'recognition.region "af-south-1"',
    'recognition.languageOptions "hu-HU"',
  ],
];

test.each(clashes)('%s: the two settings that clash are named, and what to change', (_title, given, one, other) => {
  const conflicts = conflictsOf(given);
  expect(conflicts.map(({ between }) => between)).toEqual([[one, other]]);
  const told = explainConflicts('x', conflicts);
  expect(told?.message).toContain(`${one} clashes with ${other}: `);
  expect(told?.hint).toMatch(/^[A-Z].*\.$/);
});

const fine: readonly [title: string, given: Given][] = [
  ['the defaults', {}],
  ['everything for one language', everythingFor('en-US')],
  ['identification of five languages', { ...single, languageOptions: ['en-US', 'it-IT', 'de-DE', 'fr-FR', 'es-ES'] }],
  ['a preferred language', { ...single, preferredLanguage: 'it-IT' }],
  [
    'several vocabularies with identification',
    { ...single, vocabularies: ['one', 'two'], vocabularyFilters: ['a', 'b'] },
  ],
  ['personal data marked with identification', { ...single, pii: 'identify', piiEntityTypes: ['NAME'] }],
  ['personal data marked in any language: the documentation does not say', { language: 'ja-JP', pii: 'identify' }],
  ['numbers in a language of which nothing is known', { language: 'it-IT', transcriptFormat: 'written' }],
  [
    'Cantonese beside another Chinese: not documented',
    { language: 'zh-HK', identification: 'single', languageOptions: ['zh-HK', 'zh-CN'] },
  ],
  ['a region of which nothing is known', { region: 'eu-south-2', language: 'hu-HU' }],
  ['a relay whose region is not known', { relayRegion: null, language: 'hu-HU' }],
];

test.each(fine)('%s: nothing is refused', (_title, given) => {
  expect(conflictsOf(given)).toEqual([]);
});

test('several conflicts are told all at once', () => {
  const conflicts = conflictsOf({ ...single, pii: 'redact', preferredLanguage: 'de-DE', region: 'eu-north-1' });
  expect(conflicts).toHaveLength(3);
  const told = explainConflicts('x', conflicts);
  for (const { between, hint } of conflicts) {
    for (const setting of between) expect(told?.message).toContain(setting);
    expect(told?.hint).toContain(hint);
  }
});

describe('the table of languages', () => {
  test('holds each language of the SDK once', () => {
    expect([...languageFeatures.keys()].toSorted()).toEqual([...new Set(Object.values(LanguageCode))].toSorted());
  });

  test('has the features that the documentation counts', () => {
    const count = (is: (features: NonNullable<ReturnType<typeof languageFeatures.get>>) => boolean) =>
      [...languageFeatures.values()].filter(is).length;
    expect(count(({ everywhere }) => everywhere)).toBe(54);
    expect(count(({ model }) => model === true)).toBe(6);
    expect(count(({ redaction }) => redaction === true)).toBe(18);
    expect(count(({ identification }) => identification === false)).toBe(2);
  });
});

describe('a change', () => {
  test('keeps what it does not name, and null takes everything back', () => {
    const before = { ...defaultRecognition, speakerLabels: true, pii: 'redact', region: 'us-east-1' } as const;
    expect(changeRecognition(before, { pii: 'identify' })).toEqual({ ...before, pii: 'identify' });
    expect(changeRecognition(before, null)).toEqual(defaultRecognition);
  });

  test('that ends identification or the search for personal data takes along what served it alone', () => {
    const before: Recognition = {
      ...defaultRecognition,
      identification: 'single',
      languageOptions: ['en-US', 'it-IT'],
      preferredLanguage: 'it-IT',
      pii: 'identify',
      piiEntityTypes: ['NAME'],
    };
    expect(changeRecognition(before, { identification: null, pii: null })).toEqual(defaultRecognition);
  });

  test('is refused by its form alone where no value could be meant', () => {
    const wrong: [string, unknown][] = [
      ['identification', 'both'],
      ['languageOptions', ['en-US', 'it-IT', 'de-DE', 'fr-FR', 'es-ES', 'pt-PT']],
      ['languageOptions', ['not a language']],
      ['vocabularies', ['two words']],
      ['vocabularies', ['a,b']],
      ['pii', ['identify', 'redact']],
      ['piiEntityTypes', ['SHOE_SIZE']],
      ['region', 'Ireland'],
      ['whisper', true],
    ];
    for (const [name, value] of wrong)
      expect(recognitionChange.safeParse({ [name]: value }).success, `${name} ${JSON.stringify(value)}`).toBe(false);
  });
});

test('captions whose language the service has not named yet carry the room’s, else the preferred, else the first', () => {
  const { languageOptions = [] } = single;
  const recognition: Recognition = { ...defaultRecognition, identification: 'single', languageOptions };
  expect(ownLanguage('it-IT', recognition)).toBe('it-IT');
  expect(ownLanguage('de-DE', recognition)).toBe('en-US');
  expect(ownLanguage('de-DE', { ...recognition, preferredLanguage: 'it-IT' })).toBe('it-IT');
  expect(ownLanguage('de-DE', defaultRecognition)).toBe('de-DE');
});

describe('an engine without these settings', () => {
  test('is refused for what only the service can keep', () => {
    const asked: Recognition = {
      ...defaultRecognition,
      identification: 'multiple',
      languageOptions: ['en-US', 'it-IT'],
      pii: 'redact',
      vocabularyFilters: ['rude'],
    };
    expect(promisesBroken('pocketsphinx', asked).map(({ between }) => between)).toEqual([
      ['recognition.identification "multiple"', 'engine "pocketsphinx"'],
      ['recognition.pii "redact"', 'engine "pocketsphinx"'],
      ['recognition.vocabularyFilters ["rude"]', 'engine "pocketsphinx"'],
    ]);
    expect(promisesBroken('pocketsphinx', { ...defaultRecognition, pii: 'identify', speakerLabels: true })).toEqual([]);
  });

  test('says of the others that they are without effect', () => {
    expect(withoutEffect(defaultRecognition)).toEqual([]);
    const asked: Recognition = {
      ...defaultRecognition,
      vocabularies: ['people'],
      speakerLabels: true,
      region: 'us-east-1',
    };
    expect(withoutEffect(asked)).toEqual(['vocabularies', 'speakerLabels', 'region']);
  });
});
