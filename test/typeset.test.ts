import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { directionOf } from '../display/direction.js';
import { Forming } from '../display/screen/forming.js';
import { type Passage, type Piece, pauseMs, Typesetter, turnMark } from '../display/screen/typeset.js';
import { cleaned, graphemes, wordsOf } from '../display/screen/words.js';

/** Every letter is one wide. */
const measure = (text: string) => graphemes(text).length;

const passage = (text: string, given: Partial<Passage> = {}): Passage => {
  const clean = cleaned(text);
  const language = given.language ?? 'en-US';
  return {
    words: wordsOf(clean, language),
    offset: 0,
    continues: false,
    language,
    direction: directionOf(clean, language),
    speaker: null,
    start: 0,
    end: 0,
    breakBefore: false,
    ...given,
  };
};

/** Rows as they stand, each as its text. */
function rowsOf(pieces: readonly Piece[]): string[] {
  const rows: string[] = [];
  for (const { newRow, turn, text } of pieces) {
    if (newRow) rows.push('');
    rows.push((rows.pop() ?? '') + (turn ? turnMark : '') + text);
  }
  return rows.map((row) => row.trimEnd());
}

const set = (width: number, ...passages: Passage[]) => {
  const typesetter = new Typesetter(measure, width);
  return rowsOf(passages.flatMap((each) => typesetter.add(each)));
};

/** Text of any kind: speech, markup, scripts, controls, floods. */
const anyText = fc.oneof(
  fc.array(fc.stringMatching(/^[a-zA-Z,.!?'-]{1,14}$/), { maxLength: 12 }).map((words) => words.join(' ')),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({
    unit: fc.constantFrom('\u202e', '\u2067', '\u200b', '\u200d', '\u0301', 'a', ' ', 'א', '漢', '👩'),
    maxLength: 60,
  }),
);

describe('words in rows', () => {
  test('stand once each, in their order, and no row is wider than the screen', () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 8 }), fc.integer({ min: 8, max: 40 }), (texts, width) => {
        const rows = set(width, ...texts.map((text) => passage(text)));
        const letters = (text: string) => text.replaceAll(/\s/g, '');
        expect(letters(rows.join(''))).toBe(letters(texts.map(cleaned).join('')));
        for (const row of rows) expect(measure(row)).toBeLessThanOrEqual(width);
      }),
    );
  });

  test('never move when more come: each row is the beginning of what it will be', () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 8 }), fc.integer({ min: 8, max: 40 }), (texts, width) => {
        const typesetter = new Typesetter(measure, width);
        const pieces: Piece[] = [];
        let before: string[] = [];
        for (const text of texts) {
          pieces.push(...typesetter.add(passage(text)));
          const rows = rowsOf(pieces);
          for (const [n, row] of before.entries()) expect(rows[n]?.startsWith(row)).toBe(true);
          for (const [n, row] of before.entries()) if (n < before.length - 1) expect(rows[n]).toBe(row);
          before = rows;
        }
      }),
    );
  });

  test('fill a row as far as they fit', () => {
    expect(set(12, passage('one two three four'))).toEqual(['one two', 'three four']);
    expect(set(12, passage('one two'), passage('five'), passage('six'))).toEqual(['one two five', 'six']);
  });

  test.for([
    ['a pause', { start: pauseMs }],
    ['another language', { language: 'it-IT' }],
    ['another direction', { language: 'he' }],
    ['captions that were paused', { breakBefore: true }],
  ] as const)('begin a row after %s', ([, given]) => {
    expect(set(40, passage('One.'), passage('Two.'))).toEqual(['One. Two.']);
    expect(set(40, passage('One.'), passage('Two.', given))).toEqual(['One.', 'Two.']);
  });

  test('of another person are marked, and only where both are known', () => {
    const said = (speaker: string | null) => passage('Yes.', { speaker });
    expect(set(40, said('a'), said('a'), said('b'), said(null), said('b'))).toEqual([
      'Yes. Yes.',
      '– Yes.',
      'Yes.',
      'Yes.',
    ]);
  });

  test('wider than a row are cut between letters, never within one', () => {
    expect(set(6, passage('x'.repeat(10)))).toEqual(['xxxx', 'xxxxxx']);
    const family = '👨‍👩‍👧‍👦';
    expect(set(6, passage(family.repeat(8)))).toEqual([family.repeat(4), family.repeat(4)]);
    expect(set(10, passage('x'.repeat(100_000))).length).toBe(12_500);
  });

  test('without spaces between them break where a word ends, and punctuation stays with its word', () => {
    expect(set(9, passage('今日は、東京で「会議」があります。', { language: 'ja-JP' }))).toEqual([
      '今日は、東京で',
      '「会議」があり',
      'ます。',
    ]);
    expect(set(40, passage('会議です。', { language: 'ja-JP' }), passage('はい。', { language: 'ja-JP' }))).toEqual([
      '会議です。はい。',
    ]);
  });
});

