import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Attempt, type Heard } from '../relay/attempt.ts';
import type { EngineListener, EngineResult, Word } from '../relay/engines/engine.ts';
import { isSpace, spacesIn } from '../relay/pattern-reach.ts';
import { frameSamples } from '../relay/protocol.js';
import { SaidWords } from '../relay/said.ts';
import { compilePattern, patternFinder, Subject } from '../relay/text-match.ts';
import {
  applyRules,
  type CompiledRules,
  compileRules,
  mistakeOf,
  noRules,
  type TextRules,
} from '../relay/text-rules.ts';

const compiled = (rules: TextRules, scope: 'room' | 'event' = 'room') =>
  compileRules(scope, rules, (rule, message) => {
    throw new Error(`${rule}: ${message}`);
  });
const replacement = (find: string, replace: string, rest: object = {}) => ({
  ...{ find, replace, regex: false, case: 'found' as const, language: null },
  ...rest,
});
const replacing = (...pairs: [string, string][]): TextRules => ({
  replacements: pairs.map(([find, replace]) => replacement(find, replace)),
  blocked: [],
});
const blocking = (method: 'mask' | 'drop', ...words: string[]): TextRules => ({
  replacements: [],
  blocked: words.map((word) => ({ word, method, language: null })),
});

/** An engine session of ten seconds of one stream, and what a room would show of it under these rules. */
function session(...rules: TextRules[]) {
  const sets: CompiledRules[] = rules.map((each, i) => compiled(each, i === 0 ? 'room' : 'event'));
  let engine: EngineListener | undefined;
  const shown: { text: string; stable: number }[] = [];
  const finals: string[] = [];
  const show = (heard: Heard | null) => {
    if (!heard) return null;
    const { text, settled, leftOut } = applyRules(sets, heard, 'en-US', heard.stable);
    expect(leftOut).toEqual([]);
    return { text, stable: settled };
  };
  const attempt = new Attempt(
    {
      ...{ name: 'fake', paid: false, promptPartials: true, takesRecognition: true as const, check: () => null },
      open: (_settings, listener) => {
        engine = listener;
        return { write() {}, end() {}, abort() {} };
      },
    },
    { room: 'hall', language: 'en-US' },
    0,
    {
      ready: () => {},
      partial: (heard) => {
        const seen = show(heard);
        if (seen) shown.push(seen);
      },
      final: (heard) => {
        const seen = show(heard);
        if (seen?.text) finals.push(seen.text);
      },
      ended: () => {},
      failed: () => {},
    },
    null,
    new SaidWords((_stream, position) => position / 16),
  );
  for (let i = 0; i < 100; i++) attempt.write('a', i * frameSamples, new Uint8Array(frameSamples * 2));
  return { attempt, shown, finals, engine: engine ?? expect.unreachable() };
}

/** Words a frame each, punctuation glued to the one before; the first `stable` are promised. */
function result(texts: readonly string[], stable: number, speakers: readonly (string | null)[] = []): EngineResult {
  const words = texts.map(
    (text, i): Word => ({
      ...{ text, start: i * frameSamples, end: (i + 1) * frameSamples, confidence: null },
      ...{ kind: /^[\p{L}\p{N}]/u.test(text) ? 'word' : 'punctuation', speaker: speakers[i] ?? null },
      stable: i < stable,
    }),
  );
  const text = words.reduce((out, each) => (each.kind === 'word' && out ? `${out} ${each.text}` : out + each.text), '');
  return { id: 'x', text, start: 0, end: texts.length * frameSamples, words, language: 'en-US' };
}

/** What is promised of a partial, as text. */
function promised(texts: string, stable: number, ...rules: TextRules[]): string {
  const { engine, shown } = session(...rules);
  engine.partial(result(texts.split(' '), stable));
  const [first] = shown;
  return first ? first.text.slice(0, first.stable) : 'nothing shown';
}

