/** The batch pass's engines (relay/canonical/job, Python), by their own tests in test/job. 10 s, most of it PocketSphinx. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineResult } from '../relay/canonical/contract.ts';
import { root } from './harness/programs.ts';
import { pythonTests } from './harness/python-tests.ts';

let results = '';

beforeAll(() => {
  results = mkdtempSync(join(tmpdir(), 'sala-job-results-'));
});
afterAll(() => rmSync(results, { recursive: true }));

describe('the engines of the batch pass', () => {
  test('pass their own tests, all of them', async () => {
    const { ran, there } = await pythonTests('test_', { SALA_TEST_RESULTS: results });
    expect(there).toBeGreaterThan(80);
    expect(ran).toBe(there);
  }, 180_000);

  test('write results that keep the contract', () => {
    const written = readdirSync(results);
    for (const name of written) {
      const read: unknown = JSON.parse(readFileSync(join(results, name), 'utf8'));
      const { success, error } = engineResult.strict().safeParse(read);
      expect([name, success, error?.issues]).toEqual([name, true, undefined]);
    }
    const engines = written.map(
      (name) => engineResult.parse(JSON.parse(readFileSync(join(results, name), 'utf8'))).engine,
    );
    expect([...new Set(engines.map(({ name }) => name))].sort()).toEqual(['parakeet', 'pocketsphinx', 'whisper']);
  });
});

/** What can be seen without an engine of containers: there is none here, so it was never built. */
describe('the container of the batch pass', () => {
  const folder = join(root, 'relay/canonical/job');
  const text = (name: string) => readFileSync(join(folder, name), 'utf8');
  const lines = text('Dockerfile')
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');

  test('copies what is there and not ignored, both programs among it', () => {
    const ignored = text('Dockerfile.dockerignore').split('\n');
    const copied = lines
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from'))
      .flatMap((line) => line.split(' ').slice(1, -1));
    for (const name of copied) {
      expect(existsSync(join(root, name)), name).toBe(true);
      expect(ignored, name).toContain(`!${name.split('/')[0]}`);
    }
    expect(copied).toEqual(expect.arrayContaining(['relay', 'systemd', 'package.json']));
    const command = /^CMD (.*)$/m.exec(lines.join('\n'))?.[1] ?? '';
    expect(JSON.parse(command)).toEqual(['node', 'relay/canonical/main.ts', '--help']);
  });

  test('pins what it is made of and runs as nobody special', () => {
    for (const line of lines.filter((each) => each.startsWith('FROM ')))
      expect(line).toMatch(/:\d+[\w.-]+( AS node)?$/);
    for (const name of ['requirements.txt', 'requirements-turns.txt'])
      for (const line of text(name)
        .split('\n')
        .filter((each) => each && !each.startsWith('#')))
        expect(line).toMatch(/^[\w.-]+(\[asr\])?==\d[\d.]+$/);
    expect(text('fetch_models.py').match(/"revision": "[0-9a-f]{40}"|SHA256 = "[0-9a-f]{64}"/g)).toHaveLength(4);
    expect(lines.findLast((line) => line.startsWith('USER '))).toBe('USER 10001:10001');
  });

  test('puts the models where the engines look for them', () => {
    const models = ['engines/parakeet.py', 'engines/whisper.py', 'turns.py'].map(
      (name) => /^MODEL = Path\("\/opt\/sala\/models\/([^"]+)"\)$/m.exec(text(`sala_job/${name}`))?.[1] ?? '?',
    );
    for (const name of models) expect(text('fetch_models.py')).toContain(`${name}"`);
    expect(lines).toContain('WORKDIR /opt/sala');
    expect(lines.some((line) => line.includes('fetch_models.py models '))).toBe(true);
  });
});
