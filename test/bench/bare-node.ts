import { Inside, type Seen } from '../harness/inside-view.ts';
import { MeasuredProgram } from './program.ts';

/** The least that there can be: a timer each 100 ms in Node, on the programs' core. */
export async function bareNode(seconds: number): Promise<Seen> {
  const inside = new Inside('inside');
  const program = new MeasuredProgram('test/bench/metronome.ts', [], { env: inside.env });
  try {
    await program.event('started');
    return await inside.watch(program.pid, seconds);
  } finally {
    await program.stop();
    inside.remove();
  }
}

/** Median, 99th percentile and worst lateness of an event loop in ms, as `p50 / p99 / max`. */
export const lateness = ({ loopMs }: Seen) =>
  [loopMs.p50, loopMs.p99, loopMs.max].map((ms) => ms.toFixed(1)).join(' / ');
