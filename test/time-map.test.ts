import { describe, expect, test } from 'vitest';
import { TimeMap } from '../relay/time-map.ts';

describe('the time map of an engine session', () => {
  const map = new TimeMap();
  map.add('a', 1000, 1600);
  map.addSilence(16000);
  map.add('a', 50_000, 1600);
  map.add('a', 51_600, 1600);
  map.add('b', 0, 1600);

  test('gives each engine time the position that was heard then', () => {
    expect(map.place(0)).toEqual({ stream: 'a', position: 1000 });
    expect(map.place(17_600 + 1700)).toEqual({ stream: 'a', position: 51_700 });
    expect(map.place(20_800)).toEqual({ stream: 'b', position: 0 });
    expect(map.length).toBe(22_400);
  });

  test('lets a word that silence cut off go on where it would have', () => {
    expect(map.place(1600 + 100)).toEqual({ stream: 'a', position: 2700 });
    expect(map.place(22_400 + 50)).toEqual({ stream: 'b', position: 1650 });
  });

  test('takes a time that was rounded to just before its audio for that audio, not for what came before the silence', () => {
    expect(map.place(17_600 - 8)).toEqual({ stream: 'a', position: 50_000 - 8 });
  });

  test('has no place before any audio', () => {
    expect(new TimeMap().place(0)).toBeNull();
    const silent = new TimeMap();
    silent.addSilence(1600);
    expect(silent.place(100)).toBeNull();
  });

  test('says what was heard, stream by stream, without the silence', () => {
    expect([...map.heard(800, 21_000)]).toEqual([
      [
        'a',
        [
          [1800, 2600],
          [50_000, 53_200],
        ],
      ],
      ['b', [[0, 200]]],
    ]);
  });

  test('goes on after it has forgotten what is long behind', () => {
    map.forget(18_000);
    expect(map.place(17_600 + 1700)).toEqual({ stream: 'a', position: 51_700 });
    expect(map.place(20_800)).toEqual({ stream: 'b', position: 0 });
  });
});
