/** The job from manifest to transcript, in this process: what it asks of whom, and every fault of its way. Costs 3 s. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { exits } from '../relay/canonical/job-fault.ts';
import { JobBench } from './harness/canonical-job.ts';
import { flacOf, heard, makeRecording, murmur } from './harness/canonical-recording.ts';
import { storeError } from './harness/memory-store.ts';
import { temporaryFolder } from './harness/programs.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
let runs = 0;
const workDir = () => join(folder.path, `work-${++runs}`);
let bench: JobBench;
beforeEach(() => {
  bench = new JobBench(workDir());
});
const bytes = (text: string) => new TextEncoder().encode(text);
const changed = (body: Uint8Array) => body.with(body.length - 2000, 255 - (body.at(-2000) ?? 0));
const partKey = () => bench.recording.manifest.parts[0]?.key ?? '';

describe('a recording', () => {
  test('becomes a transcript, and nothing of it stays on this machine', async () => {
    expect((await bench.run()).pointer).toBe('moved');
    expect(bench.read()).toMatchObject({ pointer: { engine: 'parakeet' }, vtt: expect.stringContaining('world') });
    expect(bench.left).toEqual([]);
  });

  test('of several parts in two channels is heard as one', async () => {
    const [one, two] = [murmur(1), murmur(2)];
    bench = new JobBench(workDir(), makeRecording({ parts: [one, two, one], manifest: { channels: 2 } }));
    await bench.run();
    expect(bench.told[0]?.audio).toBe(3);
    expect(bench.read()?.transcript).toMatchObject({ audio: { channels: 2 }, talk: { duration_ms: 2000 } });
  });

  test('is told to the engine with where somebody speaks, its language, and the names to listen for', async () => {
    const languages = [
      { from_ms: 0, language: 'it-IT' },
      { from_ms: 500, language: 'en-US' },
      { from_ms: 1200, language: 'it-IT' },
    ];
    const vocabulary = ['Anna  Rossi', 'Kubernetes\n--turns yes'];
    bench = new JobBench(workDir(), makeRecording({ manifest: { languages, vocabulary } }));
    await bench.run({ turns: true, turnsModel: '/t' });
    expect(bench.calls[0]).toMatchObject({ language: 'it-IT', turns: true, turnsModel: '/t', model: null });
    expect(bench.told[0]).toMatchObject({
      vocabulary: 'Anna Rossi\nKubernetes --turns yes\n',
      vad: { speech: [{ start_ms: expect.any(Number), end_ms: expect.any(Number) }] },
    });
  });

  test('in which nobody says anything has a transcript without words', async () => {
    bench = new JobBench(workDir(), makeRecording({ parts: [new Uint8Array(32_000)] }));
    bench.hear = () => heard('');
    await bench.run();
    expect(bench.told[0]?.vad).toEqual({ speech: [] });
    expect(bench.read()).toMatchObject({ transcript: { segments: [], canonical: true }, vtt: 'WEBVTT\n' });
  });

  test('without a single sample has one, too, and no engine is started for it', async () => {
    bench = new JobBench(workDir(), makeRecording({ parts: [] }));
    await bench.run();
    expect(bench.calls).toEqual([]);
    expect(bench.read()?.transcript).toMatchObject({ segments: [], canonical: true, engine: { version: 'none' } });
  });

  test('is transcribed once, however often it is asked for', async () => {
    await bench.run();
    const before = new Map(bench.store.objects);
    bench.hear = () => heard('another thing');
    expect((await bench.run()).pointer).toBe('there');
    expect(bench.calls).toHaveLength(1);
    expect(bench.store.objects).toEqual(before);
  });

  test.each([
    { what: 'other audio', again: () => makeRecording({ parts: [murmur(3)], manifest: { revision: 2 } }), options: {} },
    { what: 'another way', again: () => makeRecording(), options: { turns: true } },
    { what: 'another model', again: () => makeRecording(), options: { model: '/models/other' } },
  ])('with $what is transcribed anew', async ({ again, options }) => {
    await bench.run();
    bench.put(again());
    await bench.job(options).run(again().key);
    expect(bench.calls).toHaveLength(2);
  });
});

describe('which engine', () => {
  const asks = (engine: 'whisper' | 'pocketsphinx' | null) =>
    new JobBench(workDir(), makeRecording({ manifest: { engine } }));
  test.each([
    {
      room: null,
      given: { engine: 'pocketsphinx', model: '/m' },
      used: { engine: 'pocketsphinx', model: '/m', timeoutMs: 900_000 },
    },
    { room: 'whisper' as const, given: { engine: 'parakeet', model: '/m' }, used: { engine: 'whisper', model: null } },
    { room: 'pocketsphinx' as const, given: { engine: 'parakeet', replace: true }, used: { engine: 'parakeet' } },
    { room: null, given: { engine: 'recorded:/x/y.json' }, used: { engine: 'recorded:/x/y.json' } },
  ])('a room asks for $room, the job has $given.engine: $used.engine', async ({ room, given, used }) => {
    bench = asks(room);
    await bench.run(given);
    expect(bench.calls[0]).toMatchObject(used);
  });

  test('may take longer with a longer recording, by how fast it is', async () => {
    const long = makeRecording({ manifest: { duration_ms: 10 * 3_600_000 } });
    bench = new JobBench(workDir(), long);
    bench.hear = ({ engine }) => ({ ...heard('hello', engine), duration_ms: 10 * 3_600_000 });
    await bench.run();
    await bench.run({ engine: 'pocketsphinx' });
    await bench.run({ engine: 'whisper', engineTime: 2 });
    expect(bench.calls.map(({ timeoutMs }) => timeoutMs / 3_600_000)).toEqual([2.5, 60, 20]);
  });

  test('one that may invent publishes nothing by itself', async () => {
    bench = asks('whisper');
    expect((await bench.run()).pointer).toBe('withheld');
    expect(bench.read()).toBeNull();
  });
});

describe('what no further attempt makes better is told once, in the store and by the exit', () => {
  const cases: { what: string; code: string; spoil: () => void }[] = [
    {
      what: 'audio of another hash',
      code: 'audio-damaged',
      spoil: () => bench.store.objects.set(partKey(), changed(bench.store.objects.get(partKey()) ?? bytes(''))),
    },
    { what: 'audio that is missing', code: 'audio-missing', spoil: () => bench.store.objects.delete(partKey()) },
    {
      what: 'a live transcript that is missing',
      code: 'live-damaged',
      spoil: () => bench.store.objects.delete(bench.recording.manifest.live.key),
    },
    {
      what: 'another live transcript',
      code: 'live-damaged',
      spoil: () => bench.store.objects.set(bench.recording.manifest.live.key, bytes('{}')),
    },
    {
      what: 'a manifest that is none',
      code: 'manifest-bad',
      spoil: () => bench.store.objects.set(bench.recording.key, bytes('{"schema":"sala.rec')),
    },
    {
      what: 'a manifest of another room',
      code: 'manifest-bad',
      spoil: () =>
        bench.store.objects.set(
          bench.recording.key,
          bytes(JSON.stringify({ ...bench.recording.manifest, room: 'rossini' })),
        ),
    },
  ];
  test.each(cases)('$what', async ({ code, spoil }) => {
    spoil();
    await expect(bench.run()).rejects.toMatchObject({ exit: exits.bad, code, hint: expect.stringMatching(/\w/) });
    expect(bench.failures()).toMatchObject([{ schema: 'sala.failure.v1', code, engine: 'parakeet' }]);
    expect(bench.read()).toBeNull();
    expect(bench.calls).toEqual([]);
    // It is not even fetched again.
    await expect(bench.run()).rejects.toMatchObject({
      exit: exits.bad,
      code,
      message: expect.stringContaining('before'),
    });
    expect(bench.failures()).toHaveLength(1);
    expect(bench.left).toEqual([]);
  });

  /** A part that is what the manifest says by its hash, and yet is not what it ought to be. */
  const wrong = (pcm: Uint8Array, spoil: (flac: Uint8Array) => Uint8Array, channels: 1 | 2 = 1) => {
    const made = makeRecording({ parts: [pcm] });
    const part = made.manifest.parts[0];
    if (!part) throw new Error('no part');
    const flac = spoil(flacOf(pcm, channels));
    const again = makeRecording({
      parts: [pcm],
      manifest: { parts: [{ ...part, bytes: flac.length, sha256: createHash('sha256').update(flac).digest('hex') }] },
    });
    return { ...again, objects: new Map(again.objects).set(part.key, flac) };
  };
  test.each([
    { what: 'cannot be decoded', code: 'audio-undecodable', made: () => wrong(murmur(2), changed) },
    { what: 'is no FLAC', code: 'audio-format', made: () => wrong(murmur(2), (flac) => flac.fill(7, 0, 4)) },
    { what: 'is empty', code: 'audio-format', made: () => wrong(murmur(2), () => new Uint8Array()) },
    {
      what: 'has two channels where one was recorded',
      code: 'audio-format',
      made: () => wrong(murmur(2), (flac) => flac, 2),
    },
    {
      what: 'is shorter than it ought to be',
      code: 'audio-incomplete',
      made: () => wrong(murmur(2), () => flacOf(murmur(1))),
    },
  ])('audio that $what', async ({ code, made }) => {
    bench = new JobBench(workDir(), made());
    await expect(bench.run()).rejects.toMatchObject({ exit: exits.bad, code });
    expect(bench.failures()).toMatchObject([{ code }]);
    expect(bench.left).toEqual([]);
  });

  test('an engine that did not hear all of it', async () => {
    bench = new JobBench(workDir(), makeRecording({ parts: [murmur(10)] }));
    await expect(bench.run()).rejects.toMatchObject({ exit: exits.bad, code: 'engine-incomplete' });
    expect(bench.failures()).toHaveLength(1);
  });

  test('a mistake of the program, and its words, which may be those of the room, are nowhere', async () => {
    bench.hear = () => {
      throw new TypeError('hunter2 is not iterable');
    };
    await expect(bench.run()).rejects.toMatchObject({ exit: exits.mistake, code: 'unexpected' });
    expect(bench.failures()).toMatchObject([{ code: 'unexpected' }]);
    expect(JSON.stringify([bench.failures(), bench.lines])).not.toContain('hunter2');
  });

  test('is tried again where that is asked for', async () => {
    const part = bench.store.objects.get(partKey()) ?? bytes('');
    bench.store.objects.set(partKey(), changed(part));
    await expect(bench.run()).rejects.toMatchObject({ code: 'audio-damaged' });
    bench.store.objects.set(partKey(), part);
    await expect(bench.run()).rejects.toMatchObject({ code: 'audio-damaged' });
    expect((await bench.run({ replace: true })).pointer).toBe('moved');
    expect(bench.failures()).toEqual([]);
  });
});

