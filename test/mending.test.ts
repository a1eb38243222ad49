import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { numberedBlocks } from './harness/numbered-signal.ts';
import { type RunningProgram, startDevice, TestReader, TestRelay, temporaryFolder } from './harness/programs.ts';
import { PulseRig } from './harness/pulse.ts';
import { until } from './harness/until.ts';
import { writeWav } from './harness/wav.ts';
import { standInCredentials, TranscribeStandIn } from './stand-ins/transcribe.ts';
import { standInEnvironment } from './stand-ins/transcribe-environment.ts';

interface LiveState {
  live: {
    state: string;
    message: string;
    source: { health: { state: string; message: string; hint?: string } | null } | null;
    engine: { message: string; hint: string };
  };
}

let folder = temporaryFolder();
const running: { stop(): Promise<unknown> }[] = [];
const readers: TestReader[] = [];

afterEach(async () => {
  for (const reader of readers.splice(0)) reader.close();
  for (const each of running.splice(0).reverse()) await each.stop();
  folder.remove();
  folder = temporaryFolder();
});

function keep<T extends { stop(): Promise<unknown> }>(part: T): T {
  running.push(part);
  return part;
}

async function startRelay(
  engine: string,
  options: { port?: number; env?: NodeJS.ProcessEnv; args?: string[] } = {},
): Promise<TestRelay> {
  return keep(await TestRelay.start({ dataDir: join(folder.path, 'relay'), engine, ...options }));
}

function play(
  relay: { port: number },
  token: string,
  source?: string,
  extra: { args?: string[]; env?: NodeJS.ProcessEnv } = {},
): RunningProgram {
  const wav = join(folder.path, 'numbers.wav');
  writeWav(wav, numberedBlocks(0, 100));
  return keep(
    startDevice({
      relay: `ws://127.0.0.1:${relay.port}`,
      room: 'hall',
      token,
      dataDir: join(folder.path, 'device'),
      source: source ?? `wav:${wav}?loop=1`,
      ...extra,
    }),
  );
}

function read(relay: TestRelay, token: string): TestReader {
  const reader = new TestReader(() => `ws://127.0.0.1:${relay.port}`, 'hall', token);
  readers.push(reader);
  return reader;
}

const captioned = (reader: TestReader, count = 1) =>
  until(() => reader.captions().length >= count || undefined, { timeoutMs: 30_000, what: 'captions' });

/** The room's state once it is `state`. */
const state = (relay: TestRelay, wanted: string) =>
  until(
    async () => {
      const room = await relay.call<LiveState>('GET', '/api/rooms/hall');
      return room.live.state === wanted ? room : undefined;
    },
    { timeoutMs: 20_000, what: `state ${wanted}` },
  );

describe('what is missing is a named state, and captions start by themselves once it is there:', {
  timeout: 90_000,
}, () => {
  test('AWS credentials', async () => {
    const standIn = keep(new TranscribeStandIn());
    const { url } = await standIn.start();
    const file = join(folder.path, 'credentials');
    const { AWS_REGION, AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING } = standInEnvironment(url);
    const env = {
      AWS_REGION,
      AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING,
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: file,
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const relay = await startRelay('transcribe', { env });
    const tokens = await relay.room('hall', { language: 'en-US' });
    const reader = read(relay, tokens.read);
    play(relay, tokens.publish);

    const { engine } = (await state(relay, 'fault')).live;
    expect(engine.message).toMatch(/credentials/i);
    expect(engine.hint).not.toBe('');
    expect(reader.captions()).toEqual([]);
    writeFileSync(
      file,
      `[default]\naws_access_key_id = ${standInCredentials.accessKeyId}\naws_secret_access_key = ${standInCredentials.secretAccessKey}\n`,
    );
    await captioned(reader);
    await state(relay, 'listening');
  });

  test('the PocketSphinx library', async () => {
    const library = join(folder.path, 'libpocketsphinx.so');
    const relay = await startRelay('pocketsphinx', { args: ['--pocketsphinx-library', library] });
    const tokens = await relay.room('hall', { language: 'en-US' });
    const reader = read(relay, tokens.read);
    play(relay, tokens.publish, `wav:${join(import.meta.dirname, '../provisioning/speech/welcome.wav')}?loop=1`);

    const { engine } = (await state(relay, 'fault')).live;
    expect(engine.message).toContain(library);
    expect(engine.hint).toMatch(/install/i);
    const real = ['x86_64', 'aarch64']
      .map((machine) => `/usr/lib/${machine}-linux-gnu/libpocketsphinx.so.3`)
      .find((path) => existsSync(path));
    symlinkSync(real ?? '', library);
    await captioned(reader);
  });

  test('the relay itself', async () => {
    const first = await startRelay('script:load');
    const tokens = await first.room('hall');
    const { port } = first;
    await first.stop();
    const device = play({ port }, tokens.publish, undefined, { args: ['--status-listen', '127.0.0.1:0'] });
    const { statusPort } = await device.event('started');
    const health = async () => {
      const response = await fetch(`http://127.0.0.1:${statusPort}/status.json`);
      const status: { health: { state: string; message: string; hint?: string } } = await response.json();
      return status.health;
    };
    const problem = await until(async () => ((await health()).state === 'ok' ? undefined : await health()), {
      what: 'a named problem',
    });
    expect(problem.message).toMatch(/relay/i);
    const relay = await startRelay('script:load', { port });
    await captioned(read(relay, tokens.read));
    await until(async () => (await health()).state === 'ok' || undefined, { what: 'health ok' });
  });

  test('the mixer', async () => {
    const rig = keep(await PulseRig.start(process.env, { cards: ['another card'] }));
    const relay = await startRelay('script:load');
    const tokens = await relay.room('hall');
    const reader = read(relay, tokens.read);
    play(relay, tokens.publish, 'mixer:mixer', {
      env: rig.env,
      args: ['--source-rate', '16000', '--source-channels', '1'],
    });

    const health = await until(
      async () => {
        const { source } = (await state(relay, 'no-audio')).live;
        return source?.health?.state === 'mixer-absent' ? source.health : undefined;
      },
      { what: 'health mixer-absent' },
    );
    expect(`${health.message} ${health.hint}`).toContain('another card');
    rig.showCards(['mixer']);
    await captioned(reader);
    await state(relay, 'listening');
  });
});
