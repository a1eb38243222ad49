import { expect } from 'vitest';
import { fuzz } from './fuzz.ts';
import type { TargetName } from './targets.ts';

/** More than five times what any input took while ten fuzzers shared two busy cores (3.1 s: an XML file of 1 MB). */
const slowestMs = 16_000;

/** Fuzzes one parser for so long and expects that nothing went wrong. */
export async function expectNoCrash(name: TargetName, seconds: number): Promise<void> {
  const { runs, slowestMs: took, failure } = await fuzz(name, seconds);
  process.stderr.write(`fuzz: ${name}: ${runs} inputs in ${seconds} s, the slowest ${took} ms\n`);
  expect(failure).toBeNull();
  expect(runs).toBeGreaterThan(seconds);
  expect(took).toBeLessThan(slowestMs);
}
