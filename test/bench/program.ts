import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../harness/programs.ts';
import { until } from '../harness/until.ts';
import { pin, serverCore } from './machine.ts';

/** As the npm scripts and the units start the programs. */
export const nodeOptions = ['--max-semi-space-size=2', '--v8-pool-size=1'];
const maxLines = 200;
const killAfterMs = 12_000;

/** A program under test: on the programs' core, and never alive longer than this process. */
export class MeasuredProgram {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  readonly #lines: string[] = [];

  /** @param file from the root of the project, run by this Node with these `options` */
  constructor(
    file: string,
    args: readonly string[],
    { env = {}, options = nodeOptions }: { env?: NodeJS.ProcessEnv; options?: readonly string[] } = {},
  ) {
    this.#child = spawn(process.execPath, [...options, join(root, file), ...args], {
      cwd: root,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      if (stream)
        createInterface({ input: stream }).on('line', (line) => {
          if (this.#lines.length < maxLines) this.#lines.push(line);
        });
    const kill = () => this.#child.kill('SIGKILL');
    process.once('exit', kill);
    this.#exit = once(this.#child, 'close').finally(() => process.off('exit', kill));
    this.pin();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Also the threads it has made since. */
  pin(): void {
    pin(this.pid, serverCore);
  }

  /** The first log line with that `event`, waited for. */
  event(name: string): Promise<Record<string, unknown>> {
    return until(
      () => {
        if (this.#child.exitCode !== null) throw new Error(`it ended:\n${this.#lines.join('\n')}`);
        for (const line of this.#lines.filter((each) => each.startsWith('{'))) {
          const entry: Record<string, unknown> = JSON.parse(line);
          if (entry.event === name) return entry;
        }
        return undefined;
      },
      { what: `event ${name}` },
    );
  }

  /** SIGTERM, and SIGKILL if that is not enough. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), killAfterMs);
    await this.#exit;
    clearTimeout(timer);
  }
}