describe('of a partial', () => {
  test('the words that the engine promised are stable, up to the first that it did not', () => {
    expect(promised('so we begin now', 2)).toBe('so we');
    expect(promised('so , we begin', 3)).toBe('so, we');
    expect(promised('so we begin', 3)).toBe('so we begin');
    expect(promised('so we begin', 0)).toBe('');
  });

  test('nothing is where an engine has no flags, or no words', () => {
    const { engine, shown } = session();
    const { words, ...rest } = result(['so', 'we'], 0);
    engine.partial({ ...rest, words });
    engine.partial({ ...rest, words: [] });
    expect(shown.map(({ stable }) => stable)).toEqual([0, 0]);
  });

  test('a replacement counts when it lies within what is stable', () => {
    const rules = replacing(['cube or netties', 'Kubernetes']);
    expect(promised('so cube or netties is nice', 5, rules)).toBe('so Kubernetes is');
  });

  test('a phrase that may go on beyond the edge is not yet stable, whether or not it does', () => {
    const rules = replacing(['new york', 'NYC']);
    expect(promised('I love new york', 3, rules)).toBe('I love');
    expect(promised('I love new yolk', 3, rules)).toBe('I love');
    expect(promised('I love news now', 3, rules)).toBe('I love news');
    expect(promised('I love new', 3, rules)).toBe('I love');
    expect(promised('I love NEW jazz', 4, rules)).toBe('I love NEW jazz');
  });

  test('a match at the edge may yet be part of a longer word', () => {
    expect(promised('by ada', 2, replacing(['ada', 'Ada']))).toBe('by');
    expect(promised('by ada now', 3, replacing(['ada', 'Ada']))).toBe('by Ada now');
  });

  test('what one rule writes may be where another begins', () => {
    const rules = replacing(['nu', 'new'], ['new york', 'NYC']);
    expect(promised('love nu then york', 2, rules)).toBe('love');
    expect(promised('love nu then york', 3, rules)).toBe('love new then');
  });

  test('a word taken out may take along what stands before it', () => {
    const rules = blocking('drop', 'damn');
    expect(promised('well , damn it', 2, rules)).toBe('well');
    expect(promised('well , it goes on', 3, rules)).toBe('well, it');
    expect(promised('well damn it goes', 4, rules)).toBe('well it goes');
  });

  test('a pattern may reach over as many words as it can hold spaces', () => {
    const pattern = (find: string, rest = {}) => ({
      replacements: [replacement(find, 'x', { regex: true, ...rest })],
      blocked: [],
    });
    expect(promised('so we begin now', 3, pattern('version \\w+'))).toBe('so');
    expect(promised('so we begin now', 3, pattern('versions?'))).toBe('so we');
    expect(promised('so we begin now', 3, pattern('(version|issue) (\\w+) point \\d{1,3}'))).toBe('');
    expect(promised('so we begin now', 3, pattern('a.*b'))).toBe('');
    expect(promised('so we begin now', 3, pattern('a.*b', { language: 'it' }))).toBe('so we begin');
    expect(promised('so we use version two now and then', 8, pattern('version \\w+'))).toBe('so we use x now');
  });

  test('only the first speaker’s words are: each speaker’s will be a caption of their own', () => {
    const { engine, shown } = session(noRules);
    engine.partial(result(['so', 'we', 'yes', 'no'], 4, ['1', '1', '2', '2']));
    expect(shown).toEqual([{ text: 'so we yes no', stable: 5 }]);
  });

  test('only words of this session are told, and are stable', () => {
    const { attempt, engine, shown } = session(noRules);
    attempt.own('a', [[2 * frameSamples, 100 * frameSamples]]);
    engine.partial(result(['so', 'we', 'begin', 'now'], 3));
    expect(shown).toEqual([{ text: 'begin now', stable: 5 }]);
  });
});

const vocabulary = ['new', 'york', 'a', 'b', 'damn', 'ada', 'city', 'New', 'x’y'];
const marks = [',', '.', '!'];
const someWord = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...vocabulary) }, fc.constantFrom(...marks));
const phrase = fc.array(fc.constantFrom(...vocabulary), { minLength: 1, maxLength: 3 }).map((words) => words.join(' '));
const piece = fc.constantFrom(
  ...[
    'new',
    'a',
    ' ',
    '\\s',
    '\\w',
    '.',
    '\\W',
    '[^x]',
    '[a-z]',
    '[ -z]',
    '\\S',
    '\\b',
    '(?:a b)',
    '(york|a b)',
    '\\pL',
    '$',
    '^',
    ',',
  ],
);
const pattern = fc
  .array(fc.tuple(piece, fc.constantFrom('', '', '', '+', '*', '?', '{2}', '{1,2}', '+?')), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.map(([each, times]) => (/^(\\b|[$^])$/.test(each) ? each : each + times)).join(''))
  .filter((find) => mistakeOf(replacement(find, 'x', { regex: true })) === null);
