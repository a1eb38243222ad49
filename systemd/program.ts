import type { z } from 'zod';
import { type ProgramText, readConfiguration, type Settings } from './configuration.ts';
import { ConfigurationError, codeOf, messageOf, SalaError } from './errors.ts';

/** Exit status for a configuration that cannot work (EX_CONFIG of sysexits.h); systemd is told not to retry it. */
export const exitConfiguration = 78;

/** A started program: what stops it, and when it is done by itself. */
export interface Running {
  /** Drains and ends within the program's own deadline; idempotent. */
  stop(): Promise<void>;
  /** Settles when the program has nothing left to do (a played file); never for a service. */
  readonly done?: Promise<void>;
  /** Exit status once it has stopped; 0 without. */
  status?(): number;
}

export interface Program<S extends Settings> extends ProgramText {
  readonly settings: S;
  start(settings: z.output<S>, env: NodeJS.ProcessEnv): Promise<Running>;
}

const repeatedSignalMs = 1000;

const tooSlow = (timeoutMs: number) =>
  new SalaError(`did not stop within ${timeoutMs} ms`, {
    code: 'stop-timeout',
    hint: 'Report this with the log lines before it.',
  });

/** What the operator reads when a program cannot start. */
export function explain(error: unknown): { text: string; status: number } {
  if (error instanceof SalaError) {
    return {
      text: `${error.message}\n${error.hint}`,
      status: error instanceof ConfigurationError ? exitConfiguration : 1,
    };
  }
  const known: Record<string, string> = {
    EADDRINUSE:
      'Another program listens there. Choose another address with --listen or --status-listen, or stop the other one.',
    EADDRNOTAVAIL: 'This machine does not have that address. Choose one it has.',
    EACCES: 'Give this user the right to it, or choose another place.',
    EROFS: 'The file system is read-only. Choose a folder on a writable one with --data-dir.',
    ENOSPC: 'The disk is full. Free some space, or choose another --data-dir.',
  };
  const hint = known[codeOf(error)];
  return {
    text: hint
      ? `${messageOf(error)}\n${hint}`
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error),
    status: 1,
  };
}

/**
 * Runs a program to its end: configuration, start, signals, exit status. The first SIGTERM or SIGINT drains, a second
 * one aborts at once; a drain that takes longer than `stopTimeoutMs` is cut off with status 1.
 */
export async function run<S extends Settings>(
  program: Program<S>,
  host: NodeJS.Process,
  stopTimeoutMs = 10_000,
): Promise<void> {
  const fail = (error: unknown): never => {
    const { text, status } = explain(error);
    host.stderr.write(`${text}\n`);
    host.exit(status);
  };
  try {
    const invocation = readConfiguration(program.settings, program, host.argv.slice(2), host.env);
    if ('help' in invocation) {
      host.stdout.write(invocation.help);
      return;
    }
    let running: Running | null = null;
    let stoppingSinceMs: number | null = null;
    const drain = () => running?.stop().then(() => host.exit(running?.status?.() ?? 0), fail);
    const stop = (signal?: NodeJS.Signals) => {
      if (stoppingSinceMs !== null) {
        // Ctrl-C reaches us from the terminal and once more through npm: that is one signal, not two.
        const isRepeat = performance.now() - stoppingSinceMs < repeatedSignalMs;
        if (signal && !isRepeat) host.exit(signal === 'SIGINT' ? 130 : 143);
        return;
      }
      stoppingSinceMs = performance.now();
      setTimeout(() => fail(tooSlow(stopTimeoutMs)), stopTimeoutMs).unref();
      void drain();
    };
    // Before the start: one that is told to stop meanwhile finishes starting, then drains like any other.
    host.on('SIGTERM', stop);
    host.on('SIGINT', stop);
    running = await program.start(invocation.settings, host.env);
    if (stoppingSinceMs !== null) void drain();
    await running.done?.then(() => stop());
  } catch (error) {
    fail(error);
  }
}
