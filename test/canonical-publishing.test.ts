/** Where runs of a job put their transcripts: each once, whatever happens. Costs 2 s. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { companionKeys, type JobIdentity, jobFolder, pointerKey, recordingOf } from '../relay/canonical/contract.ts';
import { Publishing } from '../relay/canonical/publishing.ts';
import { identity, manifestKey, product, readTalk, resultsOf, talk } from './harness/canonical-run.ts';
import { MemoryStore, type StoreCall, storeError } from './harness/memory-store.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const reason = { code: 'audio-damaged', message: 'Part 1 cannot be decoded', hint: 'Listen to it.' };

/** A store with recordings of both revisions, and what publishes there. */
function hall(runs: readonly JobIdentity[] = [identity()], store = new MemoryStore()) {
  for (const run of runs) store.objects.set(manifestKey(run), bytes('{}'));
  let now = Date.parse('2026-11-20T12:00:00Z');
  return { store, publishing: new Publishing({ store, now: () => now++ }), read: (key: string) => store.text(key) };
}

describe('a transcript', () => {
  test('is whole when its pointer is seen, and is found again', async () => {
    const { publishing, read } = hall();
    expect(await publishing.outcome(identity())).toBeNull();
    expect((await publishing.publish(identity(), product(identity()))).pointer).toBe('moved');
    const talk = readTalk(read);
    expect(talk?.vtt).toContain('hello');
    expect(talk?.pointer).toMatchObject({
      generation: 1,
      revision: 1,
      engine: 'parakeet',
      folder: jobFolder(identity()),
    });
    expect(await publishing.outcome(identity())).toMatchObject({ state: 'published', pointer: 'there' });
  });

  test('stays the first one when the same run is done twice', async () => {
    const { publishing, read, store } = hall();
    await publishing.publish(identity(), product(identity(), 'first'));
    const before = new Map(store.objects);
    const second = await publishing.publish(identity(), product(identity(), 'second'));
    expect(second.pointer).toBe('there');
    expect(readTalk(read)).toMatchObject({
      ...{ vtt: expect.stringContaining('first'), transcript: { segments: [{ text: 'first' }] } },
      pointer: { generation: 1 },
    });
    for (const [key, body] of before) expect(store.objects.get(key)).toBe(body);
  });

  test('that an engine may have invented waits for an organizer', async () => {
    const run = identity({ engine: 'whisper' });
    const { publishing, read } = hall();
    expect((await publishing.publish(run, product(run))).pointer).toBe('withheld');
    expect(readTalk(read)).toBeNull();
    expect(resultsOf(read, run)).toEqual(['transcript.json']);
  });

  test('whose companions are not what was sent is not published', async () => {
    const { publishing, read, store } = hall();
    store.after = ({ name, key }) => {
      if (name === 'put' && key.endsWith('captions.srt')) store.objects.set(key, bytes('something else'));
    };
    await expect(publishing.publish(identity(), product(identity()))).rejects.toMatchObject({ code: 'store-damaged' });
    expect(resultsOf(read, identity())).toEqual([]);
  });

  test('that the store changed is told, and is replaced when the run is done again', async () => {
    const { publishing, read, store } = hall();
    store.after = ({ name, key }) => {
      if (name === 'put' && key.endsWith('transcript.json')) store.objects.set(key, bytes('{"schema":"sala.transc'));
    };
    await expect(publishing.publish(identity(), product(identity()))).rejects.toMatchObject({ code: 'store-damaged' });
    expect(readTalk(read)).toBeNull();
    store.after = () => {};
    expect(await publishing.outcome(identity())).toBeNull();
    expect((await publishing.publish(identity(), product(identity(), 'again'))).pointer).toBe('moved');
    expect(readTalk(read)?.srt).toContain('again');
  });

  test('in a bucket that is gone is no success', async () => {
    const { publishing, store } = hall();
    store.before = ({ name }) => {
      if (name === 'put') throw storeError('store-missing');
    };
    await expect(publishing.publish(identity(), product(identity()))).rejects.toMatchObject({ code: 'store-missing' });
  });
});

