import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** The programs under test. */
export const serverCore = 0;
/** The load, and everything else that is not measured. */
export const loadCore = 1;

/** Binds a process with all its threads to a core, where the machine has two and `taskset`. */
export function pin(pid: number, core: number): boolean {
  if (availableParallelism() < 2 && cpus().length < 2) return false;
  try {
    execFileSync('taskset', ['-acp', String(core), String(pid)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Lets a process, and what it starts from now on, use every core again. */
export function unpin(pid: number): void {
  try {
    execFileSync('taskset', ['-acp', `0-${cpus().length - 1}`, String(pid)], { stdio: 'ignore' });
  } catch {} // then it was never bound
}

/** CPU time that other guests of the host have taken from this machine since it booted. */
function stealMs(): number {
  return Number(readFileSync('/proc/stat', 'utf8').split('\n')[0]?.trim().split(/\s+/)[8] ?? 0) * 10;
}

/** What of the machine stands between the figures and the truth. */
export class MachineNoise {
  readonly #loop = monitorEventLoopDelay({ resolution: 1 });
  readonly #stealAtStart = stealMs();
  readonly #pinned: boolean;
  readonly #loadAtStart = loadAverage();

  constructor(pinned: boolean) {
    this.#pinned = pinned;
    this.#loop.enable();
  }

  lines(): string[] {
    const late = (q: number) => Math.max(0, this.#loop.percentile(q) / 1e6 - 1).toFixed(1);
    const { model = 'unknown' } = cpus()[0] ?? {};
    return [
      `${cpus().length} cores, ${model.trim()}; Linux ${release()}; Node ${process.version}`,
      this.#pinned
        ? `programs on core ${serverCore}, load on core ${loadCore}`
        : 'one core or no taskset: programs and load share the cores, figures are too high',
      `event loop of the load late by ${late(50)} / ${late(95)} / ${late(99)} ms (p50 / p95 / p99)`,
      `load average ${this.#loadAtStart} before, ${loadAverage()} after; taken by other guests of the host: ${stealMs() - this.#stealAtStart} ms`,
    ];
  }
}

function loadAverage(): string {
  return readFileSync('/proc/loadavg', 'utf8').split(' ')[0] ?? '';
}
