import { expect, test } from 'vitest';
import { redactInTurns } from '../relay/canonical/redaction/in-turns.ts';
import { redactSequence } from '../relay/canonical/redaction/redact.ts';

/** Captions of a long talk, with a card number read out over three of them at each of `places`. */
function talk(length: number, places: readonly number[]): string[] {
  const texts = Array.from({ length }, (_, i) => `so we go on with part ${i} of it`);
  for (const place of places) {
    texts[place] = 'my card number is four two four two four two four two';
    texts[place + 1] = 'four two four two';
    texts[place + 2] = 'four two four two, thank you';
  }
  return texts;
}
const step = () => Promise.resolve();
const inTurns = (texts: readonly string[]) =>
  redactInTurns(
    texts.map((text) => ({ text, language: 'en-US' })),
    step,
  );

test('a talk that is looked through in turns loses what it loses as a whole, also where a turn ends within a number', async () => {
  const texts = talk(130, [5, 37, 38 + 40, 119]);
  const whole = redactSequence(texts, 'en-US').map(({ text }) => text);
  expect(whole.filter((text) => text.includes('[card]'))).toHaveLength(12);
  expect(await inTurns(texts)).toEqual(whole);
});

test('each language is read in its own numbers, and whoever waits comes in between', async () => {
  let steps = 0;
  const texts = Array.from({ length: 100 }, (_, i) =>
    i % 2 === 0
      ? { text: `see you at ada${i}@example.org`, language: 'en-US' }
      : { text: `scrivi a ada${i}@example.org`, language: 'it-IT' },
  );
  const clean = await redactInTurns(texts, () => {
    steps++;
    return Promise.resolve();
  });
  expect(clean).toHaveLength(100);
  expect(clean.filter((text) => text.includes('ada'))).toEqual([]);
  expect(clean[3]).toBe('scrivi a [mail]');
  expect(steps).toBe(2);
  expect(await redactInTurns([], step)).toEqual([]);
});
