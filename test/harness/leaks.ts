import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { evidenceDir } from './programs.ts';

/** Around the whole test run: whatever the programs printed, none of the tokens they were given may be in it. */
export function setup(): void {
  rmSync(evidenceDir, { recursive: true, force: true });
}

export function teardown(): void {
  const [output, tokens] = ['output', 'tokens'].map((name) => {
    const path = join(evidenceDir, name);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  });
  const leaked = new Set((tokens ?? '').split('\n').filter((token) => token && (output ?? '').includes(token)));
  if (leaked.size === 0) return;
  process.exitCode = 1; // the throw alone is printed, and the run passes
  throw new Error(`${leaked.size} tokens stand in the logs of this test run: see ${evidenceDir}`);
}
