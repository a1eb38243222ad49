import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { SherpaEngine, type SherpaOptions } from '../relay/engines/sherpa.ts';
import { createLog } from '../systemd/log.ts';
import { EngineRecorder } from './harness/engine-recorder.ts';
import { root } from './harness/programs.ts';
import { toneSpeech, writeToneCtcModel, writeToneModel } from './harness/tone-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'sala-sherpa-'));
afterAll(() => rmSync(folder, { recursive: true }));
let model = '';
let models = 0;
beforeEach(() => {
  model = join(folder, `${++models}`, 'streaming-tones-en');
  writeToneModel(model);
});
const at = (name: string) => join(model, name);

const english = { room: 'aula', language: 'en-US' };
const realHost = new URL('../relay/engines/sherpa-host.ts', import.meta.url).href;
const unhurried = { maxBacklogMs: 600_000 };

function open(options: Partial<SherpaOptions> = {}, settings = english) {
  const engine = new SherpaEngine({
    log: createLog('silent')('test'),
    execPath: process.execPath,
    modelDir: model,
    threads: 1,
    limits: unhurried,
    ...options,
  });
  const heard = new EngineRecorder();
  const session = engine.open(settings, heard);
  const write = (audio: Int16Array) => {
    const bytes = new Uint8Array(audio.buffer, audio.byteOffset, audio.byteLength);
    for (let i = 0; i < bytes.length; i += 3200) session.write(bytes.subarray(i, i + 3200), null);
  };
  return { engine, heard, session, write };
}

/** A child program in the recogniser's place. */
function stub(code: string): string {
  const path = join(folder, `stub-${++models}.mjs`);
  writeFileSync(path, code);
  return path;
}
const silence = (seconds: number) => new Int16Array(seconds * 16_000);

const withLibrary = describe.skipIf(!existsSync(join(root, 'node_modules/sherpa-onnx-node')));

