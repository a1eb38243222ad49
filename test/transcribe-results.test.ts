import { LanguageCode, type Result } from '@aws-sdk/client-transcribe-streaming';
import { expect, test } from 'vitest';
import { nearLanguages, transcribeLanguages } from '../relay/engines/transcribe-languages.ts';
import { ResultReader } from '../relay/engines/transcribe-results.ts';

const result = (given: Partial<Result>, text = 'hello'): Result => ({
  ResultId: 'a',
  StartTime: 1,
  EndTime: 2,
  IsPartial: true,
  ChannelId: 'ch_0',
  Alternatives: [{ Transcript: text, Items: [] }],
  ...given,
});

test('a final under another id ends the partials that began where it does', () => {
  const reader = new ResultReader('en-US');
  const partial = reader.read(result({}));
  const final = reader.read(result({ ResultId: 'b', IsPartial: false }));
  expect(final?.result.id).toBe(partial?.result.id);
  expect(final?.final).toBe(true);
  expect(reader.unfinished()).toEqual([]);
});

test('on another channel it ends nothing', () => {
  const reader = new ResultReader('en-US');
  reader.read(result({}));
  reader.read(result({ ResultId: 'b', ChannelId: 'ch_1', IsPartial: false }));
  expect(reader.unfinished()).toHaveLength(1);
});

test('partials keep their segment while its start moves', () => {
  const reader = new ResultReader('en-US');
  const ids = [1, 1.02, 0.98].map((StartTime) => reader.read(result({ StartTime }))?.result.id);
  expect(new Set(ids).size).toBe(1);
});

test('what repeats a finished segment is dropped', () => {
  const reader = new ResultReader('en-US');
  expect(reader.read(result({ IsPartial: false }))).not.toBeNull();
  expect(reader.read(result({ IsPartial: false }))).toBeNull();
  expect(reader.read(result({}))).toBeNull();
});

test('results without text are not reported', () => {
  const reader = new ResultReader('en-US');
  expect(reader.read(result({}, ' '))).toBeNull();
  expect(reader.read({})).toBeNull();
  expect(reader.unfinished()).toEqual([]);
});

test('seconds become samples by rounding; punctuation, confidence, speaker and stability are kept', () => {
  const reader = new ResultReader('en-US');
  const items = [
    { StartTime: 1.0003, EndTime: 1.5, Type: 'pronunciation', Content: 'hello', Confidence: 0.5, Speaker: '0' },
    { StartTime: 1.5, EndTime: 1.5, Type: 'punctuation', Content: '.' },
  ] as const;
  const given = result({ StartTime: 1.1, EndTime: 1.4, Alternatives: [{ Transcript: 'hello.', Items: [...items] }] });
  const reading = reader.read({ ...given, LanguageCode: 'it-IT' });
  expect(reading?.result).toEqual({
    id: 'a',
    text: 'hello.',
    start: 16_005,
    end: 24_000,
    language: 'it-IT',
    words: [
      { text: 'hello', start: 16_005, end: 24_000, kind: 'word', confidence: 0.5, speaker: '0', stable: false },
      { text: '.', start: 24_000, end: 24_000, kind: 'punctuation', confidence: null, speaker: null, stable: false },
    ],
  });
});

test('the languages known are the SDK’s', () => {
  expect([...transcribeLanguages].sort()).toEqual(Object.values(LanguageCode).sort());
});

test.each([
  ['en', 'en-US'],
  ['EN_us', 'en-US'],
  ['it-CH', 'it-IT'],
  ['italian', 'it-IT'],
])('who writes %s is offered %s', (given, offered) => {
  expect(nearLanguages(given)).toContain(offered);
});

test('the language is the one the result names, else the likeliest, else the session’s', () => {
  const languageOf = (given: Partial<Result>) => new ResultReader('en-US').read(result(given))?.result.language;
  const LanguageIdentification: NonNullable<Result['LanguageIdentification']> = [
    { LanguageCode: 'de-DE', Score: 0.2 },
    { LanguageCode: 'it-IT', Score: 0.7 },
  ];
  expect(languageOf({ LanguageCode: 'fr-FR', LanguageIdentification })).toBe('fr-FR');
  expect(languageOf({ LanguageIdentification })).toBe('it-IT');
  expect(languageOf({ LanguageIdentification: [] })).toBe('en-US');
});
