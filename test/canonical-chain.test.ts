/**
 * The whole chain after the talk, with no AWS and no GPU: four rooms recorded live, archived, matched by the stack's own rule,
 * transcribed by the real program, served by the relay, sent to ClickHouse. Costs 35 s, most of it waiting; with faults
 * in it: canonical-chain.long.ts.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { beyondRights } from './harness/store-rights.ts';
import { WholeChain } from './harness/whole-chain.ts';
import { wordErrorRate } from './harness/words.ts';

const chain = new WholeChain({
  liveEngine: 'script:load',
  rooms: [
    { name: 'verdi', lines: [0] },
    { name: 'rossini', lines: [4] },
    { name: 'puccini', lines: [6] },
    { name: 'bellini', lines: [9] },
  ],
});
beforeAll(() => chain.start());
afterAll(() => chain.stop());

test('four talks come back from their recordings as canonical transcripts, each once', {
  timeout: 240_000,
}, async () => {
  await chain.said();
  await chain.archived();
  // EventBridge delivers at least once, and in no order.
  chain.deliverAgain();
  await chain.batch.settled();
  chain.expectRule();
  expect(chain.batch.jobs).toHaveLength(8);
  for (const { status, attempts, command } of chain.batch.jobs)
    expect(status, `${command.join(' ')}\n${attempts.at(-1)?.lines.join('\n')}`).toBe('SUCCEEDED');
  expect([...chain.batch.queues.values()].flat()).toEqual([]);
  expect(chain.standIn.requests.length).toBeGreaterThan(40);
  expect(beyondRights(chain.standIn.requests)).toEqual([]);

  for (const talk of chain.talks) {
    expect(chain.results(talk), talk.name).toEqual(['transcript.json']);
    const stored = chain.stored(talk);
    expect(stored?.pointer, talk.name).toMatchObject({ generation: 1, revision: 1, engine: 'pocketsphinx' });
    const served: { version: string; engine: string; captions: { text: string }[] } = JSON.parse(
      await chain.served(talk),
    );
    expect(served).toMatchObject({ version: 'canonical', engine: 'pocketsphinx' });
    const heard = served.captions.map(({ text }) => text).join(' ');
    expect(wordErrorRate(talk.text, heard), `${talk.text}\n${heard}`).toBeLessThan(0.5);
    expect(stored?.vtt).toContain(heard.split(' ')[0]);
  }
  expect(await chain.served(chain.talks[0] ?? expect.fail('no talk'), 'vtt')).toContain(
    'version canonical, pocketsphinx',
  );

  if (!chain.clickhouse) return;
  // What it was about to send is sent by the next one.
  await chain.startRelay();
  for (const talk of chain.talks) {
    const rows = (await chain.rows(talk)).map(({ text }) => text);
    expect(rows).toEqual(chain.stored(talk)?.transcript.segments.map(({ text }) => text));
  }
});
