import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import type { Findings, FuzzOrder } from './fuzz.ts';
import { targets } from './targets.ts';

// This thread alone: tests beside it, which wait for what is to come in time, go before it.
setPriority(0, 5);

const { target, seconds, seed, progress }: FuzzOrder = workerData;
const runs = new Int32Array(progress);
let slowestMs = 0;

const parse = await targets[target]();
Atomics.store(runs, 0, 0);
const failure = await parse(
  { seed, numRuns: 2 ** 31 - 1, interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false },
  async (run) => {
    const beganMs = performance.now();
    await run();
    slowestMs = Math.max(slowestMs, performance.now() - beganMs);
    Atomics.add(runs, 0, 1);
  },
);
const findings: Findings = {
  runs: Atomics.load(runs, 0),
  slowestMs: Math.round(slowestMs),
  failure,
};
parentPort?.postMessage(findings);
