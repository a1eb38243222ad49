import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const person = z.union([z.string(), z.object({ name: z.string() }).transform(({ name }) => name)]);

const packageText = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string().default('not named'),
  author: person.optional(),
  homepage: z.string().optional(),
});

const licenceFile = /^(licen[cs]e|copying|notice|copyright|third[-_]?party)/i;

/** A package of `node_modules`, by its folder; also packages within packages. */
function* packagesIn(folder: string): Generator<string> {
  for (const name of existsSync(folder) ? readdirSync(folder).sort() : []) {
    const at = join(folder, name);
    if (name.startsWith('@')) yield* packagesIn(at);
    if (!existsSync(join(at, 'package.json'))) continue;
    yield at;
    yield* packagesIn(join(at, 'node_modules'));
  }
}

/** What packages do not say of themselves though it must go along. */
const additions: Readonly<Record<string, string>> = {
  'sherpa-onnx-linux-arm64': `It holds ONNX Runtime, Copyright (c) Microsoft Corporation, under the MIT licence, and espeak-ng,
under the GNU General Public License, version 3 or later: who passes this release on passes on the sources of espeak-ng too
(github.com/espeak-ng/espeak-ng and github.com/csukuangfj/espeak-ng), or leaves sherpa-onnx out.
`,
};

/** One package's notice: what it is, then the texts that came with it. */
function noticeOf(folder: string): { file: string; line: string; text: string } {
  const { name, version, license, author, homepage } = packageText.parse(
    JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')),
  );
  const texts = readdirSync(folder)
    .filter((each) => licenceFile.test(each) && !/\.[cm]?js$/.test(each))
    .sort();
  const who = [author && `by ${author}`, homepage].filter((part) => part !== undefined).join(', ');
  const head = `${name} ${version}, licence ${license}${who === '' ? '' : `, ${who}`}\n`;
  const none = texts.length > 0 ? [] : [`The package came without a text of its licence; see ${license}.txt here.\n`];
  const parts = [head, additions[name], ...none, ...texts.map((each) => readFileSync(join(folder, each), 'utf8'))];
  for (const each of texts) rmSync(join(folder, each));
  return {
    file: `${name.replace('/', '+')}-${version}.txt`,
    line: `${name} ${version}: ${license}`,
    text: parts.filter((part) => part !== undefined).join('\n'),
  };
}

/**
 * Moves the licences of all packages to `licences` in the bundle, with those of Node and PortAudio.
 * @param others texts of what is no package of npm: name → file
 */
export function collectLicences(bundle: string, others: Readonly<Record<string, string>>): void {
  const into = join(bundle, 'licences');
  const texts = join(import.meta.dirname, 'licences');
  mkdirSync(into);
  for (const name of readdirSync(texts)) copyFileSync(join(texts, name), join(into, name));
  const lines = ['Sala: MIT, see LICENSE above'];
  for (const [name, file] of Object.entries(others)) {
    copyFileSync(file, join(into, `${name}.txt`));
    lines.push(`${name}: see ${name}.txt`);
  }
  for (const folder of packagesIn(join(bundle, 'node_modules'))) {
    const { file, line, text } = noticeOf(folder);
    writeFileSync(join(into, file), text);
    lines.push(line);
  }
  writeFileSync(join(into, 'README.txt'), `What is in this release, and under which licence:\n\n${lines.join('\n')}\n`);
}
