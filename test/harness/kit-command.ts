import { PassThrough } from 'node:stream';
import type { Command } from '../../provisioning/kit/command.ts';
import { runCommandLine } from '../../provisioning/kit/command-line.ts';

/** A run of `sala-kit` in this process, with a terminal that is played. */
export interface CommandRun {
  /** Settles with the exit status. */
  readonly ended: Promise<number>;
  /** What was printed so far, both streams in their order. */
  text(): string;
  /** Waits until `words` were printed since what was seen last. */
  sees(words: string): Promise<void>;
  /** Waits until `words` were printed since what was seen last, then answers. */
  answer(words: string, line: string): Promise<void>;
  endInput(): void;
  interrupt(): void;
}

export function runKit(commands: readonly Command[], args: readonly string[], env: NodeJS.ProcessEnv = {}): CommandRun {
  const [stdin, output] = [new PassThrough(), new PassThrough()];
  const interrupted = new AbortController();
  let printed = '';
  let seen = 0;
  let wake = () => {};
  output.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
    wake();
  });
  const ended = runCommandLine(args, commands, {
    stdin,
    stdout: output,
    stderr: output,
    env: { TMPDIR: process.env.TMPDIR ?? '/tmp', ...env },
    now: Date.now,
    signal: interrupted.signal,
  });
  const sees = async (words: string): Promise<void> => {
    while (!printed.includes(words, seen))
      await Promise.race([
        new Promise<void>((resolve) => {
          wake = resolve;
        }),
        ended.then((status) => {
          if (!printed.includes(words, seen)) throw new Error(`ended with ${status} before "${words}":\n${printed}`);
        }),
      ]);
    seen = printed.indexOf(words, seen) + words.length;
  };
  return {
    ended,
    text: () => printed,
    sees,
    async answer(words, line) {
      await sees(words);
      stdin.write(`${line}\n`);
    },
    endInput: () => stdin.end(),
    interrupt: () => interrupted.abort(),
  };
}
