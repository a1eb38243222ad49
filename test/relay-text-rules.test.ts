import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SaidWord } from '../relay/said.ts';
import {
  applyRules,
  type BlockedWord,
  compileRules,
  maskText,
  maxGrown,
  mistakeOf,
  type Replacement,
  type TextRules,
} from '../relay/text-rules.ts';

type Some = { replacements?: Partial<Replacement>[]; blocked?: Partial<BlockedWord>[] };

const whole = ({ replacements = [], blocked = [] }: Some): TextRules => ({
  replacements: replacements.map((rule) => ({
    find: '',
    replace: '',
    regex: false,
    case: 'found',
    language: null,
    ...rule,
  })),
  blocked: blocked.map((rule) => ({ word: '', method: 'mask', language: null, ...rule })),
});

function compiled(rules: Some, scope: 'room' | 'event' = 'room') {
  return compileRules(scope, whole(rules), (rule, message) => {
    throw new Error(`${rule}: ${message}`);
  });
}

function shown(text: string, rules: Some, language = 'en-US'): string {
  return applyRules([compiled(rules)], { text, words: [] }, language).text;
}

const replace = (find: string, by: string, rest: Partial<Replacement> = {}): Some => ({
  replacements: [{ find, replace: by, ...rest }],
});
const block = (word: string, method: 'mask' | 'drop' = 'mask'): Some => ({ blocked: [{ word, method }] });

/** A word a second, beginning at 0. */
const timed = (text: string): SaidWord[] =>
  text.split(' ').map((word, i) => ({ text: word.replace(/[.,!?]+$/, ''), from: i * 16_000, to: (i + 1) * 16_000 }));

function timedShown(text: string, rules: Some, words = timed(text)): [string, number, number][] {
  const { words: after } = applyRules([compiled(rules)], { text, words }, 'en-US');
  return after.map((word) => [word.text, word.from / 16_000, word.to / 16_000]);
}

describe('a literal', () => {
  test('is found as whole words, whatever its case, spaces or apostrophes', () => {
    const rules = replace('cube or netties', 'Kubernetes');
    expect(shown('So Cube or  Netties, cube or netties.', rules)).toBe('So Kubernetes, Kubernetes.');
    expect(shown('a cube or nettiesque thing', rules)).toBe('a cube or nettiesque thing');
    expect(shown("l’Inria and l'inria", replace('l’inria', 'INRIA'))).toBe('INRIA and INRIA');
    expect(shown("dell'ada, Ada's, ada-like", replace('ada', 'Ada'))).toBe("dell'Ada, Ada's, Ada-like");
    expect(shown('c++ and C++.', replace('c++', 'C plus plus'))).toBe('C plus plus and C plus plus.');
  });

  test('ends at letters of any alphabet, also at combining marks and beyond the basic plane', () => {
    expect(shown('pero però e\u0301t perone\u0301', replace('pero', 'Pero'))).toBe('Pero però e\u0301t perone\u0301');
    expect(shown('cafe cafe\u0301', replace('cafe', 'bar'))).toBe('bar cafe\u0301');
    expect(shown('привет приветик', replace('привет', 'Привет'))).toBe('Привет приветик');
    expect(shown('𝒜da 𝒜 😀ada😀', replace('𝒜', 'A'))).toBe('𝒜da A 😀ada😀');
    expect(shown('😀ada😀', replace('ada', 'Ada'))).toBe('😀Ada😀');
  });

  test('is a plain substring where the script has no spaces between words', () => {
    expect(shown('このサラはサラリーです', replace('サラ', 'Sala'))).toBe('このSalaはSalaリーです');
    expect(shown('我们在撒拉会议', replace('撒拉', 'Sala'))).toBe('我们在Sala会议');
    expect(shown('これはsalaです', replace('sala', 'Sala'))).toBe('これはSalaです');
    expect(shown('ยินดีต้อนรับสู่ศาลาครับ', replace('ศาลา', 'Sala'))).toBe('ยินดีต้อนรับสู่Salaครับ');
    expect(shown('살라는 큰살라', replace('살라', 'Sala'))).toBe('Sala는 큰살라'); // Korean particles follow without a space
  });

  test('that stands already as it should be is left alone', () => {
    const rules = replace('sala', 'Sala Verdi');
    expect(shown('in sala and sala verdi and Sala Verdi', rules)).toBe('in Sala Verdi and Sala Verdi and Sala Verdi');
    expect(shown('in verdi or sala verdi', replace('verdi', 'Sala Verdi'))).toBe('in Sala Verdi or Sala Verdi');
    expect(shown('sala verdian', rules)).toBe('Sala Verdi verdian');
  });

  test('replaced by small letters keeps the capitals that were found; a name is written as typed', () => {
    const rules = replace('colour', 'color');
    expect(shown('Colour, colour, COLOUR', rules)).toBe('Color, color, COLOR');
    expect(shown('Eye phone', replace('eye phone', 'iPhone'))).toBe('iPhone');
    expect(shown('N P M', replace('n p m', 'npm', { case: 'typed' }))).toBe('npm');
    expect(shown('Stanbul', replace('stanbul', 'istanbul'), 'tr-TR')).toBe('İstanbul');
    expect(shown('Stanbul', replace('stanbul', 'istanbul'), 'no tag at all')).toBe('Istanbul');
  });

  test('means itself: nothing in it is a pattern, and a dollar in its replacement is a dollar', () => {
    expect(shown('axb a.b', replace('a.b', '$1 $$'))).toBe('axb $1 $$');
    expect(shown('x (a|b)* y', replace('(a|b)*', 'z'))).toBe('x z y');
  });

  test('replaced by nothing leaves no gap', () => {
    const rules = replace('um', '');
    for (const [before, after] of [
      ['Um, so um we um, um, go.', 'so we, go.'],
      ['Right. Um. Go on.', 'Right. Go on.'],
      ['Right, um.', 'Right.'],
      ['Um.', ''],
      ['um um', ''],
    ])
      expect(shown(before ?? '', rules)).toBe(after);
  });
});