describe('the pointer', () => {
  const steps = [
    { from: {}, to: { revision: 2 }, moves: true, what: 'to a later recording' },
    { from: { revision: 2 }, to: {}, moves: false, what: 'to an earlier recording' },
    {
      from: { engine: 'parakeet', revision: 2 },
      to: { engine: 'pocketsphinx', revision: 3 },
      moves: true,
      what: 'to a later recording by a lesser engine',
    },
    { from: { engine: 'pocketsphinx' }, to: { engine: 'parakeet' }, moves: true, what: 'to a better engine' },
    { from: { engine: 'parakeet' }, to: { engine: 'pocketsphinx' }, moves: false, what: 'to a lesser engine' },
    {
      from: { engine: 'parakeet' },
      to: { engine: 'parakeet', model: 'other' },
      moves: false,
      what: 'to the same engine',
    },
    { from: { engine: 'pocketsphinx' }, to: { engine: 'whisper' }, moves: false, what: 'to an engine that may invent' },
  ];

  test.each(steps)('moves $what: $moves', async ({ from, to, moves }) => {
    const [first, second] = [identity(from), identity(to)];
    const { publishing, read } = hall([first, second]);
    await publishing.publish(first, product(first));
    const { pointer } = await publishing.publish(second, product(second));
    expect(pointer === 'moved').toBe(moves);
    expect(readTalk(read)?.pointer).toMatchObject({
      folder: jobFolder(moves ? second : first),
      generation: moves ? 2 : 1,
    });
  });

  test('moves to a lesser engine where that is asked for, but never to an earlier recording', async () => {
    const [best, lesser, early] = [
      identity({ revision: 2 }),
      identity({ revision: 2, engine: 'pocketsphinx' }),
      identity(),
    ];
    const { publishing, read } = hall([best, lesser, early]);
    await publishing.publish(best, product(best));
    expect((await publishing.publish(lesser, product(lesser), true)).pointer).toBe('moved');
    expect((await publishing.publish(early, product(early), true)).pointer).toBe('kept');
    expect(readTalk(read)?.pointer.folder).toBe(jobFolder(lesser));
  });

  test('that cannot be read is replaced', async () => {
    const { publishing, read, store } = hall();
    store.objects.set(pointerKey(talk), bytes('{'));
    expect((await publishing.publish(identity(), product(identity()))).pointer).toBe('moved');
    expect(readTalk(read)?.pointer.generation).toBe(1);
  });

  test('that others keep moving is left to another attempt', async () => {
    const { publishing, store } = hall();
    store.before = ({ name, key }) => {
      if (name === 'put' && key === pointerKey(talk)) throw storeError('store-exists');
    };
    await expect(publishing.publish(identity(), product(identity()))).rejects.toMatchObject({
      code: 'pointer-contended',
    });
  });
});

describe('a failure', () => {
  test('is left once, in words, and found again', async () => {
    const { publishing } = hall();
    await publishing.fail(identity(), reason);
    expect(await publishing.outcome(identity())).toMatchObject({
      state: 'failed',
      failure: { ...reason, engine: 'parakeet' },
    });
  });

  test('gives way to a transcript, which ever was there first', async () => {
    const { publishing, read } = hall();
    await publishing.fail(identity(), reason);
    await publishing.publish(identity(), product(identity()));
    expect(resultsOf(read, identity())).toEqual(['transcript.json']);
    await publishing.fail(identity(), reason);
    expect(resultsOf(read, identity())).toEqual(['transcript.json']);
  });
});

describe('a talk that is deleted while its job runs', () => {
  const isPut = (ending: string) => (call: StoreCall) => call.name === 'put' && call.key.endsWith(ending);
  test.each([{ at: 'captions.vtt' }, { at: 'transcript.json' }, { at: 'canonical.json' }, { at: 'failed.json' }])(
    'leaves nothing behind, when it happens at $at',
    async ({ at }) => {
      const { publishing, store } = hall();
      store.after = (call) => {
        if (isPut(at)(call)) store.objects.delete(manifestKey(identity()));
      };
      if (at === 'failed.json') await publishing.fail(identity(), reason);
      else expect((await publishing.publish(identity(), product(identity()))).pointer).toBe('withdrawn');
      expect(store.keys()).toEqual([]);
    },
  );

  test('leaves another recording of it alone', async () => {
    const [old, edited] = [identity(), identity({ revision: 2 })];
    const { publishing, store, read } = hall([edited]);
    await publishing.publish(edited, product(edited));
    expect((await publishing.publish(old, product(old))).pointer).toBe('withdrawn');
    expect(readTalk(read)?.pointer.folder).toBe(jobFolder(edited));
    expect(store.keys().filter((key) => key.startsWith(jobFolder(old)))).toEqual([]);
  });
});

test('keys of manifests, and none but them, name a recording', () => {
  const key = 'recordings/v1/conf/verdi/opening/manifest.json';
  expect(recordingOf(key)).toEqual({ ...talk, revision: 1 });
  expect(recordingOf(key.replace('manifest', 'r12/manifest'))).toEqual({ ...talk, revision: 12 });
  for (const other of ['x/', 'r1/', 'r02/', '../'])
    expect(recordingOf(key.replace('manifest', `${other}manifest`)), other).toBeNull();
  for (const other of [`/${key}`, `${key}.gz`, key.replace('manifest', 'live'), key.replace('verdi', 'Verdi'), ''])
    expect(recordingOf(other), other).toBeNull();
});

