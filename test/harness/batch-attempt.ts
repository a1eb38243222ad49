import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Outcome } from './batch-exit.ts';
import { evidenceDir, root } from './programs.ts';

/** What a container becomes here. */
export interface Started {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Makes a process of the container's command and environment. */
export type Container = (command: readonly string[], env: Readonly<Record<string, string>>) => Started;

/** Runs the command as it stands, in the checkout; `node` is the one that runs this. */
export const inCheckout =
  (env: NodeJS.ProcessEnv = {}): Container =>
  ([program = '', ...args], own) => ({
    file: program === 'node' ? process.execPath : program,
    args,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...own, ...env },
    cwd: root,
  });

export interface Attempt extends Outcome {
  readonly timedOut: boolean;
  /** All it said, both ways. */
  readonly lines: readonly string[];
}

/** One run of a job's container: a process with all it started, in a group of their own. */
export class BatchAttempt {
  readonly ended: Promise<Attempt>;
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  #lostHost = false;
  #timedOut = false;
  #timers: NodeJS.Timeout[] = [];

  constructor({ file, args, env, cwd }: Started, { limitMs, graceMs }: { limitMs: number; graceMs: number }) {
    this.#child = spawn(file, args, { env, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    mkdirSync(evidenceDir, { recursive: true });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      if (stream)
        createInterface({ input: stream }).on('line', (line) => {
          this.lines.push(line);
          appendFileSync(join(evidenceDir, 'output'), `${line}\n`);
        });
    this.#later(limitMs, () => {
      this.#timedOut = true;
      this.#signal('SIGTERM');
      this.#later(graceMs, () => this.#signal('SIGKILL'));
    });
    // A container takes along whatever it had started.
    this.#child.on('exit', () => this.#signal('SIGKILL'));
    this.ended = new Promise((resolve) => {
      const end = (outcome: Outcome) => {
        for (const timer of this.#timers) clearTimeout(timer);
        resolve({ ...outcome, timedOut: this.#timedOut, lines: this.lines });
      };
      this.#child.on('error', ({ message }) =>
        end({ exitCode: null, statusReason: 'Task failed to start', reason: `CannotStartContainerError: ${message}` }),
      );
      this.#child.on('close', (status, signal) => end(this.#outcome(status, signal)));
    });
  }

  loseHost(): void {
    this.#lostHost = true;
    this.#signal('SIGKILL');
  }

  reclaimHost(graceMs: number): void {
    this.#lostHost = true;
    this.#signal('SIGTERM');
    this.#later(graceMs, () => this.#signal('SIGKILL'));
  }

  #outcome(status: number | null, signal: NodeJS.Signals | null): Outcome {
    if (this.#lostHost) return { exitCode: null, statusReason: 'Host EC2 (instance i-0abc) terminated.', reason: null };
    const exitCode = status ?? 128 + constants.signals[signal ?? 'SIGKILL'];
    if (this.#timedOut) return { exitCode, statusReason: 'Job attempt duration exceeded timeout', reason: null };
    return { exitCode, statusReason: 'Essential container in task exited', reason: null };
  }

  #later(ms: number, act: () => void): void {
    this.#timers.push(setTimeout(act, ms));
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch {
      // It is gone already.
    }
  }
}