describe('a pattern', () => {
  const group = (name: string) => `$\{${name}}`;

  test('is RE2 syntax, with groups by number and name', () => {
    const rules = replace('(?i)version (\\w+) point (?P<minor>\\w+)', `v$1.${group('minor')} ($$)`, { regex: true });
    expect(shown('Version two point four', rules)).toBe('vtwo.four ($)');
    expect(shown('😀 a1 b2', replace('([a-z])(\\d)', '$2$1', { regex: true }))).toBe('😀 1a 2b');
    expect(shown('b', replace('(a)|b', '[$1]', { regex: true }))).toBe('[]');
  });

  test('that cannot be used is told in words, with its field', () => {
    const mistake = (find: string, by = '') =>
      mistakeOf({ find, replace: by, regex: true, case: 'found', language: null });
    for (const find of ['(a', 'a**', '(a)\\1', '(?=a)', '(?<=a)b', '[z-a]', 'a{2000}'])
      expect(mistake(find)).toMatchObject({ field: 'find', message: expect.stringMatching(/\w+ \w+/) });
    for (const find of ['a*', '', '^', '\\b', '(x|)', '$'])
      expect(mistake(find)).toMatchObject({ field: 'find', message: expect.stringContaining('nothing') });
    expect(mistake('(a{100}b?){5,9}')).toMatchObject({ field: 'find', message: expect.stringContaining('costs too') });
    expect(mistake('(a)', '$2')).toMatchObject({ field: 'replace', message: expect.stringContaining('$2') });
    expect(mistake('(a)', group('constructor'))).toMatchObject({ field: 'replace' });
    expect(mistake('(a)', '$1$0')).toBeNull();
  });

  test('whose backtracking would never end is done in time linear in the text', () => {
    const rules = replace('(a+)+[bc]|(a|a)*d', 'x', { regex: true });
    const text = `${'a'.repeat(4000)}!`;
    const begun = performance.now();
    expect(shown(text, rules)).toBe(text);
    expect(performance.now() - begun).toBeLessThan(5000); // a backtracking engine would take longer than there is time
  });
});

describe('a blocked word', () => {
  test('is masked or taken out, as a whole word', () => {
    expect(shown('Damn! The dam, damnation, DAMN.', block('damn'))).toBe('***! The dam, damnation, ***.');
    expect(shown('Damn! The damn dam, damn, damn.', block('damn', 'drop'))).toBe('The dam.');
    expect(shown('Ok. Damn! Go.', block('damn', 'drop'))).toBe('Ok. Go.');
    expect(shown('このバカは', block('バカ', 'drop'))).toBe('このは');
  });

  test('leaves nothing to show where it was all that was said, a mask excepted', () => {
    expect(shown('Damn!', block('damn', 'drop'))).toBe('');
    expect(shown('¡Damn!', block('damn', 'drop'))).toBe('');
    expect(shown('Damn!', block('damn'))).toBe('***!');
    expect(shown('...', block('damn', 'drop'))).toBe('...');
  });

  test('is blocked also where a replacement writes it, or where another that was taken out stood in it', () => {
    expect(shown('darn', { ...replace('darn', 'damn'), ...block('damn') })).toBe(maskText);
    expect(shown('son son of a gun of a gun', block('son of a gun', 'drop'))).toBe('');
    const two = { blocked: [{ word: 'a gun' }, { word: 'of', method: 'drop' as const }] };
    expect(shown('a of gun', two)).toBe(maskText);
  });
});

