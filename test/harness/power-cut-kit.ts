/** Writes a kit's identity anew and again, and erases tokens: `power-cut-kit.ts ROOT MARKS`. What is done is a line of MARKS. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineFiles, replaceFile } from '../../systemd/agent/files.ts';
import { keyText, tokenText } from './power-cut-kit-texts.ts';

const [root = '', marks = ''] = process.argv.slice(2);
const say = (line: unknown) => appendFileSync(marks, `${JSON.stringify(line)}\n`);
const kit = join(root, 'data/kit');

await machineFiles.makeFolder(kit, 0o700);
for (let round = 0; round < 25; round++) {
  await replaceFile(machineFiles, join(kit, 'key'), keyText(round), 0o600);
  say({ key: round });
  if (round % 3 > 0) continue;
  const token = join(kit, `token-${round}`);
  await machineFiles.write(token, tokenText(round), 0o600);
  say({ key: round, token: round });
  await machineFiles.overwrite(token);
  say({ key: round, erased: round });
  await machineFiles.remove(token);
  say({ key: round, erased: round, removed: round });
}
