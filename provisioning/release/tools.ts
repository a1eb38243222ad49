import { execFile } from 'node:child_process';
import { codeOf, SalaError } from '../../systemd/errors.ts';

export interface ToolOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/** Which of Debian's packages brings a tool that may be missing. */
const packages: Readonly<Record<string, string>> = {
  'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu',
  'aarch64-linux-gnu-strip': 'g++-aarch64-linux-gnu',
  git: 'git',
  npm: 'npm',
};

const timeoutMs = 600_000;

/** Runs a tool to its end. @returns what it printed @throws {SalaError} `tool-missing` or `tool-failed`, with what it said */
export function runTool(command: string, args: readonly string[], options: ToolOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { timeout: timeoutMs, maxBuffer: 16 * 1024 * 1024, encoding: 'utf8' } as const;
    execFile(command, args, { ...limits, ...options }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      if (options.signal?.aborted) return reject(options.signal.reason);
      if (codeOf(error) === 'ENOENT')
        return reject(
          new SalaError(`${command} is not there`, {
            code: 'tool-missing',
            hint: `On Debian: sudo apt install ${packages[command] ?? command}`,
            cause: error,
          }),
        );
      const said = `${stdout}${stderr}`.trim().split('\n').slice(-20).join('\n');
      reject(
        new SalaError(`${command} ${args[0] ?? ''} failed`, {
          code: 'tool-failed',
          hint: said === '' ? error.message : `It said:\n${said}`,
          cause: error,
        }),
      );
    });
  });
}
