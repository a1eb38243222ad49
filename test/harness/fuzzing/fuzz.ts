import { Worker } from 'node:worker_threads';
import type { TargetName } from './targets.ts';

/** What a fuzzer found; `failure` in words, with what repeats it. */
export interface Findings {
  readonly runs: number;
  readonly slowestMs: number;
  readonly failure: string | null;
}

export interface FuzzOrder {
  readonly target: TargetName;
  readonly seconds: number;
  readonly seed: number;
  /** One 32-bit integer: how many runs there have been; -1 until the parser is loaded. */
  readonly progress: SharedArrayBuffer;
}

/** A parser that takes this long over one input does not come back: that is a crash as well. */
const hangMs = 30_000;

/** Gives one parser odd input for so long, in a thread of its own. */
export async function fuzz(target: TargetName, seconds: number): Promise<Findings> {
  const order: FuzzOrder = {
    target,
    seconds,
    seed: Math.floor(Math.random() * 2 ** 31),
    progress: new SharedArrayBuffer(4),
  };
  const runs = new Int32Array(order.progress).fill(-1);
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: order });
  let seen = -2;
  let watch: NodeJS.Timeout | undefined;
  const hung = new Promise<Findings>((resolve) => {
    watch = setInterval(() => {
      const count = Atomics.load(runs, 0);
      if (count === seen && count >= 0)
        resolve({ runs: count, slowestMs: hangMs, failure: `hung in run ${count + 1}, seed ${order.seed}` });
      seen = count;
    }, hangMs);
  });
  const done = new Promise<Findings>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  try {
    return await Promise.race([done, hung]);
  } finally {
    clearInterval(watch);
    await worker.terminate();
  }
}