withLibrary('a session that cannot work says what is wrong, once, and works when it is put right', () => {
  const lose = (...names: string[]) => {
    for (const name of names) unlinkSync(at(name));
  };
  const write = (name: string, content: string) => writeFileSync(at(name), content);
  /** A model that says only this of itself. */
  const saying = (metadata: Record<string, string | number>) => writeToneModel(model, { encoder: { metadata } });
  const recordings = { model_type: 'zipformer2', comment: 'non-streaming' };
  const lstm = { model_type: 'lstm', T: 16, decode_chunk_len: 16, num_encoder_layers: 1 };
  const otherShape = {
    inputs: ['encoder_out', 'decoder_out'].map((name) => ({ name, type: 'float' as const, shape: ['N', 3] })),
  };

  test.each<[string, string, RegExp, () => void]>([
    ['no folder', 'sherpa-folder', /is not there/, () => rmSync(model, { recursive: true })],
    [
      'nothing in it',
      'sherpa-folder',
      /no model/,
      () => lose('encoder.onnx', 'decoder.onnx', 'joiner.onnx', 'tokens.txt'),
    ],
    ['no tokens.txt', 'sherpa-incomplete', /tokens\.txt/, () => lose('tokens.txt')],
    ['no decoder', 'sherpa-incomplete', /decoder/, () => lose('decoder.onnx')],
    ['no joiner', 'sherpa-incomplete', /joiner/, () => lose('joiner.onnx')],
    ['no encoder', 'sherpa-incomplete', /encoder/, () => lose('encoder.onnx')],
    ['no model', 'sherpa-incomplete', /\.onnx/, () => lose('encoder.onnx', 'decoder.onnx', 'joiner.onnx')],
    ['half of a file', 'sherpa-damaged', /encoder\.onnx/, () => truncateSync(at('encoder.onnx'), 700)],
    [
      'a pointer for a file',
      'sherpa-damaged',
      /joiner/,
      () => write('joiner.onnx', 'version https://git-lfs.github.com/'),
    ],
    ['an empty file', 'sherpa-damaged', /decoder/, () => write('decoder.onnx', '')],
    [
      "another model's tokens",
      'sherpa-tokens',
      /2 tokens and the model 10/,
      () => write('tokens.txt', '<blk> 0\nA 1\n'),
    ],
    ['a transducer for recordings', 'sherpa-not-streaming', /zipformer2/, () => saying(recordings)],
    [
      'a model for recordings without joiner',
      'sherpa-not-streaming',
      /whisper-tiny/,
      () => {
        saying({ model_type: 'whisper-tiny' });
        lose('joiner.onnx');
      },
    ],
    [
      'a model for recordings of one file',
      'sherpa-not-streaming',
      /sense_voice_ctc/,
      () => {
        saying({ model_type: 'sense_voice_ctc' });
        renameSync(at('encoder.onnx'), at('model.int8.onnx'));
        lose('decoder.onnx', 'joiner.onnx');
      },
    ],
    [
      'a folder for a file',
      'sherpa-unreadable',
      /encoder\.onnx/,
      () => {
        lose('encoder.onnx');
        mkdirSync(at('encoder.onnx'));
      },
    ],
    ['what the library exits over', 'sherpa-model', /rnn_hidden_size/, () => saying(lstm)],
    ['what the library aborts over', 'sherpa-model', /dimensions/, () => writeToneModel(model, { joiner: otherShape })],
    ['tokens in disorder', 'sherpa-model', /a b c d/, () => write('tokens.txt', 'a b c d\n'.repeat(10))],
  ])('%s', async (_, code, message, spoil) => {
    spoil();
    const { heard } = open();
    await heard.over();
    expect(heard.names).toEqual(['failed']);
    expect(heard.failures[0]).toMatchObject({ kind: 'configuration', code, message: expect.stringMatching(message) });
    expect(heard.failures[0]?.hint).toMatch(/\w/);

    rmSync(model, { recursive: true, force: true });
    writeToneModel(model);
    const again = open();
    await again.heard.saw('ready', 'failed');
    again.session.abort();
    expect(again.heard.names).toEqual(['ready']);
  });

  test('a folder that is a file', async () => {
    const { engine, heard } = open({ modelDir: at('tokens.txt') });
    await heard.over();
    expect(heard.failures[0]).toMatchObject({ kind: 'configuration', code: 'sherpa-folder' });
    // It may be put right while the room waits: no reason to refuse the room its settings.
    expect(engine.check(english)).toBeNull();
  });

  test('no folder at all', async () => {
    const { engine, heard } = open({ modelDir: undefined });
    expect(engine.check(english)).toMatchObject({
      code: 'sherpa-no-model',
      hint: expect.stringContaining('--sherpa-model'),
    });
    await heard.over();
    expect(heard.failures[0]).toMatchObject({ kind: 'configuration', code: 'sherpa-no-model' });
  });

  test.each([
    ['the package', /^sherpa-onnx/, 'sherpa-not-installed', /npm install/],
    ['a build for this computer', /sherpa-onnx-(?!node)/, 'sherpa-platform', /install again/],
  ])('%s is not installed', async (_, lacks, code, hint) => {
    const hostPath = stub(
      `import { registerHooks } from 'node:module';
       registerHooks({ resolve(name, context, next) {
         if (${lacks}.test(name)) throw Object.assign(new Error("Cannot find module '" + name + "'"), { code: 'MODULE_NOT_FOUND' });
         return next(name, context);
       } });
       await import(${JSON.stringify(realHost)});`,
    );
    const { heard } = open({ hostPath });
    await heard.over();
    expect(heard.failures[0]).toMatchObject({ kind: 'configuration', code, hint: expect.stringMatching(hint) });
  });

  test('a processor without the instructions', async () => {
    const { heard } = open({ hostPath: stub(`process.kill(process.pid, 'SIGILL'); setInterval(() => {}, 1000);`) });
    await heard.over();
    expect(heard.failures[0]).toMatchObject({ kind: 'configuration', code: 'sherpa-platform' });
  });

  test('a room in another language, naming both', async () => {
    const italian = { room: 'aula', language: 'it-IT' };
    const { engine, heard } = open({ execPath: '/nowhere/node' }, italian);
    expect(engine.check(italian)?.message).toMatch(/speaks en, not it-IT/);
    await heard.over();
    expect(heard.failures[0]).toMatchObject({ kind: 'configuration', code: 'language-unsupported' });
  });
});

withLibrary('which model', () => {
  test('a setting goes before the name of the folder', () => {
    const { engine, session } = open({ languages: ['it-IT'] });
    session.abort();
    expect(engine.check({ room: 'aula', language: 'it-CH' })).toBeNull();
    expect(engine.check(english)?.code).toBe('language-unsupported');
  });

  test('each room gets the one of its language, from a folder of models', async () => {
    writeToneModel(join(model, '../streaming-tones-it'));
    rmSync(join(model, 'encoder.onnx'));
    const modelDir = join(model, '..');
    const italian = open({ modelDir }, { room: 'sala', language: 'it-IT' });
    await italian.heard.saw('ready', 'failed');
    italian.session.abort();
    expect(italian.heard.names).toEqual(['ready']);
    const { heard } = open({ modelDir });
    await heard.over();
    expect(heard.failures[0]?.message).toContain('streaming-tones-en');
  });

  test('eight-bit files are taken first, and the parts that belong together', async () => {
    for (const part of ['encoder', 'decoder', 'joiner']) {
      copyFileSync(at(`${part}.onnx`), at(`${part}-epoch-9-chunk-16.int8.onnx`));
      writeFileSync(at(`${part}.onnx`), 'the wrong one');
    }
    writeFileSync(at('decoder-epoch-9-chunk-32.int8.onnx'), 'the wrong one');
    const { heard, session } = open();
    await heard.saw('ready', 'failed');
    session.abort();
    expect(heard.names).toEqual(['ready']);
  });
});

