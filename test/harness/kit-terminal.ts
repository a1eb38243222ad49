import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Command } from '../../provisioning/kit/command.ts';
import { runCommandLine } from '../../provisioning/kit/command-line.ts';

/** `npm run kit -- ARGS` in this process. @returns its exit status and what it printed */
export async function kitCommand(
  args: readonly string[],
  commands: readonly Command[],
  {
    env = {},
    signal = new AbortController().signal,
    nowMs = 1_800_000_000_000,
  }: { env?: NodeJS.ProcessEnv; signal?: AbortSignal; nowMs?: number } = {},
): Promise<{ status: number; out: string; err: string }> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end();
  const [out, err] = [text(stdout), text(stderr)];
  const status = await runCommandLine(args, commands, { stdin, stdout, stderr, env, now: () => nowMs, signal });
  stdout.end();
  stderr.end();
  return { status, out: await out, err: await err };
}
