import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';

const word = z.string().max(500);
const amount = z.number();

/** What the kit's agent wrote of the kit; what is left out is not known. */
const kit = z.object({
  name: word,
  title: word.optional(),
  state: word,
  message: word,
  hint: word.optional(),
  identify: z.boolean().optional(),
  machine: z
    .object({
      model: word.optional(),
      uptimeMs: amount.optional(),
      power: z.object({ low: z.boolean(), lowCount: amount }).optional(),
      temperatureC: amount.optional(),
      storage: z.object({ state: word, message: word.optional(), freeBytes: amount.optional() }).optional(),
      clock: z.object({ synced: z.boolean(), offsetMs: amount.optional() }).optional(),
      network: z
        .object({ kind: word, state: word, address: word.optional(), signalPercent: amount.optional() })
        .optional(),
    })
    .optional(),
  update: z.object({ version: word, state: word, message: word }).optional(),
});

export type KitFile = z.infer<typeof kit>;

const maxBytes = 64 * 1024;
/** The agent writes it each ten seconds: what is much older is not true any more. */
const maxAgeMs = 45_000;

/** Null where there is none that holds. Never throws. @param wallMs the clock of file times */
export async function readKitFile(path: string, wallMs: () => number = Date.now): Promise<KitFile | null> {
  try {
    const { size, mtimeMs } = await stat(path);
    // A clock that was set forward makes it old for once, until it is written anew.
    if (size > maxBytes || wallMs() - mtimeMs > maxAgeMs) return null;
    return kit.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return null;
  }
}
