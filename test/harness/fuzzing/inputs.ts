import fc from 'fast-check';

/** What parsers trip over. */
const nasty = [
  '',
  '__proto__',
  'constructor',
  '\u0000',
  '\ud800',
  '\u202e',
  '\ufeff',
  '🤷‍♀️',
  '../',
  '%00',
  '"',
  "'",
  '\\',
  '<![CDATA[',
  ']]>',
  '<!DOCTYPE x [<!ENTITY a "b">]>',
  '&a;',
  '{',
  '[',
  '}',
  ']',
  ',',
  ':',
  '\r\n',
  '\t',
  'null',
  'true',
  '-1',
  '0',
  '1e308',
  '-1e308',
  '1e-320',
  '9007199254740993',
  '99999999999999999999',
  'NaN',
  'Infinity',
  '0x10',
  '::ffff:127.0.0.1',
  '255.255.255.256',
  '2026-02-30T25:61:61+99:99',
];

type Change = { readonly at: number; readonly length: number; readonly put: string; readonly times: number };

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.oneof(fc.constant(0), fc.nat(8), fc.nat(400)),
  put: fc.oneof(fc.constantFrom(...nasty), fc.string({ unit: 'binary', maxLength: 12 })),
  times: fc.oneof({ weight: 8, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.nat(3000) }),
});

function changed(seed: string, changes: readonly Change[]): string {
  let text = seed;
  for (const { at, length, put, times } of changes) {
    const from = Math.floor(at * text.length);
    // Nothing put: what is there is repeated.
    const piece = put === '' ? text.slice(from, from + length) : put;
    text = text.slice(0, from) + piece.repeat(times) + text.slice(from + length);
  }
  return text;
}

/** Texts: mostly what was said truly, changed in a few places. */
export const textsFrom = (seeds: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .tuple(fc.constantFrom(...seeds), fc.array(change, { minLength: 1, maxLength: 6 }))
        .map(([seed, changes]) => changed(seed, changes)),
    },
    { weight: 2, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }) },
  );

/** Bytes: mostly a true beginning, changed in a few places. */
export const bytesFrom = (seeds: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .tuple(
          fc.constantFrom(...seeds),
          fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), { maxLength: 8 }),
          fc.double({ min: 0, max: 1, noNaN: true }),
        )
        .map(([seed, places, cut]) => {
          const bytes = seed.slice(0, cut > 0.5 ? seed.length : Math.floor(cut * 2 * seed.length));
          // Headers come first: most changes hit them.
          for (const [at, value] of places) bytes[Math.floor(at ** 3 * bytes.length)] = value;
          return bytes;
        }),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  );