describe('text from outside', () => {
  test('keeps its words and loses what reaches beyond them', () => {
    expect(cleaned('a \u202eevil\u202c  \u2066b\u2069\n\u0007c\u200b\u00ad')).toBe('a evil b c');
    expect(cleaned(`Z${'\u0301'.repeat(500)}!`)).toBe(`Z${'\u0301'.repeat(6)}!`);
    expect(cleaned('\u200b\u200d\ufeff \u0301\u0301 \u{e0041}')).toBe('');
    expect(cleaned('می‌خواهم 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿')).toBe('می‌خواهم 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿');
    expect(cleaned('\ud800x')).toBe('\ufffdx');
  });

  test('is clean when it was cleaned, and its words are it', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom('en', 'ja', 'th', '"><script>', ''), (text, language) => {
        const clean = cleaned(text);
        expect(
          wordsOf(clean, language)
            .map(({ gap, text: word }) => gap + word)
            .join(''),
        ).toBe(clean);
        expect(clean).not.toMatch(/[\u202a-\u202e\u2066-\u2069\p{Cc}]/u);
      }),
    );
  });

  test.for([
    ['hello', 'en-US', 'ltr'],
    ['شكرا', 'ar-SA', 'rtl'],
    ['OK Google', 'ar-SA', 'rtl'],
    ['12 שלום hello', '', 'rtl'],
    ['hello שלום', '', 'ltr'],
    ['x', 'pa-Arab', 'rtl'],
    ['x', '"><script>', 'ltr'],
  ] as const)('%s in %s runs %s', ([text, language, direction]) => {
    expect(directionOf(text, language)).toBe(direction);
  });
});

describe('a tail', () => {
  const after = { speaker: null, breakBefore: false };
  const tail = (text: string, stable: number, given: object = {}) =>
    ({ type: 'partial', text, language: 'en-US', start: 1000, speaker: null, stable, ...given }) as const;
  const caption = (text: string, given: object = {}) =>
    ({
      type: 'caption',
      seq: 1,
      text,
      language: 'en-US',
      start: 1000,
      end: 2000,
      speaker: null,
      late: false,
      ...given,
    }) as const;
  const text = (words: Passage | null) => words?.words.map((each) => each.gap + each.text).join('') ?? null;

  test('settles the words before the last one that is stable, once each', () => {
    const forming = new Forming();
    const one = forming.grow(tail('I think that', 7), after);
    expect([text(one.settled), text(one.rest)]).toEqual(['I', ' think that']);
    const two = forming.grow(tail('I think, that is', 13), after);
    expect([text(two.settled), text(two.rest)]).toEqual([' think,', ' that is']);
    const end = forming.finish(caption('I think, that is it.'), passage('I think, that is it.'));
    expect(end.is === 'finished' && text(end.rest)).toBe(' that is it.');
    expect(forming.finish(caption('Next.'), passage('Next.')).is).toBe('whole');
  });

  test('that says something else than it promised is broken, by itself or by its final', () => {
    const forming = new Forming();
    forming.grow(tail('one two three', 13), after);
    expect(forming.grow(tail('won two three', 13), after)).toMatchObject({ broken: true });
    expect(forming.finish(caption('one two three four'), passage('one two three four')).is).toBe('broken');
  });

  test('is not what an earlier or late caption finishes', () => {
    const forming = new Forming();
    forming.grow(tail('one two three', 13), after);
    expect(forming.finish(caption('Before.', { start: 0, end: 900 }), passage('Before.')).is).toBe('earlier');
    expect(forming.finish(caption('Late.', { late: true }), passage('Late.')).is).toBe('earlier');
    expect(forming.finish(caption('one two three.'), passage('one two three.')).is).toBe('finished');
  });

  test('settles no words against its direction before the next along it', () => {
    const forming = new Forming();
    const words = 'שלום hello world 12 ועוד אחד';
    const upTo = (end: string) => words.indexOf(end) + end.length;
    expect(text(forming.grow(tail(words, upTo('12'), { language: 'he' }), after).settled)).toBe('שלום');
    expect(text(forming.grow(tail(words, upTo('אחד'), { language: 'he' }), after).settled)).toBe(
      ' hello world 12 ועוד',
    );
  });

  test('of someone who is not known yet settles nothing in a room with labels', () => {
    const forming = new Forming();
    expect(forming.grow(tail('one two three', 13), { ...after, speaker: 'a' }).settled).toBe(null);
    expect(text(forming.grow(tail('one two three', 13, { speaker: 'b' }), { ...after, speaker: 'a' }).settled)).toBe(
      'one two',
    );
  });

  test('never shows a word twice or out of order, however it grows', () => {
    fc.assert(
      fc.property(
        anyText,
        fc.array(fc.nat(80), { maxLength: 6 }),
        fc.constantFrom('en', 'ja', 'ar'),
        (said, ends, language) => {
          const forming = new Forming();
          let settled = '';
          for (const end of [...ends].sort((a, b) => a - b)) {
            const part = said.slice(0, end + 5);
            const grown = forming.grow(tail(part, Math.min(end, part.length), { language }), after);
            if (grown.broken) settled = '';
            settled += text(grown.settled) ?? '';
            expect(settled + text(grown.rest)).toBe(cleaned(part));
          }
        },
      ),
    );
  });
});
