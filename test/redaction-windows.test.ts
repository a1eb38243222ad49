/** Private data in long texts, of which a few sentences are looked at at a time. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Finding } from '../relay/canonical/redaction/finding.ts';
import { findInTexts } from '../relay/canonical/redaction/in-windows.ts';
import { findPrivate } from '../relay/canonical/redaction/recognition.ts';
import { seeded } from './harness/random.ts';

const corpus = (name: string): { language: string; private: string[] } =>
  JSON.parse(readFileSync(join(import.meta.dirname, `redaction/${name}.json`), 'utf8'));
const filler = 'so we go on with the next part of it and nobody in this room has a question about that'.split(' ');
const digits = 'four two double oh 7 41 12 110 345 4242 IT60 X is my number card call order then and , .'.split(' ');

/** Sentences of the corpus cut anywhere, talk, and digits without end. */
function talk(name: string, seed: number): string[] {
  const random = seeded(seed);
  const pick = <T>(of: readonly T[]): T | undefined => of[Math.floor(random() * of.length)];
  const said = corpus(name).private.map((marked) => marked.replaceAll(/\{\w+\|([^}]*)\}/g, '$1'));
  return Array.from({ length: 500 }, () => {
    const kind = random();
    if (kind < 0.3) return (pick(said) ?? '').split(' ');
    return Array.from({ length: 1 + Math.floor(random() * 20) }, () => pick(kind < 0.5 ? digits : filler) ?? '');
  }).flatMap((words) => {
    const cut = Math.floor(random() * words.length);
    return [words.slice(0, cut).join(' '), words.slice(cut).join(' ')];
  });
}

/** Of each text: from where to where, what, and by which rule. */
const told = (texts: readonly string[], found: Iterable<[number, Finding]>) => {
  const lines = Array.from(
    found,
    ([i, { start, end, type, rule }]) => `${i} ${start}-${end} ${type} ${rule} ${texts[i]}`,
  );
  return [...new Set(lines)].sort();
};

/** The same looked for in one go. */
function* whole(texts: readonly string[], language: string): Generator<[number, Finding]> {
  const found = findPrivate(texts.join('\n'), language);
  let offset = 0;
  for (const [i, { length }] of texts.entries()) {
    for (const finding of found) {
      const [start, end] = [Math.max(0, finding.start - offset), Math.min(length, finding.end - offset)];
      if (start < end) yield [i, { ...finding, start, end }];
    }
    offset += length + 1;
  }
}

test.each(['en', 'it', 'de', 'fr', 'es'])('what is found does not depend on where a window ends: %s', (name) => {
  const { language } = corpus(name);
  const texts = talk(name, 5);
  const inOneGo = told(texts, whole(texts, language));
  expect(inOneGo.length).toBeGreaterThan(100);
  expect(told(texts, findInTexts(texts, language))).toEqual(inOneGo);
  expect(told(texts, findInTexts(texts, language, 300))).toEqual(inOneGo);
});

test('a flood of numbers is tried as often as in one go', () => {
  const texts = Array.from({ length: 400 }, (_, i) => `+39 347 12${10_000 + i}, +39 06 69${80_000 + i}`);
  const count = (found: Iterable<unknown>) => [...found].length;
  expect(count(findInTexts(texts, 'it-IT'))).toBeGreaterThanOrEqual(count(whole(texts, 'it-IT')));
});

test('a number is not hidden by what lies between its halves and is longer than what is looked at around it', () => {
  for (const before of [0, 1980, 1990]) {
    const texts = ['x'.repeat(before), 'it is 4242 4242', ' '.repeat(2500), '4242 4242 thanks'];
    expect(told(texts, findInTexts(texts, 'en-US'))).toEqual(told(texts, whole(texts, 'en-US')));
  }
});

test('texts without letters, and none at all', () => {
  expect([...findInTexts([], 'en-US')]).toEqual([]);
  expect([...findInTexts(['', '', 'ada@example.org', ''], 'en-US')]).toMatchObject([[2, { start: 0, end: 15 }]]);
});
