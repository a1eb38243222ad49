import { expect } from 'vitest';
import { fuzz } from './fuzz.ts';
import type { TargetName } from './targets.ts';

/** Far above what any input took; a text that takes longer is an attack. */
const slowestMs = 3000;

/** Fuzzes one parser for so long and expects that nothing went wrong. */
export async function expectNoCrash(name: TargetName, seconds: number): Promise<void> {
  const { runs, slowestMs: took, failure } = await fuzz(name, seconds);
  process.stderr.write(`fuzz: ${name}: ${runs} inputs in ${seconds} s, the slowest ${took} ms\n`);
  expect(failure).toBeNull();
  expect(runs).toBeGreaterThan(seconds);
  expect(took).toBeLessThan(slowestMs);
}