describe('runs in any order, at the same time, repeated and killed', () => {
  const runs = fc.record({
    revision: fc.integer({ min: 1, max: 2 }),
    engine: fc.constantFrom('pocketsphinx', 'whisper', 'parakeet'),
    model: fc.constantFrom('a', 'b'),
    /** Bad audio is bad for all; `damaged` comes and goes. */
    hears: fc.constantFrom('words', 'words', 'words', 'nothing', 'sometimes'),
    /** The call of the store in which it dies, and whether that call still takes effect. */
    dies: fc.option(fc.record({ at: fc.nat({ max: 30 }), tookEffect: fc.boolean() }), { nil: null }),
    isDuplicate: fc.boolean(),
  });

  /** Every object but the pointer and the word of a failure stays as it was first written. */
  class Watched extends Map<string, Uint8Array> {
    readonly pointers: string[] = [];
    override set(key: string, body: Uint8Array): this {
      if (key.endsWith('canonical.json')) this.pointers.push(new TextDecoder().decode(body));
      else if (this.has(key) && !key.endsWith('failed.json')) throw new Error(`${key} was written twice`);
      return super.set(key, body);
    }
  }

  test('come to one transcript a talk, or one failure; every pointer ever seen was whole and further on', async () => {
    const property = fc.asyncProperty(
      fc.scheduler(),
      fc.array(runs, { minLength: 1, maxLength: 5 }),
      async (scheduler, planned) => {
        const objects = new Watched();
        const service = new MemoryStore(objects);
        const read = (key: string) => service.text(key);
        const all = planned.flatMap((plan, i) =>
          plan.isDuplicate ? [plan, { ...plan, dies: planned[i]?.dies ?? null }] : [plan],
        );
        const identityOf = ({ revision, engine, model }: (typeof all)[number]) => identity({ revision, engine, model });
        // Of what an engine hears, the first plan of a run decides.
        const hears = new Map<string, string>();
        for (const plan of all) {
          objects.delete(manifestKey(identityOf(plan)));
          objects.set(manifestKey(identityOf(plan)), bytes('{}'));
          const folder = jobFolder(identityOf(plan));
          if (!hears.has(folder)) hears.set(folder, plan.hears);
        }
        let attempts = 0;

        const attempt = async (store: MemoryStore, run: JobIdentity) => {
          const publishing = new Publishing({ store, now: () => 0 });
          if (await publishing.outcome(run)) return;
          const heard = hears.get(jobFolder(run));
          attempts += 1;
          if (heard === 'nothing' || (heard === 'sometimes' && attempts % 2 === 0)) await publishing.fail(run, reason);
          else await publishing.publish(run, product(run, `attempt ${attempts}`));
        };

        const started = all.map(async (plan) => {
          const store = new MemoryStore(objects);
          let calls = 0;
          const dead = () => plan.dies !== null && calls > plan.dies.at;
          store.before = async ({ name, key }) => {
            await scheduler.schedule(Promise.resolve(), `${name} ${key}`);
            calls += 1;
            if (dead() && !(plan.dies?.tookEffect && calls === plan.dies.at + 1)) throw storeError('killed');
          };
          store.after = () => {
            readTalk(read);
            if (dead()) throw storeError('killed');
          };
          await attempt(store, identityOf(plan)).catch((error: unknown) => {
            if (!dead()) throw error;
          });
        });
        await scheduler.waitFor(Promise.all(started));
        // Batch starts again what died; events come once more.
        for (const plan of all) await attempt(service, identityOf(plan));

        for (const plan of all) {
          const results = resultsOf(read, identityOf(plan));
          expect(results).toHaveLength(1);
          if (plan.hears === hears.get(jobFolder(identityOf(plan))) && plan.hears !== 'sometimes')
            expect(results).toEqual([plan.hears === 'words' ? 'transcript.json' : 'failed.json']);
        }
        const heard = all.filter((plan) => resultsOf(read, identityOf(plan)).includes('transcript.json'));
        const rank = ({ revision, engine }: (typeof all)[number]) => revision * 10 + (engine === 'parakeet' ? 2 : 1);
        const best = Math.max(0, ...heard.filter(({ engine }) => engine !== 'whisper').map(rank));
        const counts = readTalk(read);
        expect(
          counts === null ? 0 : counts.pointer.revision * 10 + (counts.pointer.engine === 'parakeet' ? 2 : 1),
        ).toBe(best);
        if (counts) {
          const said = counts.transcript.segments[0]?.text ?? '';
          expect([counts.vtt, counts.srt, JSON.stringify(counts.report)].every((file) => file.includes(said))).toBe(
            true,
          );
          expect(service.keys('captions.vtt')).toContain(
            companionKeys(counts.pointer.folder, counts.pointer.transcript.sha256).vtt,
          );
        }
        const moves: { generation: number }[] = objects.pointers.map((pointer) => JSON.parse(pointer));
        expect(moves.map(({ generation }) => generation)).toEqual(moves.map((_, i) => i + 1));
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });
});
