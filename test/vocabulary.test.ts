import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { displayRules, entriesFor, entryOf, phraseList, vocabularyLimits } from '../relay/vocabulary.ts';

const mistakes = (phrases: unknown) => {
  const read = phraseList.safeParse(phrases);
  return read.success ? [] : read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
};
const phrase = (text: string, more: Record<string, unknown> = {}) => ({ phrase: text, ...more });

describe('a list of phrases', () => {
  test('has every mistake named by its place', () => {
    const given = [
      phrase('Ada Lovelace'),
      phrase('Web3'),
      phrase('x'.repeat(256)),
      phrase('one, two'),
      phrase('...'),
      phrase('a\nb'),
      phrase('Zoë', { language: 'en' }),
      phrase('Ada  Lovelace'),
      phrase('kubectl', { displayAs: 'k'.repeat(201) }),
    ];
    const told = mistakes(given);
    expect(told.map((each) => each.split(':')[0])).toEqual(
      expect.arrayContaining(['1.phrase', '2.phrase', '3.phrase', '4.phrase', '5.phrase', '6.phrase', '8.displayAs']),
    );
    expect(told.some((each) => each.startsWith('0.'))).toBe(false);
    expect(told.find((each) => each.startsWith('1.'))).toContain('spell them out');
    expect(told.find((each) => each.startsWith('6.'))).toContain('"ë"');
    expect(mistakes([phrase('Ada Lovelace'), phrase('Ada  Lovelace')])).toEqual(['1.phrase: is phrase 0 once more']);
  });

  test('is bounded in phrases and bytes, so that the lists of event and room make one vocabulary', () => {
    const letters = (n: number) => [...String(n).padStart(4, '0')].map((digit) => 'abcdefghij'[Number(digit)]).join('');
    const many = (count: number, length: number) =>
      Array.from({ length: count }, (_, i) => phrase(letters(i) + 'z'.repeat(length)));
    expect(mistakes(many(vocabularyLimits.maxPhrases, 15))).toEqual([]);
    expect(mistakes(many(vocabularyLimits.maxPhrases + 1, 1))).toHaveLength(1);
    expect(mistakes(many(200, 200)).join()).toContain('25000 bytes');
  });

  test('keeps what it is given, with defaults', () => {
    expect(
      phraseList.parse([phrase(' Ada Lovelace '), phrase('web three', { displayAs: 'Web3', language: 'EN' })]),
    ).toEqual([
      { phrase: 'Ada Lovelace', displayAs: null, language: null },
      { phrase: 'web three', displayAs: 'Web3', language: 'en' },
    ]);
  });
});

describe('what the service is given', () => {
  test.each([
    ['en-US', 'Ada  Lovelace', 'Ada-Lovelace'],
    ['en-US', 'O’Reilly', "O'Reilly"],
    ['en-US', 'C.L.I.', 'C.L.I.'],
    ['fr-FR', 'de\u0301ja\u0300 vu', 'd\u00e9j\u00e0-vu'],
    ['ru-RU', 'Сала Верди', 'сала-верди'],
  ])('in %s "%s" is "%s"', (language, given, expected) => {
    expect(entryOf(given, language)).toBe(expected);
    expect(entriesFor([{ phrase: given, displayAs: null, language: null }], language)).toEqual({
      entries: [expected],
      leftOut: [],
    });
  });

  test('leaves out, with its place and why, what the language has no letters for, and what is for another language', () => {
    const phrases = [
      { phrase: 'Zoë', displayAs: null, language: null },
      { phrase: 'Verdi', displayAs: null, language: 'it' },
      { phrase: 'Kubernetes', displayAs: null, language: null },
      { phrase: 'kubernetes', displayAs: null, language: 'en' },
    ];
    expect(entriesFor(phrases, 'en-GB')).toMatchObject({
      entries: ['Kubernetes', 'kubernetes'],
      leftOut: [{ index: 0, phrase: 'Zoë', language: 'en-GB' }],
    });
    expect(entriesFor(phrases, 'it-IT').entries).toEqual(['Zoë', 'Verdi', 'Kubernetes']);
    // Where the documentation says nothing, the service decides.
    expect(entriesFor(phrases, 'sv-SE').entries).toEqual(['Zoë', 'Kubernetes']);
  });

  test('never has a space or comma, whatever was given', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60, unit: 'grapheme' }), (text) => {
        if (mistakes([phrase(text)]).length === 0) expect(entryOf(text, 'en-US')).not.toMatch(/[\s,]/);
      }),
    );
  });
});

test('a phrase is shown as it is to be shown, whether the engine writes it with hyphens or spaces', () => {
  const rules = displayRules([
    { phrase: 'web three', displayAs: 'Web3', language: 'en' },
    { phrase: 'Ada', displayAs: null, language: null },
  ]);
  expect(rules.map(({ find, replace, language }) => [find, replace, language])).toEqual([
    ['web three', 'Web3', 'en'],
    ['web-three', 'Web3', 'en'],
  ]);
});
