/** What the agent, as root, reads of the display's own folder. Costs nothing. */
import { execFileSync } from 'node:child_process';
import { symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readPageStatus } from '../systemd/agent/page-status.ts';
import { temporaryFolder } from './harness/programs.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const said = { state: 'showing', message: 'It shows', hint: '', beatAgeMs: 5, shows: 'the captions', uptimeMs: 1000 };
const path = () => join(folder.path, 'display.json');
const read = () => readPageStatus(path(), () => 1000);

test('what the display says is read', async () => {
  writeFileSync(path(), JSON.stringify(said));
  expect(await read()).toEqual({ page: { beatAgeMs: 5, shows: 'the captions' }, problem: null, isWell: true });
});

test('a display that was broken into has the agent read nothing else: no file of others, nothing that never ends or answers', async () => {
  const other = join(folder.path, 'other.json');
  writeFileSync(other, JSON.stringify(said));
  symlinkSync(other, path());
  expect(await read()).toBe(null);
  for (const kind of ['p', 'large'] as const) {
    execFileSync('rm', [path()]);
    if (kind === 'p') execFileSync('mkfifo', [path()]);
    else {
      writeFileSync(path(), JSON.stringify(said).padEnd(70_000));
      truncateSync(path(), 80_000);
    }
    expect(await read(), kind).toBe(null);
  }
});
