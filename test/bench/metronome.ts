/** The least that a frame each 100 ms can cost in Node: a timer at absolute deadlines, and nothing else. */
import { frames } from '../harness/inside.ts';

const frameMs = 100;
const startedMs = performance.now();
function beat(count: number): void {
  frames.push([count, count + 1, performance.now()]);
  setTimeout(beat, startedMs + (count + 1) * frameMs - performance.now(), count + 1);
}
beat(0);
process.stdout.write(`${JSON.stringify({ event: 'started' })}\n`);
