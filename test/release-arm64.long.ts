/**
 * The release of HEAD: built twice, and run as it is in Debian 12 and 13 for 64-bit ARM, by qemu. Some minutes, with the
 * network; the systems are made once, in .cache/arm64. With SALA_RELEASE=ARCHIVE that one is run instead.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildBundle } from '../provisioning/release/bundle.ts';
import { arm64Root, inRoot, systems, whyNoArm64 } from './harness/arm64-root.ts';
import {
  RunningProgram as Program,
  type RunningProgram,
  root,
  startDevice,
  TestReader,
  TestRelay,
  temporaryFolder,
} from './harness/programs.ts';
import { until } from './harness/until.ts';
import { writeWav } from './harness/wav.ts';

/** qemu is some ten times slower than the machine, and the machine may be busy. */
const timeoutMs = 180_000;
const folder = temporaryFolder();
const release = join(folder.path, 'release');
const why = whyNoArm64();
if (why) process.stderr.write(`the release is not run: ${why}\n`);

const build = (output: string) =>
  buildBundle({
    ...{ root, commit: 'HEAD', output, sherpa: false, env: process.env, say: () => {} },
    signal: new AbortController().signal,
  });

beforeAll(async () => {
  const file = process.env.SALA_RELEASE ?? (await build(join(folder.path, 'first'))).file;
  mkdirSync(release);
  execFileSync('tar', ['--extract', '--gzip', '--file', file, '--directory', release]);
}, 600_000);
afterAll(() => folder.remove());

test('two builds of a commit give the same bytes', { timeout: 600_000 }, async () => {
  const builds = [await build(join(folder.path, 'second')), await build(join(folder.path, 'third'))];
  const hashes = builds.map(({ file }) => createHash('sha256').update(readFileSync(file)).digest('hex'));
  expect(hashes[0]).toBe(builds[0]?.release.sha256);
  expect(hashes[1]).toBe(hashes[0]);
});

describe.skipIf(why !== null).each(systems)('in Debian %s for 64-bit ARM', { timeout: 600_000 }, (system) => {
  const began: RunningProgram[] = [];
  let through: string[];

  beforeAll(() => {
    through = inRoot(arm64Root(system), release, folder.path);
  }, 1_200_000);
  afterAll(async () => {
    for (const each of began) await each.stop();
  });

  test('naudiodon, SQLite and koffi load, and sound cards are listed', async () => {
    // A sound card that is none, by a name as a kit's mixer has it.
    const config = join(folder.path, 'asound.conf');
    writeFileSync(config, '</usr/share/alsa/alsa.conf>\npcm.mixer { type plug slave.pcm "null" }\n');
    const env = { ALSA_CONFIG_PATH: config };
    const listing = new Program('device/main.ts', ['--list-sources'], env, through);
    expect(await listing.exit, listing.output).toMatchObject({ status: 0 });
    expect(listing.output).toMatch(/^.*mixer/m);
    expect(listing.output).not.toMatch(/cannot|could not|Error/);
    const load = "for (const name of ['better-sqlite3', 'koffi', 'naudiodon']) require(name)";
    writeFileSync(
      join(release, 'load.js'),
      `import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\n${load};\n`,
    );
    const loading = new Program('load.ts', [], {}, through);
    expect(await loading.exit, loading.output).toMatchObject({ status: 0 });
  });

  test.each(['wav', 'tone'])(
    'the device captures a %s, streams it to a relay outside, and captions come back',
    async (kind) => {
      const place = join(folder.path, `${system}-${kind}`);
      const relay = await TestRelay.start({ dataDir: join(place, 'relay') });
      began.push(relay.program);
      const { publish, read } = await relay.room('hall');
      const reader = new TestReader(() => relay.url.replace('http', 'ws'), 'hall', read);
      const wav = join(folder.path, 'tone.wav');
      writeWav(
        wav,
        Int16Array.from({ length: 8 * 16_000 }, (_, at) => 8000 * Math.sin(at / 8)),
      );
      const device = startDevice({
        ...{ relay: relay.url.replace('http', 'ws'), room: 'hall', token: publish, through },
        ...{ dataDir: join(place, 'device'), source: kind === 'wav' ? `wav:${wav}` : 'tone' },
      });
      began.push(device);
      // A file is played to its end, until all of it is stored.
      if (kind === 'wav') expect(await device.exit, device.output).toMatchObject({ status: 0 });
      await until(() => reader.captions().length > 2 || undefined, { timeoutMs, what: 'captions' });
      expect(
        reader
          .captions()
          .map(({ text }) => text)
          .join(' '),
      ).toMatch(/\w/);
      if (kind === 'tone') expect(await device.stop(), device.output).toBe(0);
      reader.close();
      await relay.stop();
    },
  );

  test('what the device hears while there is no relay is kept, and captioned once there is one', async () => {
    const place = join(folder.path, `${system}-away`);
    const first = await TestRelay.start({ dataDir: join(place, 'relay') });
    const { publish, read } = await first.room('hall');
    const { port } = first;
    await first.stop();
    const address = `ws://127.0.0.1:${port}`;
    const device = startDevice({
      relay: address,
      room: 'hall',
      token: publish,
      dataDir: join(place, 'device'),
      source: 'tone',
      through,
    });
    began.push(device);
    const onDisk = () => statSync(join(place, 'device/buffer.db-wal'), { throwIfNoEntry: false })?.size ?? 0;
    await until(() => onDisk() > 200_000 || undefined, { timeoutMs, what: 'audio on disk' });
    const relay = await TestRelay.start({ dataDir: join(place, 'relay'), port });
    began.push(relay.program);
    const reader = new TestReader(() => address, 'hall', read);
    await until(() => reader.captions().some(({ from }) => from < 16_000) || undefined, {
      timeoutMs,
      what: 'captions of the beginning',
    });
    reader.close();
    expect(await device.stop(), device.output).toBe(0);
    await relay.stop();
  });

  test('the relay serves a device outside', async () => {
    const place = join(folder.path, `${system}-relay`);
    const relay = await TestRelay.start({ dataDir: join(place, 'relay'), through, startTimeoutMs: timeoutMs });
    began.push(relay.program);
    expect((await fetch(`${relay.url}/readyz`)).status).toBe(200);
    const { publish, read } = await relay.room('hall');
    const reader = new TestReader(() => relay.url.replace('http', 'ws'), 'hall', read);
    const device = startDevice({
      relay: relay.url.replace('http', 'ws'),
      room: 'hall',
      token: publish,
      dataDir: join(place, 'device'),
      source: 'tone',
    });
    began.push(device);
    await until(() => reader.captions().length > 2 || undefined, { timeoutMs, what: 'captions' });
    expect((await fetch(`${relay.url}/rooms/hall`)).status).toBe(200);
    reader.close();
    expect(await device.stop()).toBe(0);
    expect(await relay.stop()).toBe(0);
  });
});
