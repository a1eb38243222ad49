/**
 * Loaded with `--import` into a program under test, before its own code: notes how late the event loop is. At each SIGUSR2
 * it adds a line of JSON to the file that SALA_TEST_INSIDE names: what was seen since the signal before.
 */
import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';
import type { Seen } from './inside-view.ts';

const file = process.env.SALA_TEST_INSIDE;
/** Of the timer that is watched; a delay is what comes on top. */
const resolution = 1;

/** Frames since the last signal, in the order in which they came; whoever has frames puts them here. */
export const frames: Seen['frames'] = [];

// A program's threads load this too.
if (file && isMainThread) {
  const loop = monitorEventLoopDelay({ resolution });
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolution);
  loop.enable();
  process.on('SIGUSR2', () => {
    const [p50, p99] = [loop.percentile(50), loop.percentile(99)];
    const seen: Seen = { loopMs: { p50: late(p50), p99: late(p99), max: late(loop.max) }, frames };
    appendFileSync(file, `${JSON.stringify(seen)}\n`);
    frames.length = 0;
    loop.reset();
  });
}
