import { spawn } from 'node:child_process';
import { SalaError } from '../../../systemd/errors.ts';
import { toolEnvironment } from '../tool-environment.ts';

/** Which Debian package has each program that works on cards. */
const packageOf: Readonly<Record<string, string>> = {
  mcopy: 'mtools',
  mdir: 'mtools',
  mdel: 'mtools',
  sfdisk: 'fdisk',
  mke2fs: 'e2fsprogs',
  debugfs: 'e2fsprogs',
  e2fsck: 'e2fsprogs',
  xz: 'xz-utils',
  tar: 'tar',
};

/** mtools reads no configuration of the machine, asks nothing, and takes a volume as it finds it. */
const mtools = { MTOOLSRC: '/dev/null', MTOOLS_SKIP_CHECK: '1', MTOOLS_NO_VFAT: '0', LC_ALL: 'C', TZ: 'UTC' };

const maxOutputBytes = 64 << 20;
const maxComplaintChars = 2000;

export interface ToolRun {
  readonly input?: Buffer | string;
  /** Exit statuses that are an answer, not a fault. */
  readonly accept?: readonly number[];
}

export interface ToolResult {
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** What is said where a program is missing. */
export const toolMissing = (name: string, cause: unknown): SalaError =>
  new SalaError(`The program ${name} is not there.`, {
    code: 'tool-missing',
    hint: `On Debian: sudo apt install ${packageOf[name] ?? name}`,
    cause,
  });

/**
 * Runs one of Debian's programs to its end.
 * @throws SalaError `tool-missing` or `tool-failed`
 */
export function runTool(
  name: string,
  args: readonly string[],
  { input, accept = [0] }: ToolRun = {},
): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const env = toolEnvironment(mtools);
    const child = spawn(name, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxOutputBytes) chunks.push(chunk);
      else child.kill('SIGKILL');
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-maxComplaintChars);
    });
    child.stdin.on('error', () => {}); // it ended before it read all: its status says why
    child.on('error', (error) => reject(toolMissing(name, error)));
    child.on('close', (status, signal) => {
      if (status !== null && accept.includes(status)) resolve({ status, stdout: Buffer.concat(chunks), stderr });
      else
        reject(
          new SalaError(`${name} failed (${signal ?? `status ${status}`}): ${stderr.trim().split('\n').at(-1) ?? ''}`, {
            code: 'tool-failed',
            hint: `It was called as: ${name} ${args.join(' ')}`,
          }),
        );
    });
    child.stdin.end(input);
  });
}
