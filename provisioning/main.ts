import { runCommandLine } from './kit/command-line.ts';
import { commands } from './kit/commands/index.ts';

const repeatedSignalMs = 1000;

const interrupted = new AbortController();
let interruptedMs = 0;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    // Ctrl-C reaches us from the terminal and once more through npm: that is one, not two.
    if (interrupted.signal.aborted && performance.now() - interruptedMs > repeatedSignalMs) process.exit(130);
    if (interrupted.signal.aborted) return;
    interruptedMs = performance.now();
    interrupted.abort();
  });

const { stdin, stdout, stderr, env } = process;
process.exitCode = await runCommandLine(process.argv.slice(2), commands, {
  stdin,
  stdout,
  stderr,
  env,
  now: Date.now,
  signal: interrupted.signal,
});
// A terminal that was asked something would hold the process.
stdin.pause();
