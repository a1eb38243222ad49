import { setTimeout as delay } from 'node:timers/promises';
import type { Talk } from './talk.ts';

/** What a program has to end after SIGTERM, by its contract. */
export const stopWithinMs = 10_000;

/** Tells the relay to stop in mid-talk and starts it again, so many times, at random moments; how each ended. */
export async function stopAndStart(
  talk: Talk,
  times: number,
  random: () => number,
): Promise<{ status: number | null; ms: number }[]> {
  const ends = [];
  for (let i = 0; i < times; i++) {
    await delay(300 + random() * 3700); // the random moment
    ends.push(await talk.restartRelay('SIGTERM'));
  }
  return ends;
}
