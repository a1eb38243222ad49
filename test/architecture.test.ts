import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const folders = ['device', 'relay', 'display', 'provisioning', 'systemd'];

const files = folders.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|js|cjs|mjs)$/.test(name))
    .map((name) => join(folder, name)),
);

/** What a file imports from other files, as paths from the root. */
function imports(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const paths = [...text.matchAll(/(?:from|import)\s*\(?\s*['"]([./][^'"]*)['"]/g)].map(([, path]) => path ?? '');
  return paths.map((path) =>
    path.startsWith('/') ? path.slice(1) : relative(root, resolve(join(root, dirname(file)), path)),
  );
}

describe('the structure of the house', () => {
  test.each(['device', 'display'])('%s/ knows of the relay only the wire', (folder) => {
    const foreign = files
      .filter((file) => file.startsWith(`${folder}/`))
      .flatMap((file) => imports(file).map((path) => ({ file, path })))
      .filter(({ path }) => path.startsWith('relay/') && path !== 'relay/protocol.js');
    expect(foreign).toEqual([]);
  });

  test('the relay knows nothing of the device', () => {
    const foreign = files
      .filter((file) => file.startsWith('relay/'))
      .filter((file) => imports(file).some((path) => path.startsWith('device/')));
    expect(foreign).toEqual([]);
  });

  test('the wire has no dependencies', () => {
    expect(imports('relay/protocol.js')).toEqual([]);
    expect(readFileSync(join(root, 'relay/protocol.js'), 'utf8')).not.toMatch(/^import\b/m);
  });

  test('nothing but a main program reads the environment or ends the process', () => {
    const mains = [
      'device/main.ts',
      'device/loopback.ts',
      'device/sources/mixer-child.ts', // a process of its own
      'relay/main.ts',
      'relay/canonical/main.ts',
      'relay/engines/recogniser-host.ts', // likewise
      'display/kiosk/main.ts',
      'provisioning/main.ts',
      'provisioning/start.ts',
      'provisioning/build.ts',
      'provisioning/kit/tool-environment.ts', // hands it on to Debian's programs
    ];
    const offenders = files.filter(
      (file) => !mains.includes(file) && /\bprocess\.(env|exit)\b/.test(readFileSync(join(root, file), 'utf8')),
    );
    expect(offenders).toEqual([]);
  });
});

describe('the lock file', () => {
  const lock: { packages: Record<string, { gypfile?: boolean; optionalDependencies?: Record<string, string> }> } =
    JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));

  // npm 10 reads this from the lock alone and would compile it; npm drops the line whenever it writes the file anew.
  test('says that better-sqlite3 brings its binaries along, so that a relay compiles nothing', () => {
    expect(lock.packages['node_modules/better-sqlite3']?.gypfile).toBe(false);
  });

  // npm leaves out the platforms a registry lacks, and then refuses its own file.
  test('names every platform that its packages name', () => {
    const named = Object.values(lock.packages).flatMap(({ optionalDependencies = {} }) =>
      Object.keys(optionalDependencies),
    );
    const missing = named.filter(
      (name) => !Object.keys(lock.packages).some((path) => path.endsWith(`node_modules/${name}`)),
    );
    expect(missing).toEqual([]);
  });
});
