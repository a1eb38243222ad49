/** Asks again and again until there is an answer; throws when none comes in time. */
export async function until<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  { timeoutMs = 20_000, everyMs = 20, what = 'it' }: { timeoutMs?: number; everyMs?: number; what?: string } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
