import { describe, expect, test } from 'vitest';
import { SaidWords } from '../relay/said.ts';

/** Streams a and b of two kits in one room; b's clock is told `bMs` late. */
function twoKits(bMs = 0): SaidWords {
  return new SaidWords((stream, position) => position / 16 + (stream === 'b' ? bMs : 0));
}
const say = (said: SaidWords, stream: string, text: string, fromMs: number, toMs = fromMs + 100) =>
  said.add(stream, fromMs * 16, toMs * 16, [{ text, from: fromMs * 16, to: toMs * 16 }]);

describe('a word that was said', () => {
  test('is not said again by another session of its stream, whatever text it gives it', () => {
    const said = twoKits();
    say(said, 'a', 'boat', 1000);
    expect(said.has('a', 1050 * 16, 'bought')).toBe(true);
    expect(said.has('a', 1150 * 16, 'boat')).toBe(false);
    expect(said.has('b', 1050 * 16, 'boat')).toBe(false);
  });

  test('is not said again by another kit where one took over from the other, whichever speaks first', () => {
    const said = twoKits(80);
    say(said, 'a', 'Boat,', 9900);
    said.seam(10_000);
    expect(said.has('b', 9950 * 16, 'boat')).toBe(true);
    expect(said.has('b', 9950 * 16, 'ship')).toBe(false);
    say(said, 'b', 'rows', 10_050);
    expect(said.has('a', 10_100 * 16, 'rows')).toBe(true);
  });

  test('may be said again by the speaker, and by another kit anywhere else', () => {
    const said = twoKits();
    said.seam(10_000);
    say(said, 'a', 'very', 9500);
    expect(said.has('a', 9950 * 16, 'very')).toBe(false);
    expect(said.has('b', 10_050 * 16, 'very')).toBe(false);
    say(said, 'a', 'boat', 20_000);
    expect(said.has('b', 20_050 * 16, 'boat')).toBe(false);
  });

  test('is not said again after a restart: what the log has was said', () => {
    const said = twoKits();
    said.remember([
      { stream: 'a', from: 1000 * 16, to: 1100 * 16 },
      { stream: 'b', from: 0, to: 500 * 16 },
      { stream: 'a', from: 1100 * 16, to: 1200 * 16 },
    ]);
    expect(said.has('a', 1150 * 16, 'boat')).toBe(true);
    expect(said.has('a', 1250 * 16, 'boat')).toBe(false);
    expect(said.has('b', 1150 * 16, 'boat')).toBe(false);
  });

  test('is forgotten with its stream', () => {
    const said = twoKits();
    say(said, 'a', 'boat', 1000);
    said.forget('a');
    expect(said.has('a', 1050 * 16)).toBe(false);
  });
});
