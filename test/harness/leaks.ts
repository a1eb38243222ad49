import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Around the whole test run: whatever the programs printed, none of the tokens they were given may be in it. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'sala-evidence-'));
  process.env.SALA_TEST_EVIDENCE = folder; // the test processes inherit it
  return () => {
    const [output = '', tokens = ''] = ['output', 'tokens'].map((name) => {
      const path = join(folder, name);
      return existsSync(path) ? readFileSync(path, 'utf8') : '';
    });
    const leaked = new Set(tokens.split('\n').filter((token) => token && output.includes(token)));
    if (leaked.size === 0) {
      rmSync(folder, { recursive: true, force: true });
      return;
    }
    process.exitCode = 1; // the throw alone is printed, and the run passes
    throw new Error(`${leaked.size} tokens stand in the logs of this test run: see ${folder}`);
  };
}