const someRules = fc.record({
  replacements: fc.array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc
          .tuple(phrase, fc.oneof(phrase, fc.constant('')), fc.constantFrom('found' as const, 'typed' as const))
          .map(([find, replace, letters]) => replacement(find, replace, { case: letters })),
      },
      pattern.map((find) => replacement(find, 'x', { regex: true })),
    ),
    { maxLength: 4 },
  ),
  blocked: fc.array(
    fc.record({ word: phrase, method: fc.constantFrom('mask' as const, 'drop' as const), language: fc.constant(null) }),
    { maxLength: 2 },
  ),
});
/** A segment as an honest engine tells it: guesses may be wrong, promises hold. */
const segment = fc
  .array(someWord, { minLength: 1, maxLength: 14 })
  .chain((said) =>
    fc.record({
      said: fc.constant(['so', ...said]),
      partials: fc.array(
        fc.record({
          seen: fc.integer({ min: 1, max: said.length + 1 }),
          promised: fc.integer({ min: 0, max: said.length + 1 }),
          guess: fc.array(someWord, { maxLength: 4 }),
        }),
        { minLength: 1, maxLength: 8 },
      ),
    }),
  )
  .map(({ said, partials }) => {
    let least = 0;
    return {
      said,
      partials: partials.map(({ seen, promised: asked, guess }) => {
        const stable = Math.max(least, Math.min(asked, seen));
        least = stable;
        return { texts: [...said.slice(0, Math.max(stable, seen - guess.length)), ...guess], stable };
      }),
    };
  });

test('what is stable never changes, in any later partial of the segment and in its final, whatever the rules', {
  timeout: 60_000,
}, () => {
  let most = 0;
  fc.assert(
    fc.property(segment, someRules, someRules, ({ said, partials }, room, event) => {
      const { engine, shown, finals } = session(room, event);
      for (const { texts, stable } of partials) engine.partial(result(texts, stable));
      engine.final(result(said, said.length));
      const last = finals.join(' ');
      for (const [i, { text, stable }] of shown.entries()) {
        most = Math.max(most, stable);
        const kept = text.slice(0, stable);
        for (const later of shown.slice(i + 1)) expect(later.text.slice(0, stable)).toBe(kept);
        expect(last.slice(0, stable)).toBe(kept);
      }
    }),
    { numRuns: 500 },
  );
  expect(most).toBeGreaterThan(20); // it promised something
});

test('a match of a pattern holds no more spaces than are said of it', () => {
  const words = fc.array(fc.constantFrom('new', 'york', 'a', 'b', ',', 'x', '\t'), { maxLength: 12 });
  fc.assert(
    fc.property(pattern, words, (find, said) => {
      const text = said.join(' ');
      for (const { from, to } of patternFinder(compilePattern(find, 500))(new Subject(text)))
        expect([...text.slice(from, to)].filter(isSpace).length).toBeLessThanOrEqual(spacesIn(find));
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['version (\\w+) point (\\w+)', 3],
  ['(?i)n p m|n pm', 2],
  ['(?P<x>a b){2,3}', 3],
  ['[\\w.-]+@[\\w.-]+', 0],
  ['[\\t-z]', 1],
  ['[^,]', 1],
  ['[a-z]+\\d*\\S{1,9}', 0],
  ['a\\ b?', 1],
  ['(a b)*', Number.POSITIVE_INFINITY],
  ['\\s{2,}', Number.POSITIVE_INFINITY],
  ['\\Qa b\\E', Number.POSITIVE_INFINITY],
  ['[[:space:]]', Number.POSITIVE_INFINITY],
  ['\\p{Common}', Number.POSITIVE_INFINITY],
  ['(?U)a', 0],
])('%s can hold %d spaces', (find, most) => {
  expect(spacesIn(find)).toBe(most);
});
