import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const folder = join(root, 'test/job');

/** Runs the Python tests in test/job whose files' names begin so. Rejects with what they said if one fails. */
export async function pythonTests(
  prefix: string,
  env: Record<string, string>,
): Promise<{ ran: number; there: number }> {
  const files = readdirSync(folder).filter((name) => name.startsWith(prefix) && name.endsWith('.py'));
  const there = files
    .map((name) => readFileSync(join(folder, name), 'utf8').match(/^ {4}def test_/gm)?.length ?? 0)
    .reduce((sum, count) => sum + count, 0);
  const modules = files.map((name) => name.replace(/\.py$/, ''));
  const said = await new Promise<string>((settle, fail) =>
    execFile(
      'python3',
      ['-m', 'unittest', '-v', ...modules],
      { cwd: folder, env: { ...process.env, ...env, ...pythonEnvironment }, maxBuffer: 16 << 20 },
      (error, _stdout, stderr) => (error ? fail(new Error(stderr || error.message)) : settle(stderr)),
    ),
  );
  return { ran: Number(/^Ran (\d+) tests? /m.exec(said)?.[1]), there };
}

/** Where Python finds the batch pass's package; it leaves nothing compiled in the tree. */
export const pythonEnvironment = { PYTHONPATH: join(root, 'relay/canonical/job'), PYTHONDONTWRITEBYTECODE: '1' };
