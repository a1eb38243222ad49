import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wordsUnderstood } from '../relay/check.ts';
import { RunningProgram, temporaryFolder } from './harness/programs.ts';
import { until } from './harness/until.ts';
import { TranscribeStandIn } from './stand-ins/transcribe.ts';
import { standInEnvironment } from './stand-ins/transcribe-environment.ts';
import type { Fault } from './stand-ins/transcribe-faults.ts';

/** In samples at 16 kHz. */
const script = 'Good morning and welcome to the conference'
  .split(' ')
  .map((text, i) => ({ text, start: 16_000 + 6000 * i, end: 16_000 + 6000 * i + 5000 }));
const folder = temporaryFolder();
afterAll(() => folder.remove());

/** What `--check` prints and ends with. It opens no port and needs no folder, so none is named. */
async function check(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const startedMs = performance.now();
  const program = new RunningProgram('relay/main.ts', ['--check', ...args], env);
  const { status } = await program.exit;
  return { status, output: program.output, tookMs: performance.now() - startedMs };
}

describe.concurrent('with Amazon Transcribe', () => {
  let standIn: TranscribeStandIn;
  let env: Record<string, string>;

  beforeAll(async () => {
    standIn = new TranscribeStandIn({ script });
    env = standInEnvironment((await standIn.start()).url);
  });
  afterAll(() => standIn.stop());

  /** A stand-in whose next stream has this fault. */
  async function checkWith(fault: Fault) {
    const own = new TranscribeStandIn({ script });
    const { url } = await own.start();
    own.failNext(fault);
    try {
      return await check([], standInEnvironment(url));
    } finally {
      await own.stop();
    }
  }

  test('that works, says so with what was understood and how long it took', async () => {
    const { status, output } = await check([], env);
    expect(output).toContain('Understood: Good morning and welcome to the conference');
    expect(output).toMatch(/Connected after \d+\.\d s/);
    expect(output).toMatch(/Captions would work: 7 of 17 words/);
    expect(output).toContain('15 billed seconds');
    expect(status).toBe(0);
  });

  test('in another language, judges the connection alone and says so', async () => {
    const { status, output } = await check(['--language', 'it-IT'], env);
    expect(output).toContain('The connection works. The speech is English and the language is it-IT');
    expect(status).toBe(0);
  });

  test('without credentials, says what to give', async () => {
    const { AWS_ACCESS_KEY_ID: _id, AWS_SECRET_ACCESS_KEY: _key, ...without } = env;
    const { status, output } = await check([], without);
    expect(output).toContain('Captions would not work: There are no usable AWS credentials');
    expect(output).toContain('AWS_ACCESS_KEY_ID');
    expect(status).toBe(1);
  });

  test('with credentials that AWS does not know, says so', async () => {
    const { status, output } = await check([], { ...env, AWS_ACCESS_KEY_ID: 'AKIANOBODY0000000000' });
    expect(output).toContain('Captions would not work: AWS does not know these credentials');
    expect(status).toBe(1);
  });

  test('in a region that does not stream, or not in this language, is a wrong configuration', async () => {
    const { status, output } = await check([], { ...env, AWS_REGION: 'eu-west-3' });
    expect(output).toContain('eu-west-3');
    expect(output).toContain('AWS_REGION');
    expect(status).toBe(78);
  });

  test('in a region that there is not, names the region', async () => {
    const { AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING: _url, ...without } = env;
    const { status, output } = await check([], { ...without, AWS_REGION: 'eu-wset-1' });
    expect(output).toContain('could not be resolved');
    expect(output).toContain('AWS_REGION');
    expect(status).toBe(1);
  });

  test('without a region, says which setting is missing', async () => {
    const { AWS_REGION: _region, ...without } = env;
    const { status, output } = await check([], without);
    expect(output).toContain('AWS_REGION');
    expect(status).toBe(1);
  });

  test('whose quota is used up, says so', async () => {
    const { status, output } = await checkWith({
      kind: 'exception',
      name: 'LimitExceededException',
      message: 'You have reached your concurrent stream limit.',
      when: 'start',
    });
    expect(output).toContain('All concurrent streams of the AWS account are in use');
    expect(output).toContain('quota');
    expect(status).toBe(1);
  });

  test('whose connection breaks in the middle, says so', async () => {
    const { status, output } = await checkWith({ kind: 'destroy', when: { audioMs: 3000 } });
    expect(output).toContain('Captions would not work: The connection to Amazon Transcribe broke');
    expect(status).toBe(1);
  });

  test('that refuses the connection, says so and where to look', async () => {
    const { status, output } = await check([], standInEnvironment('http://127.0.0.1:9'));
    expect(output).toContain('refused the connection');
    expect(output).toContain('AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING');
    expect(status).toBe(1);
  });

  test('that takes connections and says nothing, ends in time and says so', { timeout: 60_000 }, async () => {
    const mute = createServer(() => {});
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const address = mute.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const { status, output, tookMs } = await check([], standInEnvironment(`https://127.0.0.1:${port}`));
    mute.close();
    expect(output).toContain('does not agree on TLS (it does not answer)');
    expect(status).toBe(1);
    expect(tookMs).toBeLessThan(25_000);
  });
});

// Not all at once: a recogniser needs a core.
describe('with the other engines', () => {
  test('pocketsphinx understands most of it', async () => {
    const { status, output } = await check(['--engine', 'pocketsphinx']);
    const understood = Number(/(\d+) of 17 words were understood/.exec(output)?.[1]);
    expect(understood).toBeGreaterThan(8);
    expect(status).toBe(0);
  });

  test('one that is stopped half-way is no success', async () => {
    const program = new RunningProgram('relay/main.ts', ['--check', '--engine', 'pocketsphinx']);
    await until(() => program.output.includes('Playing') || undefined, { what: 'the beginning' });
    program.kill('SIGTERM');
    expect((await program.exit).status).toBe(1);
    expect(program.output).toContain('the check was stopped');
  });

  test('a library that is not there is named', async () => {
    const { status, output } = await check(['--engine', 'pocketsphinx', '--pocketsphinx-library', '/none.so']);
    expect(output).toContain('Captions would not work');
    expect(output).toContain('/none.so');
    expect(status).toBe(1);
  });

  test('a script that is not there is named', async () => {
    const { status, output } = await check(['--engine', 'script:talk', '--data-dir', join(folder.path, 'none')]);
    expect(output).toContain('talk.txt');
    expect(status).toBe(1);
    expect(existsSync(join(folder.path, 'none'))).toBe(false);
  });

  test('a language that the engine cannot do is a wrong configuration, as is a setting that cannot be', async () => {
    const [language, setting] = await Promise.all([
      check(['--engine', 'pocketsphinx', '--language', 'it-IT']),
      check(['--engine', 'whisper', '--max-readers', '0']),
    ]);
    expect(language.output).toContain('it-IT');
    expect(setting.output).toContain('--max-readers');
    expect([language.status, setting.status]).toEqual([78, 78]);
  });
});

test('words are counted in their order', () => {
  expect(wordsUnderstood('Good morning, and welcome.', 'morning good and welcome')).toEqual([3, 4]);
  expect(wordsUnderstood('Good morning', '')).toEqual([0, 2]);
});
