import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** The version of the release that runs; `unknown` where its package.json cannot be read. */
export function runningVersion(): string {
  try {
    const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
    return z.object({ version: z.string().max(64) }).parse(JSON.parse(text)).version;
  } catch {
    return 'unknown';
  }
}