describe('rules together', () => {
  test("the room's come before the event's, each acting on what the ones before it made", () => {
    const room = compiled({
      replacements: [
        { find: 'netties', replace: 'Nettie' },
        { find: 'x', replace: 'y' },
      ],
    });
    const event = compiled(
      {
        replacements: [
          { find: 'netties', replace: 'Kubernetes' },
          { find: 'y', replace: 'z' },
        ],
      },
      'event',
    );
    const { text, acted } = applyRules([room, event], { text: 'netties x', words: [] }, 'en-US');
    expect(text).toBe('Nettie z');
    expect(acted).toEqual([
      { scope: 'room', rule: 'replacements.0', find: 'netties' },
      { scope: 'room', rule: 'replacements.1', find: 'x' },
      { scope: 'event', rule: 'replacements.1', find: 'y' },
    ]);
  });

  test('of another language do not act', () => {
    const rules = { blocked: [{ word: 'die', language: 'en' }] };
    expect(shown('die', rules, 'en-GB')).toBe(maskText);
    expect(shown('Die Sala', rules, 'de-DE')).toBe('Die Sala');
    expect(shown('die', { blocked: [{ word: 'die', language: 'en-US' }] }, 'en-GB')).toBe('die');
  });

  test('a rule that would blow a caption up is left out for this caption, and said to be', () => {
    const grow = 'x'.repeat(200);
    const sets = [
      compiled({
        replacements: [
          { find: 'a', replace: grow },
          { find: 'b', replace: 'c' },
        ],
      }),
    ];
    const said = { text: 'a a a b', words: [] };
    const { text, acted, leftOut } = applyRules(sets, said, 'en-US');
    expect(text).toBe('a a a c');
    expect(acted).toMatchObject([{ rule: 'replacements.1' }]);
    expect(leftOut).toEqual([{ scope: 'room', rule: 'replacements.0', find: 'a' }]);
    expect(shown('a b', replace('a', grow))).toBe(`${grow} b`);
  });

  test('that cannot be used any more do not keep the others from acting', () => {
    const told: string[] = [];
    const rules = whole({
      replacements: [
        { find: '(a', regex: true },
        { find: 'x', replace: 'y' },
      ],
    });
    const set = compileRules('room', rules, (rule) => told.push(rule));
    expect(told).toEqual(['replacements.0']);
    const { text, acted } = applyRules([set], { text: 'x', words: [] }, 'en-US');
    expect(text).toBe('y');
    expect(acted).toMatchObject([{ rule: 'replacements.1' }]);
  });
});

describe('the times of words', () => {
  test('a run that was replaced keeps its time, shared by length where it becomes several words', () => {
    expect(timedShown('use cube or netties, now', replace('cube or netties', 'Kubernetes'))).toEqual([
      ['use', 0, 1],
      ['Kubernetes', 1, 4],
      ['now', 4, 5],
    ]);
    expect(timedShown('in sala, now', replace('sala', 'Sala Ro'))).toEqual(
      [
        ['in', 0, 1],
        ['Sala', 1, 1 + 4 / 6],
        ['Ro', 1 + 4 / 6, 2],
        ['now', 2, 3],
      ].map(([text, from, to]) => [text, expect.closeTo(Number(from), 3), expect.closeTo(Number(to), 3)]),
    );
  });

  test('a word that a pattern matched and left as it was keeps its own', () => {
    const rules = replace('(\\w+) or (\\w+)', '$1 and $2', { regex: true });
    expect(timedShown('a word or another here', rules)).toEqual([
      ['a', 0, 1],
      ['word', 1, 2],
      ['and', 2, 3],
      ['another', 3, 4],
      ['here', 4, 5],
    ]);
  });

  test('a masked word keeps its place, one that was taken out has none', () => {
    expect(timedShown('oh damn, no', block('damn'))).toEqual([
      ['oh', 0, 1],
      ['***', 1, 2],
      ['no', 2, 3],
    ]);
    expect(timedShown('oh damn, no', block('damn', 'drop'))).toEqual([
      ['oh', 0, 1],
      ['no', 2, 3],
    ]);
  });

  test('words without spaces between them are cut where they meet a replacement', () => {
    const words = ['この', 'サ', 'ラ', 'は'].map((text, i) => ({ text, from: i * 16_000, to: (i + 1) * 16_000 }));
    expect(timedShown('このサラは', replace('サラ', 'Sala'), words)).toEqual([
      ['この', 0, 1],
      ['Sala', 1, 3],
      ['は', 3, 4],
    ]);
  });

  test('words that the text does not hold share their time among those it holds, and untouched ones stay as they are', () => {
    const words = [{ text: 'twenty-one', from: 0, to: 32_000 }];
    expect(timedShown('21 abc', replace('abc', 'ab'), words)).toEqual([
      ['21', 0, 0.8],
      ['ab', 0.8, 2],
    ]);
    const said = { text: '21 abc', words };
    expect(applyRules([compiled(block('x'))], said, 'en-US').words).toBe(words);
  });
});

