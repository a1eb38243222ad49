import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunningProgram } from './programs.ts';
import { seeded } from './random.ts';
import type { Talk } from './talk.ts';

/** What a process holds at a moment. */
export interface Holdings {
  readonly rssMib: number;
  readonly handles: number;
}

export function holdingsOf({ child }: RunningProgram): Holdings {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return {
    rssMib: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024,
    handles: readdirSync(`/proc/${child.pid}/fd`).length,
  };
}

/** Files below a folder, but for the relay's audio. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('/spool'))
    .map(({ name }) => name)
    .sort();
}

/** Something goes wrong; resolves when its cause is gone. */
type Trouble = (talk: Talk, random: () => number) => Promise<void> | void;

const lineTroubles: readonly Trouble[] = [
  ({ parts: { proxy } }) => proxy.cut(),
  async ({ parts: { proxy } }, random) => {
    await proxy.refuse(true);
    await delay(500 + random() * 7500);
    await proxy.refuse(false);
  },
  async ({ parts: { proxy } }, random) => {
    proxy.hold(true);
    await delay(500 + random() * 14_500);
    proxy.hold(false);
  },
  async ({ parts: { proxy } }, random) => {
    proxy.throttle(50_000);
    await delay(2000 + random() * 8000);
    proxy.throttle(Number.POSITIVE_INFINITY);
  },
];
const engineTroubles: readonly Trouble[] = (['reset', 'destroy', 'end', 'exception'] as const).map((kind) => (talk) => {
  const fault =
    kind === 'exception'
      ? ({ kind, name: 'InternalFailureException', message: 'A problem occurred.', when: 'start' } as const)
      : ({ kind, when: 'start' } as const);
  for (const session of talk.standIn.sessions) if (!session.over) session.strike(fault);
});
const relayTroubles: readonly Trouble[] = (['SIGKILL', 'SIGTERM'] as const).map((signal) => async (talk) => {
  await talk.restartRelay(signal);
});

/**
 * One trouble after another, with pauses of 1 to 5 s, for so long.
 * @param isRelaySpared at that time, so that what one process holds can be watched
 * @returns how many there were
 */
export async function trouble(
  talk: Talk,
  { seed, lengthMs, isRelaySpared }: { seed: number; lengthMs: number; isRelaySpared: (elapsedMs: number) => boolean },
): Promise<number> {
  const random = seeded(seed);
  const startedMs = performance.now();
  const elapsedMs = () => performance.now() - startedMs;
  for (let count = 0; ; count++) {
    await delay(1000 + random() * 4000);
    if (elapsedMs() > lengthMs) return count;
    const kinds = [...lineTroubles, ...engineTroubles, ...(isRelaySpared(elapsedMs()) ? [] : relayTroubles)];
    await kinds[Math.floor(random() * kinds.length)]?.(talk, random);
  }
}
