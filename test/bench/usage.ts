import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

export interface Usage {
  /** utime + stime of the process and its descendants, in ms; the kernel counts ticks of 10 ms. */
  readonly cpuMs: number;
  /** Of the main process alone, in MiB. */
  readonly rssMib: number;
  /** Of the whole tree, shared pages shared out, in MiB. */
  readonly pssMib: number;
  readonly processes: number;
}

const tickMs = 10;

function treeOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(treeOf)];
}

function cpuOf(pid: number): number {
  // The name in the second field may hold spaces; utime and stime are fields 14 and 15.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}

function memoryOf(pid: number): { rss: number; pss: number } {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? Number.NaN) / 1024;
  return { rss: mib('Rss'), pss: mib('Pss') };
}

/** What a process and its descendants use now. @throws where it is gone */
export function usageOf(pid: number): Usage {
  const tree = treeOf(pid);
  const memory = tree.map(memoryOf);
  return {
    cpuMs: tree.reduce((sum, each) => sum + cpuOf(each), 0),
    rssMib: memory[0]?.rss ?? Number.NaN,
    pssMib: memory.reduce((sum, { pss }) => sum + pss, 0),
    processes: tree.length,
  };
}

/**
 * The most memory (RSS) that this process had since `resetPeak`, or since its start, in MiB. `maxRSS` would tell what its parent
 * once had.
 */
export const peakMiB = (): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? Number.NaN) / 1024;

export const resetPeak = (): void => writeFileSync('/proc/self/clear_refs', '5');

export interface Stretch {
  /** Percent of one core. */
  readonly cpuPercent: number;
  readonly cpuMs: number;
  readonly elapsedMs: number;
  /** The most that was seen, sampled once a second. */
  readonly rssMib: number;
  readonly pssMib: number;
}

/** Watches a process tree for so long. */
export async function watchUsage(pid: number, seconds: number): Promise<Stretch> {
  const beganMs = performance.now();
  const before = usageOf(pid);
  const seen = [before];
  for (let second = 1; second <= seconds; second++) {
    await new Promise((resolve) => setTimeout(resolve, beganMs + second * 1000 - performance.now()));
    seen.push(usageOf(pid));
  }
  const elapsedMs = performance.now() - beganMs;
  const cpuMs = (seen.at(-1)?.cpuMs ?? Number.NaN) - before.cpuMs;
  return {
    cpuMs,
    elapsedMs,
    cpuPercent: (cpuMs / elapsedMs) * 100,
    rssMib: Math.max(...seen.map(({ rssMib }) => rssMib)),
    pssMib: Math.max(...seen.map(({ pssMib }) => pssMib)),
  };
}
