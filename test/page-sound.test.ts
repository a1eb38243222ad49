import { describe, expect, test } from 'vitest';
import type { Loudness } from '../display/strings.js';
import { chainOf } from '../display/welcome/chain.js';
import { LoudnessWatch } from '../display/welcome/loudness.js';
import { Stage } from '../display/welcome/stage.js';

/** Hears levels four times a second from `fromMs` on; what is judged after each. */
function hear(watch: LoudnessWatch, levelsDb: readonly number[], fromMs = 0): Loudness[] {
  return levelsDb.map((db, i) => {
    watch.hear(db, fromMs + i * 250);
    return watch.judge(fromMs + i * 250);
  });
}
const seconds = (count: number, db: number) => Array.from({ length: count * 4 }, () => db);

describe('the judgement of a room’s sound', () => {
  test('is good for speech with its pauses, from the first word on', () => {
    const watch = new LoudnessWatch();
    const speech = Array.from({ length: 10 }, () => [...seconds(3, -22), ...seconds(5, -65)]).flat();
    expect(new Set(hear(watch, speech))).toEqual(new Set(['good']));
  });

  test('is too loud only after it lasted, and no more after it is over', () => {
    const watch = new LoudnessWatch();
    expect(hear(watch, [...seconds(1, -3), ...seconds(5, -20)])).not.toContain('loud');
    expect(hear(watch, seconds(4, -3), 6000).at(-1)).toBe('loud');
    expect(hear(watch, seconds(1, -20), 10_000).at(-1)).toBe('loud');
    expect(hear(watch, seconds(6, -20), 11_000).at(-1)).toBe('good');
  });

  test('is too loud though a speaker pauses between shouts', () => {
    const shouts = Array.from({ length: 10 }, () => [...seconds(2, -5), ...seconds(1, -40)]).flat();
    expect(hear(new LoudnessWatch(), shouts).at(-1)).toBe('loud');
  });

  test('is quiet or silent only after ten seconds of it', () => {
    const watch = new LoudnessWatch();
    hear(watch, seconds(5, -20));
    const quiet = hear(watch, seconds(15, -50), 5000);
    expect(quiet.slice(0, 30)).not.toContain('quiet');
    expect(quiet.at(-1)).toBe('quiet');
    const silent = hear(watch, seconds(15, -100), 20_000);
    expect(silent.slice(0, 30)).not.toContain('silent');
    expect(silent.at(-1)).toBe('silent');
  });

  test('is that nothing arrives when levels stop, and starts anew with the next', () => {
    const watch = new LoudnessWatch();
    expect(watch.judge(0)).toBe('none');
    hear(watch, seconds(5, -3));
    expect(watch.judge(5000)).toBe('loud');
    expect(watch.judge(7500)).toBe('none');
    // An hour without levels is not an hour of noise.
    watch.hear(-20, 3_600_000);
    expect(watch.judge(3_600_000)).toBe('good');
  });

  test('keeps to bounded memory over days', () => {
    const watch = new LoudnessWatch();
    for (let hour = 0; hour < 72; hour++) hear(watch, seconds(60, -20 - (hour % 50)), hour * 3_600_000);
    expect(JSON.stringify(watch).length).toBeLessThan(1000);
    expect(watch.judge(71 * 3_600_000 + 59_750)).toBe('good');
  });
});

