import { createInterface, type Interface } from 'node:readline';
import type { CommandContext } from './command.ts';

/** Questions and answers, a line each, and one line that shows how far something is. */
export class Terminal {
  readonly #context: CommandContext;
  readonly #lines: string[] = [];
  #reader: Interface | null = null;
  #ended = false;
  #wake: () => void = () => {};
  #shownMs = 0;
  #lineOpen = false;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  say(text: string): void {
    this.#clear();
    this.#context.stdout.write(`${text}\n`);
  }

  warn(text: string): void {
    this.#clear();
    this.#context.stderr.write(`${text}\n`);
  }

  /** @returns the answer in small letters; null where there will be none: end of input, Ctrl-C */
  async ask(question: string): Promise<string | null> {
    this.#clear();
    this.#context.stdout.write(question);
    this.#start();
    const { signal } = this.#context;
    while (this.#lines.length === 0 && !this.#ended && !signal.aborted)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    const answer = signal.aborted ? undefined : this.#lines.shift();
    if (answer === undefined || !this.#context.stdin.isTTY) this.#context.stdout.write('\n');
    return answer === undefined ? null : answer.trim().toLowerCase();
  }

  /** Shows how far it is, on a terminal, a few times a second. */
  progress(what: string, done: number, total: number, sinceMs: number): void {
    const { stdout, now } = this.#context;
    if (!stdout.isTTY || (now() - this.#shownMs < 200 && done < total)) return;
    this.#shownMs = now();
    const seconds = (now() - sinceMs) / 1000;
    const left = done > 0 ? Math.round((seconds / done) * (total - done)) : null;
    const width = 24;
    const filled = Math.round((width * done) / Math.max(1, total));
    const bar = `${'#'.repeat(filled)}${'.'.repeat(width - filled)}`;
    const rate = seconds > 0 ? `  ${(done / 1e6 / seconds).toFixed(0)} MB/s` : '';
    const rest = left === null || seconds < 3 ? '' : `  ${left} s left`;
    const line = `${what}  [${bar}] ${Math.floor((100 * done) / Math.max(1, total))} %${rate}${rest}`;
    stdout.write(`\r${line.slice(0, (stdout.columns ?? 80) - 1)}\u001b[K`);
    this.#lineOpen = true;
  }

  close(): void {
    this.#clear();
    this.#reader?.close();
  }

  #start(): void {
    if (this.#reader) return;
    // Not `terminal: true`: Ctrl-C has to stay a signal.
    this.#reader = createInterface({ input: this.#context.stdin, terminal: false });
    this.#reader.on('line', (line) => {
      this.#lines.push(line);
      this.#wake();
    });
    this.#reader.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  #clear(): void {
    if (this.#lineOpen) this.#context.stdout.write('\r\u001b[K');
    this.#lineOpen = false;
  }
}
