import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { SalaError } from '../systemd/errors.ts';

export interface ChildProgramOptions {
  /** How people call it. */
  readonly name: string;
  readonly execPath: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Where everything it writes goes. */
  readonly logPath: string;
  /** From the request to stop until it is killed. */
  readonly stopTimeoutMs?: number;
}

const maxTailChars = 4000;

/** One of Sala's programs, run as a child that is stopped by its own handle. */
export class ChildProgram {
  readonly #options: ChildProgramOptions;
  #child: ChildProcess | null = null;
  #log: WriteStream | null = null;
  #tail = '';
  #exited: Promise<number | null> = Promise.resolve(null);

  constructor(options: ChildProgramOptions) {
    this.#options = options;
  }

  start(): void {
    const { execPath, args, env, logPath } = this.#options;
    this.#log = createWriteStream(logPath, { flags: 'a' });
    // Its own process group: a Ctrl-C would reach it as well, and the request to stop would then count as the second.
    const child = spawn(execPath, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#log?.write(text);
        this.#tail = (this.#tail + text).slice(-maxTailChars);
      });
    this.#exited = new Promise((resolve) => {
      child.on('error', (error) => {
        this.#tail += error.message;
        resolve(1);
      });
      child.on('close', (status) => resolve(status));
    });
  }

  /** Settles with its exit status when it has ended; null where a signal ended it. */
  get exited(): Promise<number | null> {
    return this.#exited;
  }

  /** What to say about an end that nobody asked for: its own last words. */
  died(status: number | null): SalaError {
    const { name } = this.#options;
    const words = this.#tail.trim().split('\n').slice(-8).join('\n');
    return new SalaError(
      `The ${name} ended by itself (${status === null ? 'killed' : `status ${status}`}).\n${words}`,
      {
        code: 'child-ended',
        hint: `Its last words are above; npm run ${name} -- --help shows its settings.`,
      },
    );
  }

  /** At once. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** SIGTERM, and SIGKILL where that is not enough. Idempotent. */
  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM');
    const kill = setTimeout(() => this.kill(), this.#options.stopTimeoutMs ?? 4000);
    await this.#exited;
    clearTimeout(kill);
    this.#log?.end();
  }
}