describe('the chain', () => {
  const row = (state: string, loudness: Loudness | null) => {
    const { kit, sound, captions, screen } = chainOf(state, loudness);
    return [kit, sound, captions, screen].join(' ');
  };

  test.for<[string, Loudness | null, string]>([
    ['listening', 'good', 'yes yes yes yes'],
    ['resting', 'quiet', 'yes yes yes yes'],
    ['delayed', 'loud', 'yes yes yes yes'],
    ['catching-up', 'good', 'yes yes yes yes'],
    ['listening', 'silent', 'yes no yes yes'],
    ['listening', 'none', 'yes no yes yes'],
    ['no-audio', 'none', 'yes no unknown yes'],
    ['no-audio', null, 'yes no unknown yes'],
    ['waiting', null, 'no unknown unknown yes'],
    ['offline', 'none', 'no unknown unknown yes'],
    // The last second before the relay noticed: the state decides.
    ['offline', 'good', 'no unknown unknown yes'],
    ['capacity', 'good', 'yes yes no yes'],
    ['fault', 'good', 'yes yes no yes'],
    // Paused says nothing of the kit: its sound does.
    ['paused', 'good', 'yes yes no yes'],
    ['paused', 'none', 'unknown no no yes'],
    ['paused', null, 'unknown unknown no yes'],
    // A relay that tells no levels.
    ['listening', null, 'yes unknown yes yes'],
    ['tuning', 'good', 'yes yes unknown yes'],
    ['connecting', 'good', 'unknown unknown unknown unknown'],
    ['lost', 'good', 'unknown unknown unknown no'],
    ['no-network', 'good', 'unknown unknown unknown no'],
    ['refused', null, 'unknown unknown unknown no'],
    ['unplaced', null, 'unknown unknown unknown no'],
  ])('in the state %s with the sound %s is %s', ([state, loudness, wanted]) => {
    expect(row(state, loudness)).toBe(wanted);
  });
});

describe('the stage', () => {
  const hour = 3_600_000;
  const caption = (end: number) =>
    ({ type: 'caption', seq: 1, text: 'x', language: 'en', start: end - 1, end, speaker: null, late: false }) as const;

  function stage() {
    const due = new Map<number, { run: () => void; ms: number }>();
    let timers = 0;
    let wordless = 0;
    const made = new Stage({
      onWordless: () => wordless++,
      setTimeout(run, ms) {
        due.set(++timers, { run, ms });
        return timers;
      },
      clearTimeout: (timer) => void due.delete(timer),
    });
    return { made, due, wordless: () => wordless };
  }

  test('is left two hours after the last word, and one timer waits for it', () => {
    const { made, due, wordless } = stage();
    for (let i = 0; i < 1000; i++) made.words(caption(i));
    expect([...due.values()].map(({ ms }) => ms)).toEqual([2 * hour]);
    for (const { run } of due.values()) run();
    expect(wordless()).toBe(1);
  });

  test('is left two hours after the last word also by a screen that was switched on since', () => {
    const { made, due } = stage();
    made.opened(100 * hour);
    made.words(caption(98.5 * hour));
    made.words(caption(98.2 * hour)); // filled in later
    expect([...due.values()].map(({ ms }) => ms)).toEqual([0.5 * hour]);
    made.words(caption(100.1 * hour));
    expect([...due.values()].map(({ ms }) => ms)).toEqual([2 * hour]);
  });

  test('is left at once by a machine that slept through the night, whose timers slept too', () => {
    const { made, due, wordless } = stage();
    made.opened(100 * hour);
    made.words(caption(100.1 * hour));
    made.opened(101 * hour);
    expect(wordless()).toBe(0);
    made.opened(Number.NaN);
    expect(wordless()).toBe(0);
    made.opened(112 * hour);
    expect(wordless()).toBe(1);
    expect(due.size).toBe(0);
    made.opened(113 * hour);
    expect(wordless()).toBe(1);
  });

  test('is not entered by words of yesterday, where the relay tells its time', () => {
    const { made } = stage();
    expect(made.isPast(caption(0))).toBe(false);
    made.opened(Number.NaN);
    expect(made.isPast(caption(0))).toBe(false);
    made.opened(100 * hour);
    expect(made.isPast(caption(97 * hour))).toBe(true);
    expect(made.isPast(caption(99 * hour))).toBe(false);
    expect(made.isPast(caption(101 * hour))).toBe(false);
    expect(made.isPast({ type: 'clear', seq: 2 })).toBe(false);
  });
});
