import { messageOf, SalaError } from './errors.ts';

/**
 * Runs every step in its order, also after one that failed: what cannot be ended well must not keep the rest from it.
 * @param steps what to do, by name
 * @throws {SalaError} `teardown`, which names every step that failed, once all were tried
 */
export async function tearDown(steps: Readonly<Record<string, () => unknown>>): Promise<void> {
  const failures: { step: string; error: unknown }[] = [];
  for (const [step, run] of Object.entries(steps)) {
    try {
      await run();
    } catch (error) {
      failures.push({ step, error });
    }
  }
  if (failures.length === 0) return;
  throw new SalaError(
    `Not everything ended well: ${failures.map(({ step, error }) => `${step}: ${messageOf(error)}`).join('; ')}`,
    {
      code: 'teardown',
      hint: 'Nothing is lost that kits or the disk hold; look for the cause in the lines before this one.',
      cause: failures[0]?.error,
    },
  );
}