describe('whatever the text and the rules', () => {
  const word = fc.oneof(
    fc.constantFrom(
      'sala',
      'Sala',
      'verdi',
      'a',
      'A',
      'damn',
      'サラ',
      'は',
      '.',
      ',',
      "l'",
      'é',
      'e\u0301',
      '😀',
      '***',
    ),
    fc.string({ minLength: 1, maxLength: 5 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }),
  );
  const phrase = (max: number) =>
    fc.array(word, { minLength: 1, maxLength: max }).map((words) => words.join(' ').slice(0, 100));
  const replacement = fc.record({
    find: fc.oneof(phrase(3), fc.constantFrom('[a-z]+', '(.)(.)', '\\s', 'a.*', '\\pL', '.', '(?i)sala (\\w+)')),
    replace: fc.oneof(fc.constant(''), phrase(3), fc.constantFrom('$0$0', '$1', ' ', 'x'.repeat(200))),
    regex: fc.boolean(),
    case: fc.constantFrom('found' as const, 'typed' as const),
    language: fc.constantFrom(null, 'en', 'it'),
  });
  const blocked = fc.record({
    word: phrase(2),
    method: fc.constantFrom('mask' as const, 'drop' as const),
    language: fc.constant(null),
  });
  const ruleSet = fc
    .record({ replacements: fc.array(replacement, { maxLength: 4 }), blocked: fc.array(blocked, { maxLength: 3 }) })
    .map(({ replacements, blocked: words }) => ({
      replacements: replacements.filter((rule) => mistakeOf(rule) === null),
      blocked: words.filter((rule) => mistakeOf(rule) === null),
    }));
  const runs = { numRuns: 1000 };

  test('nothing throws, no caption grows without bound, times stay in order and words are those of the text', () => {
    const said = fc.array(fc.tuple(word, fc.nat(9000), fc.boolean()), { maxLength: 25 }).map((list) => {
      let text = '';
      let at = 0;
      const words: SaidWord[] = [];
      for (const [piece, length, spaced] of list) {
        text += (spaced && text ? ' ' : '') + piece;
        words.push({ text: piece, from: at, to: at + length });
        at += length;
      }
      return { text, words };
    });
    fc.assert(
      fc.property(said, ruleSet, ruleSet, (spoken, room, event) => {
        const sets = [compileRules('room', room, () => {}), compileRules('event', event, () => {})];
        const { text, words, acted } = applyRules(sets, spoken, 'en-US');
        // A mask of three characters may stand for each letter.
        expect(text.length).toBeLessThanOrEqual(maskText.length * maxGrown(spoken.text.length));
        if (acted.length === 0) expect({ text, words }).toEqual(spoken);
        let place = 0;
        let at = spoken.words[0]?.from ?? 0;
        for (const each of words) {
          expect(each.from).toBeGreaterThanOrEqual(at);
          expect(each.to).toBeGreaterThanOrEqual(each.from);
          at = each.from;
          place = text.indexOf(each.text, place) + each.text.length;
          expect(place).toBeGreaterThanOrEqual(each.text.length);
          expect(each.to).toBeLessThanOrEqual(spoken.words.at(-1)?.to ?? 0);
        }
      }),
      runs,
    );
  });

  test('blocked words are gone, and blocking again changes nothing', () => {
    fc.assert(
      fc.property(phrase(20), fc.array(blocked, { maxLength: 4 }), (text, list) => {
        const set = compileRules('event', { replacements: [], blocked: list }, () => {});
        const once = applyRules([set], { text, words: [] }, '').text;
        expect(applyRules([set], { text: once, words: [] }, '').text).toBe(once);
      }),
      runs,
    );
  });

  test('one word replaced twice is replaced once', () => {
    // What several words make may stand beside one of them, and letters whose capitals are longer ("ß") are not found again.
    const single = fc.constantFrom('a', 'b', 'A', 'sala', 'SALA', 'Verdi', 'サ');
    const several = fc.array(single, { minLength: 1, maxLength: 3 }).map((words) => words.join(' '));
    const text = fc
      .array(fc.constantFrom('a', 'b', 'A', 'sala', 'SALA', 'verdi', 'Verdi', 'サ', ','), { maxLength: 20 })
      .map((words) => words.join(' '));
    fc.assert(
      fc.property(single, several, text, (find, by, said) => {
        const once = shown(said, replace(find, by));
        expect(shown(once, replace(find, by))).toBe(once);
      }),
      runs,
    );
  });
});
