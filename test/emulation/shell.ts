import { execFile } from 'node:child_process';

/** Runs a program to its end; what it printed. Long ones may take an hour here: everything is emulated. */
export async function run(file: string, args: readonly string[], input?: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const child = execFile(
      file,
      [...args],
      { maxBuffer: 64 * 1024 * 1024, timeout: 3_600_000, encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' } },
      (error, stdout, stderr) => {
        if (error)
          reject(
            new Error(`${file} ${args.join(' ')}\n${stdout.slice(-2000)}${stderr.slice(-4000)}`, { cause: error }),
          );
        else resolve(stdout);
      },
    );
    // Some programs end without having read it.
    child.stdin?.on('error', () => undefined).end(input ?? '');
  });
}

export const say = (line: string) => process.stdout.write(`${line}\n`);
