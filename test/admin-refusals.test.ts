import { expect, test } from 'vitest';
import { ApiError, sentences } from '../display/admin/call.js';
import { transcribeConflicts } from '../relay/engines/transcribe-conflicts.ts';
import {
  changeRecognition,
  defaultRecognition,
  explainConflicts,
  promisesBroken,
  type RecognitionChange,
} from '../relay/recognition.ts';
import { TestApi } from './harness/api.ts';

const recognitions: RecognitionChange[] = [
  { languageOptions: ['it-IT', 'en-GB'] },
  { identification: 'single', languageOptions: ['it-IT'] },
  { identification: 'multiple', languageOptions: ['en-US', 'en-GB', 'sv-SE'], preferredLanguage: 'fr-FR' },
  { preferredLanguage: 'it-IT', vocabularies: ['a', 'b'], vocabularyFilters: ['c.d', 'e'] },
  { pii: 'redact', piiEntityTypes: ['NAME', 'PHONE'], transcriptFormat: 'written' },
  { languageModel: { name: 'mine', language: 'de-DE' }, region: 'eu-west-1', identification: 'single' },
  { pii: null, piiEntityTypes: ['NAME'] },
];

test.each(recognitions)('the page finds both settings and the reason of every clash: %j', (change) => {
  const recognition = changeRecognition(defaultRecognition, change);
  for (const language of ['ja-JP', 'xx-XX', 'sv-SE']) {
    const conflicts = [
      ...transcribeConflicts({ language, recognition, relayRegion: 'eu-south-1' }),
      ...promisesBroken('script:talk', recognition),
    ];
    const refusal = explainConflicts('settings-conflict', conflicts);
    expect(refusal === null).toBe(conflicts.length === 0);
    if (!refusal) continue;
    const { clashes } = new ApiError(409, refusal);
    expect(clashes.map(({ settings }) => settings.map(({ name, value }) => `${name} ${value}`))).toEqual(
      conflicts.map(({ between }) => [...between]),
    );
    expect(clashes.map(({ reason }) => reason)).toEqual(conflicts.map(({ reason }) => reason));
  }
});

test('the page finds the place of every mistake that the relay names', async () => {
  const api = new TestApi();
  try {
    api.rooms.put('verdi');
    const mistakesIn = async (path: string, body: unknown, method = 'PUT') => {
      const { status, text } = await api.ask(method, path, body);
      return [...new Set(new ApiError(status, JSON.parse(text).error).mistakes.map(({ at }) => at))];
    };
    expect(
      await mistakesIn('/api/rooms/verdi', {
        language: 'it; IT: quite wrong',
        recognition: { region: 'x; language: y' },
      }),
    ).toEqual(['language', 'recognition.region']);
    expect(
      await mistakesIn('/api/text-rules', {
        replacements: [
          { find: 'a', replace: '' },
          { find: '(b', replace: '', regex: true },
        ],
        blocked: [{ word: '' }],
      }),
    ).toEqual(['replacements.1.find', 'blocked.0.word']);
    expect(await mistakesIn('/api/vocabulary', { phrases: [{ phrase: 'R2' }, { phrase: 'a, b' }] })).toEqual([
      'phrases.0.phrase',
      'phrases.1.phrase',
    ]);
    expect(await mistakesIn('/api/rooms/verdi/talks/t', { title: '', start: 2, end: 1 })).toEqual(['title', 'end']);
  } finally {
    api.rooms.remove();
  }
});

test('words of the relay end with one full stop each', () => {
  expect(sentences('There is no room', 'Make it.')).toBe('There is no room. Make it.');
  expect(sentences('', 'Why?')).toBe('Why?');
});
