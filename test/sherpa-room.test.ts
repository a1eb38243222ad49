import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { root, startDevice, TestReader, TestRelay, temporaryFolder } from './harness/programs.ts';
import { toneSpeech, writeToneModel } from './harness/tone-model.ts';
import { until } from './harness/until.ts';
import { writeWav } from './harness/wav.ts';

const folder = temporaryFolder();
const modelDir = join(folder.path, 'streaming-tones-en');
afterAll(() => folder.remove());

const phrase = ['good', 'morning', 'everyone', 'welcome'];
const phrases = 9;
const pauseSamples = 1.2 * 16_000;

/** Phrases with pauses between them, some 29 s. */
function talk(): Int16Array {
  const { audio } = toneSpeech(phrase);
  const whole = new Int16Array(phrases * (audio.length + pauseSamples));
  for (let i = 0; i < phrases; i++) whole.set(audio, i * (audio.length + pauseSamples));
  return whole;
}

/** The recogniser processes of a relay. */
function children(pid: number | undefined): number[] {
  const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return pids.filter((each) => readFileSync(`/proc/${each}/cmdline`, 'utf8').includes('sherpa-host'));
}

test.skipIf(!existsSync(join(root, 'node_modules/sherpa-onnx-node')))(
  'a room is captioned once its model is there, loses no word to a recogniser killed in mid-talk, and is refused a language that the model lacks',
  { timeout: 120_000 },
  async () => {
    const relay = await TestRelay.start({
      dataDir: join(folder.path, 'relay'),
      engine: 'sherpa',
      args: ['--sherpa-model', modelDir],
    });
    const { publish, read } = await relay.room('aula', { language: 'en-GB' });
    const reader = new TestReader(() => relay.url.replace('http', 'ws'), 'aula', read);
    const wav = join(folder.path, 'talk.wav');
    writeWav(wav, talk());
    const device = startDevice({
      relay: relay.url.replace('http', 'ws'),
      room: 'aula',
      token: publish,
      dataDir: join(folder.path, 'device'),
      source: `wav:${wav}`,
    });

    await until(
      async () => JSON.stringify(await relay.call('GET', '/api/rooms/aula')).includes('is not there') || undefined,
      { what: 'the missing model to be named' },
    );
    writeToneModel(modelDir);

    await until(() => reader.words().length >= 3 * phrase.length || undefined, {
      timeoutMs: 60_000,
      what: 'three phrases',
    });
    const [victim] = children(relay.program.child.pid);
    expect(victim).toBeDefined();
    process.kill(victim ?? 0, 'SIGKILL');

    await until(() => reader.words().length >= phrases * phrase.length || undefined, {
      timeoutMs: 60_000,
      what: 'all phrases',
    });
    expect((await device.exit).status).toBe(0);
    expect(reader.words()).toEqual(Array(phrases).fill(phrase).flat());

    await expect(relay.call('PUT', '/api/rooms/aula/language', { language: 'it-IT' })).rejects.toThrow(/en, not it-IT/);
    reader.close();
    const left = children(relay.program.child.pid);
    expect(await relay.stop()).toBe(0);
    for (const pid of left) expect(existsSync(`/proc/${pid}`)).toBe(false);
  },
);
