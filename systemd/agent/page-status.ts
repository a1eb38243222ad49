import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import type { KitHealth } from '../../relay/kit-protocol.ts';

const text = z.object({
  beatAgeMs: z.number().min(0).nullable(),
  shows: z.string().transform((each) => each.slice(0, 500)),
});

/** What the display wrote of its page; a file that is not written any more ages with it. Undefined where there is none. */
export async function readPageStatus(path: string, now: () => number): Promise<KitHealth['page']> {
  try {
    const [{ mtimeMs }, written] = await Promise.all([stat(path), readFile(path, 'utf8')]);
    const { beatAgeMs, shows } = text.parse(JSON.parse(written));
    const ageMs = Math.max(0, now() - mtimeMs);
    return { beatAgeMs: beatAgeMs === null ? null : Math.round(beatAgeMs + ageMs), shows };
  } catch {
    return undefined;
  }
}
