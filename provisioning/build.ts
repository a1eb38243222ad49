/**
 * `npm run build`: the programs as plain JavaScript in dist/, with everything beside them that is not TypeScript, in
 * the same folders. dist/ needs node_modules next to it or above it.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');
const compiler = join(root, 'node_modules/typescript/bin/tsc');

/** What tsc does not put there itself. */
function isCopied(path: string): boolean {
  const name = relative(root, path);
  return !/\.ts$|(^|\/)node_modules(\/|$)/.test(name) && name !== 'provisioning/tsconfig.build.json';
}

rmSync(dist, { recursive: true, force: true });
execFileSync(process.execPath, [compiler, '--project', join(root, 'provisioning/tsconfig.build.json')], {
  stdio: 'inherit',
});
for (const name of ['device', 'relay', 'display', 'provisioning', 'systemd', 'package.json'])
  cpSync(join(root, name), join(dist, name), { recursive: true, filter: isCopied });
process.stdout.write(`built ${dist}\n`);