describe('what another attempt may mend', () => {
  test('audio that came otherwise than it lies there, or not to its end, is fetched again', async () => {
    const part = bench.store.objects.get(partKey()) ?? bytes('');
    let downloads = 0;
    bench.store.before = ({ name }) => {
      if (name !== 'download') return;
      bench.store.objects.set(partKey(), ++downloads === 1 ? changed(part) : part);
      if (downloads === 2) throw storeError('store-unreachable');
    };
    expect((await bench.run()).pointer).toBe('moved');
    expect(downloads).toBe(3);
  });

  test.each(['store-unreachable', 'store-refused', 'store-full', 'store-damaged'])(
    '%s leaves no word',
    async (code) => {
      for (const name of ['get', 'download', 'put'] as const) {
        bench.store.before = (call) => {
          if (call.name === name) throw storeError(code);
        };
        await expect(bench.run()).rejects.toMatchObject({ exit: exits.again, code });
      }
      expect(bench.store.keys()).toEqual([...bench.recording.objects.keys()].toSorted());
      bench.store.before = () => {};
      expect((await bench.run()).pointer).toBe('moved');
    },
  );

  test('is told in the store by the last attempt, and given to whoever tries once more', async () => {
    bench.store.before = ({ name }) => {
      if (name === 'download') throw storeError('store-unreachable');
    };
    await expect(bench.run({ attempt: { number: 2, of: 3 } })).rejects.toMatchObject({ exit: exits.again });
    expect(bench.failures()).toEqual([]);
    await expect(bench.run({ attempt: { number: 3, of: 3 } })).rejects.toMatchObject({ exit: exits.again });
    expect(bench.failures()).toMatchObject([{ code: 'store-unreachable' }]);
  });

  test('is not said to be final where even that word finds no place', async () => {
    bench.store.objects.delete(partKey());
    bench.store.before = ({ name }) => {
      if (name === 'put') throw storeError('store-full');
    };
    await expect(bench.run()).rejects.toMatchObject({ exit: exits.again, code: 'store-full' });
  });

  test('a disk that is full is one of them', async () => {
    const blocked = join(folder.path, `file-${++runs}`);
    writeFileSync(blocked, '');
    await expect(bench.run({ workDir: join(blocked, 'work') })).rejects.toMatchObject({
      exit: exits.again,
      code: 'machine',
    });
  });
});

