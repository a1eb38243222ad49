/** The batch pass's engines (relay/canonical/job, Python), by their own tests in test/job. 10 s, most of it PocketSphinx. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineResult } from '../relay/canonical/contract.ts';
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
