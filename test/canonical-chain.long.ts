/**
 * The whole chain with faults in it: a store that refuses, is slow, breaks off and is full; hosts lost
 * and reclaimed; a relay killed in mid-upload; events lost, doubled and late; ClickHouse killed. About 5 minutes.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordingOf } from '../relay/canonical/contract.ts';
import type { BatchJob } from './harness/batch-chain.ts';
import { until } from './harness/until.ts';
import { WholeChain } from './harness/whole-chain.ts';
import { wordErrorRate } from './harness/words.ts';

const chain = new WholeChain({
  liveEngine: 'script:load',
  rooms: [
    { name: 'verdi', lines: [0, 1, 2] },
    { name: 'rossini', lines: [3, 4] },
    { name: 'puccini', lines: [5, 6] },
    { name: 'bellini', lines: [8, 9, 10] },
  ],
});
beforeAll(() => chain.start());
afterAll(() => chain.stop());

const jobOf = (room: string): BatchJob | undefined =>
  chain.batch.jobs.find(({ command }) => command.some((part) => part.includes(`/${room}/`)));
const started = (room: string) => {
  const job = () => {
    const found = jobOf(room);
    return found?.status === 'RUNNING' ? found : undefined;
  };
  return until(job, { timeoutMs: 120_000, what: `the job of ${room}` }).catch((error: unknown) => {
    const seen = chain.batch.jobs.map(({ command, status }) => `${status} ${command.join(' ')}`);
    throw new Error(`${String(error)}:\n${seen.join('\n')}`);
  });
};

test('every talk comes to one canonical transcript all the same', { timeout: 900_000 }, async () => {
  chain.standIn.fail({ kind: 'refuse', on: ['PutObject', 'CreateMultipartUpload'], key: 'recordings/', times: 3 });
  chain.standIn.fail({ kind: 'lost', on: ['PutObject'], key: 'manifest.json', times: 1 });
  chain.standIn.fail({ kind: 'slow', on: ['PutObject'], key: 'recordings/v1/conf/bellini', ms: 2000, times: 2 });
  chain.standIn.fail({ kind: 'cut', on: ['GetObject'], key: 'recordings/v1/conf/rossini/', times: 2 });
  chain.standIn.fail({ kind: 'full', on: ['PutObject'], key: 'transcripts/v1/conf/puccini', times: 1 });
  await chain.said();
  // In the midst of the uploads.
  await until(() => chain.events.length > 0 || undefined, {
    timeoutMs: 120_000,
    what: 'the first object in the store',
  });
  await chain.startRelay();
  await chain.clickhouse?.kill();
  // Which of them comes first is open, and a job may be done within seconds.
  await Promise.all([
    started('verdi').then((job) => chain.batch.loseHost(job)),
    started('bellini').then((job) => chain.batch.reclaimHost(job)),
  ]);
  await chain.archived(240_000);
  chain.deliverAgain();
  await chain.batch.settled();
  chain.deliverAgain();
  await chain.batch.settled();
  chain.expectRule();
  expect(jobOf('verdi')?.attempts.length).toBeGreaterThan(1);
  expect(jobOf('puccini')?.attempts.length).toBeGreaterThan(1);
  for (const { status, attempts, command } of chain.batch.jobs)
    expect(status, `${command.join(' ')}\n${attempts.at(-1)?.lines.join('\n')}`).toBe('SUCCEEDED');
  expect([...chain.batch.queues.values()].flat()).toEqual([]);
  await chain.clickhouse?.start();
  await chain.startRelay();

  for (const talk of chain.talks) {
    expect(chain.results(talk), talk.name).toEqual(['transcript.json']);
    const stored = chain.stored(talk);
    expect(stored?.pointer, talk.name).toMatchObject({ generation: 1, revision: 1, engine: 'pocketsphinx' });
    const served: { captions: { text: string }[] } = JSON.parse(await chain.served(talk, 'json', 120_000));
    const heard = served.captions.map(({ text }) => text).join(' ');
    expect(wordErrorRate(talk.text, heard), `${talk.text}\n${heard}`).toBeLessThan(0.5);
    if (!chain.clickhouse) continue;
    const rows = (await chain.rows(talk)).map(({ text }) => text);
    expect(rows).toEqual(stored?.transcript.segments.map(({ text }) => text));
  }
  const manifests = chain.standIn.keys.filter((key) => recordingOf(key));
  expect(manifests).toHaveLength(4);
});