withLibrary('speech in tones', () => {
  test.each([
    ['transducer', writeToneModel],
    ['zipformer2 CTC', writeToneCtcModel],
  ])(
    'is captioned whole by a %s, minutes without a pause, each word once and in its place',
    async (kind, writeModel) => {
      rmSync(model, { recursive: true });
      writeModel(model);
      const { audio, words } = toneSpeech(Array(150).fill(['good', 'morning', 'everyone', 'welcome']).flat());
      const { heard, session, write } = open();
      write(audio);
      session.end(60_000);
      await heard.over();
      expect(heard.names.at(-1)).toBe('ended');
      const finals = heard.results('final');
      const said = finals.flatMap((each) => each.words);
      expect(said.map(({ text }) => text)).toEqual(words.map(({ text }) => text));
      for (const [i, { start, end, confidence }] of said.entries()) {
        expect(Math.abs(start - (words[i]?.start ?? 0))).toBeLessThanOrEqual(1600);
        expect(Math.abs(end - (words[i]?.end ?? 0))).toBeLessThanOrEqual(1600);
        if (kind === 'transducer') expect(confidence).toBeGreaterThan(0.5);
        else expect(confidence).toBeNull();
      }
      expect(finals.length).toBeGreaterThan(20);
      for (const { start, end } of finals) expect(end - start).toBeLessThanOrEqual(17 * 16_000);
    },
  );

  test('keeps its place after long silence, in which nothing is said', async () => {
    const { audio, words } = toneSpeech(['good', 'morning']);
    const { heard, session, write } = open();
    write(silence(60));
    write(audio);
    write(silence(60));
    session.end(60_000);
    await heard.over();
    const [final, ...more] = heard.results('final');
    expect(more).toEqual([]);
    expect(final?.text).toBe('good morning');
    expect(Math.abs((final?.start ?? 0) - 60 * 16_000 - (words[0]?.start ?? 0))).toBeLessThanOrEqual(1600);
  });

  test('that the library crashes over in mid-talk asks for another session, and the rest goes on', async () => {
    // A token without a place in its table, known by no reading of the files: the library aborts when it is said.
    writeFileSync(at('tokens.txt'), `${'<blk> 0\n'.repeat(7)}a 11\nb 12\nc 13\n`);
    const { heard, write } = open();
    await heard.saw('ready', 'failed');
    write(toneSpeech(['welcome']).audio);
    write(silence(1));
    await heard.over();
    expect(heard.names).toEqual(['ready', 'failed']);
    expect(heard.failures[0]).toMatchObject({ kind: 'reopen', code: 'sherpa-broken' });
  });
});

describe('a recogniser that', () => {
  const sayReady = `console.log(JSON.stringify({ type: 'ready' }));`;
  test('is killed asks to be opened again', async () => {
    const { heard, write } = open({
      hostPath: stub(`${sayReady} process.stdin.once('data', () => process.kill(process.pid, 'SIGKILL'));`),
    });
    await heard.saw('ready');
    write(silence(0.1));
    await heard.over();
    expect(heard.failures[0]).toMatchObject({ kind: 'reopen', code: 'sherpa-broken' });
  });

  test('ran out of memory while it loaded is tried again soon: memory may come back', async () => {
    const { heard } = open({
      hostPath: stub(
        `process.stderr.write("  what():  std::bad_alloc\\n", () => process.kill(process.pid, 'SIGABRT'));`,
      ),
    });
    await heard.over();
    expect(heard.failures[0]).toMatchObject({ kind: 'backoff', code: 'sherpa-broken' });
  });

  test('cannot keep up is given up once 30 s of audio wait, and says what would help', async () => {
    const { heard, write } = open({
      limits: {},
      hostPath: stub(`${sayReady} setInterval(() => {}, 1000);`),
    });
    await heard.saw('ready');
    write(silence(30));
    expect(heard.names).toEqual(['ready']);
    write(silence(0.1));
    expect(heard.failures[0]).toMatchObject({ kind: 'backoff', code: 'sherpa-too-slow' });
    expect(heard.failures[0]?.hint).toContain('smaller model');
  });

  test('takes its partial back is believed', async () => {
    const empty = JSON.stringify({ type: 'partial', number: 0, text: '', start: 0, end: 0, words: [] });
    const { heard, session } = open({
      hostPath: stub(`${sayReady} console.log('${empty}'); setInterval(() => {}, 1000);`),
    });
    await heard.saw('partial', 'failed');
    session.abort();
    expect(heard.results('partial')[0]?.text).toBe('');
  });

  test('was aborted is gone', async () => {
    const hostPath = stub(
      `console.log(JSON.stringify({ type: 'partial', number: 0, text: String(process.pid), start: 0, end: 1, words: [] }));
       setInterval(() => {}, 1000);`,
    );
    const { heard, session } = open({ hostPath });
    await heard.saw('partial');
    const pid = Number(heard.results('partial')[0]?.text);
    session.abort();
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow(), { timeout: 10_000, interval: 20 });
  });
});