test('a recording that is not there is told and leaves nothing', async () => {
  const before = bench.store.keys();
  await expect(bench.job().run(bench.recording.key.replace('opening', 'closing'))).rejects.toMatchObject({
    exit: exits.bad,
    code: 'recording-missing',
  });
  await expect(bench.job().run('recordings/v1/conf/verdi/manifest.json')).rejects.toMatchObject({
    code: 'not-a-manifest',
  });
  expect(bench.store.keys()).toEqual(before);
});

test('told to stop, it stops with the reason and leaves nothing', async () => {
  const stopped = new Error('told to stop');
  bench.hear = () => {
    bench.ending.abort(stopped);
    throw new Error('the engine was ended');
  };
  await expect(bench.run({ attempt: { number: 3, of: 3 } })).rejects.toBe(stopped);
  expect(bench.store.keys()).toHaveLength(bench.recording.objects.size);
  expect(bench.left).toEqual([]);
});

test('what a job that was killed left on the disk goes, what another one works on stays', async () => {
  const dir = workDir();
  bench = new JobBench(dir);
  // No process has this number: it is beyond the largest that Linux gives.
  for (const name of ['job-4194305-abc', `job-${process.ppid}-abc`, 'something-else'])
    mkdirSync(join(dir, name), { recursive: true });
  await bench.run();
  expect(bench.left.toSorted()).toEqual([`job-${process.ppid}-abc`, 'something-else'].toSorted());
});

test('its figures are one line of the log that CloudWatch makes metrics of, without a word that was said', async () => {
  bench.hear = () => heard('correct horse battery staple');
  await bench.run({ attempt: { number: 2, of: 3 } });
  const line = bench.lines.find(({ event }) => event === 'published');
  expect(line).toMatchObject({
    _aws: {
      Timestamp: Date.parse('2026-11-20T12:00:00Z'),
      CloudWatchMetrics: [{ Namespace: 'Sala/Canonical', Dimensions: [['Engine']] }],
    },
    ...{ Engine: 'parakeet', AudioSeconds: 2, Words: 4, Attempt: 2, MeanConfidence: 0.9, pointer: 'moved' },
    talk: 'conf/verdi/opening',
  });
  for (const name of ['RealTimeFactor', 'SpeechRatio', 'EngineSeconds']) expect(line?.[name], name).toBeGreaterThan(0);
  expect(JSON.stringify(bench.lines)).not.toMatch(/horse|staple/);
});
