import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from './programs.ts';

/** The stand-in as a process of its own, which can be killed. */
export class ServiceProcess {
  #child: ChildProcess | null = null;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** At the same port as before. */
  async start(): Promise<void> {
    const file = join(root, 'test/stand-ins/transcribe-main.ts');
    const child = spawn(process.execPath, [file, '--port', String(this.#port)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    this.#port = Number(new URL(JSON.parse(line).url).port);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}
