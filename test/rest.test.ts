import { describe, expect, test } from 'vitest';
import { RestWatch } from '../relay/rest.ts';
import { seeded } from './harness/random.ts';

const random = seeded(7);
const rmsOf = (db: number) => 32_768 * 10 ** (db / 20);

/** Plays so many seconds at that level, give or take `jitterDb`. */
function play(watch: RestWatch, seconds: number, db: number, jitterDb = 1): void {
  for (let i = 0; i < seconds * 10; i++) watch.hear(rmsOf(db + (random() * 2 - 1) * jitterDb), 1600);
}

describe('rest', () => {
  test('knows the noise of a room, and what stands out of it', () => {
    for (const noiseDb of [-70, -55, -40]) {
      const watch = new RestWatch();
      play(watch, 90, noiseDb);
      expect(watch.silentMs).toBeGreaterThan(80_000);
      expect(Math.abs((watch.floorDb ?? 0) - noiseDb)).toBeLessThanOrEqual(2);
      play(watch, 0.3, noiseDb + 8);
      expect(watch.soundMs).toBeGreaterThanOrEqual(300);
      expect(watch.silentMs).toBe(0);
    }
  });

  test('is not ended by a knock, nor by noise that only comes nearer', () => {
    const watch = new RestWatch();
    play(watch, 90, -55);
    play(watch, 0.2, -20);
    play(watch, 5, -52);
    expect(watch.soundMs).toBe(0);
    expect(watch.silentMs).toBeGreaterThan(90_000);
  });

  test('comes again under a new noise, after it has been taken for sound', () => {
    const watch = new RestWatch();
    play(watch, 90, -60);
    play(watch, 50, -45); // a fan is switched on
    expect(watch.silentMs).toBe(0);
    play(watch, 90, -45);
    expect(watch.silentMs).toBeGreaterThan(60_000);
  });

  test('is ended by what is lower than a noise that has ended: it may be speech', () => {
    const watch = new RestWatch();
    play(watch, 90, -30);
    expect(watch.silentMs).toBeGreaterThan(80_000);
    play(watch, 0.7, -40);
    expect(watch.soundMs).toBeGreaterThanOrEqual(300);
    play(watch, 70, -40);
    expect(watch.silentMs).toBeGreaterThan(60_000);
  });

  test('does not come in a talk: its pauses are short, and they tell the noise', () => {
    const watch = new RestWatch();
    let longestMs = 0;
    for (let i = 0; i < 200; i++) {
      play(watch, 2.5, -28, 6);
      longestMs = Math.max(longestMs, watch.silentMs);
      play(watch, 0.6, -58);
      longestMs = Math.max(longestMs, watch.silentMs);
    }
    expect(longestMs).toBeLessThan(2000);
    expect(watch.floorDb).toBeLessThan(-50);
  });

  test('does not come while words are recognised, however low they are', () => {
    const watch = new RestWatch();
    play(watch, 90, -50, 0);
    watch.spoken();
    expect(watch.silentMs).toBe(0);
  });

  test('takes everything for sound until it knows the room', () => {
    const watch = new RestWatch();
    play(watch, 1, -60);
    expect(watch.thresholdDb).toBeNull();
    expect(watch.soundMs).toBeGreaterThan(0);
  });

  test('comes in digital silence', () => {
    const watch = new RestWatch();
    for (let i = 0; i < 700; i++) watch.hear(0, 1600);
    expect(watch.silentMs).toBeGreaterThan(60_000);
    play(watch, 0.3, -60);
    expect(watch.soundMs).toBeGreaterThan(0);
  });
});
