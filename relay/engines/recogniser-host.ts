/**
 * The child's side of a recogniser's process: s16le mono 16 kHz on standard input, one message (recogniser-messages.ts) a
 * line on standard output. It ends when its input ends, so it never outlives the relay.
 */
import { codeOf, messageOf, SalaError } from '../../systemd/errors.ts';
import type { HostMessage } from './recogniser-messages.ts';

/** What turns a run of audio into words, and says them. Both calls block. */
export interface Listening {
  /** Whole samples. */
  hear(audio: Buffer): void;
  /** Says what is still open. */
  end(): void;
}

export function say(message: HostMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/**
 * Runs the process from its start to its end. What `open` throws is told as a fault that a person can mend.
 * @param code what such a fault is called where it has no name of its own
 */
export async function runHost(code: string, open: (argument: string) => Promise<Listening>): Promise<void> {
  // A signal to the whole group (Ctrl-C, systemd) is the relay's to act on; it ends this process by ending its input.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  try {
    const listening = await open(process.argv[2] ?? '');
    say({ type: 'ready' });
    let odd = Buffer.alloc(0);
    for await (const chunk of process.stdin) {
      const bytes = Buffer.concat([odd, chunk]);
      const whole = bytes.length - (bytes.length % 2);
      odd = bytes.subarray(whole);
      listening.hear(bytes.subarray(0, whole));
    }
    listening.end();
    say({ type: 'ended' });
  } catch (error) {
    say({
      type: 'error',
      code: codeOf(error) || code,
      message: messageOf(error),
      hint: error instanceof SalaError ? error.hint : 'Report this with the log lines before it.',
    });
    process.stdin.destroy();
  }
}
