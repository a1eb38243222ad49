import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type LiveTranscript, liveTranscript, type Manifest, manifest } from '../../relay/canonical/contract.ts';
import { numberedBlocks } from './numbered-signal.ts';
import { startDevice, TestRelay, temporaryFolder } from './programs.ts';
import { FaultyProxy } from './proxy.ts';
import { until } from './until.ts';
import { writeWav } from './wav.ts';

export interface NumberedRecordingOptions {
  /** Blocks of 100 ms from the first kit, and from the second one, which has two channels. */
  readonly blocks: readonly [number, number];
  /** In ms from the start of the first kit: when the link is cut for a while, and when the relay is killed. */
  readonly cutsAtMs: readonly number[];
  readonly cutForMs: number;
  readonly killsAtMs: readonly number[];
}

export interface NumberedRecording {
  readonly manifest: Manifest;
  readonly live: LiveTranscript;
  /** Interleaved, as decoded from its parts. */
  readonly samples: Int16Array;
  /** What the kits played, in its order, as two channels. */
  readonly played: Int16Array;
  /** Between the first samples of both kits there were so many ms at least, and at most: it takes a while until one hears. */
  readonly apartMs: readonly [least: number, most: number];
}

/** Mono on both channels, or two kinds of numbers. */
const onBoth = (left: Int16Array, right = left) =>
  Int16Array.from({ length: left.length * 2 }, (_, i) => (i % 2 === 0 ? left : right)[i >> 1] ?? 0);

/**
 * A scheduled talk of two kits, one after the other, with outages; recorded, ended by hand, stored in a folder, and read back
 * from there. The signal is numbered, so that every sample is known.
 */
export async function recordNumbers(options: NumberedRecordingOptions): Promise<NumberedRecording> {
  const { blocks, cutsAtMs, cutForMs, killsAtMs } = options;
  const folder = temporaryFolder();
  const store = join(folder.path, 'store');
  const first = numberedBlocks(0, blocks[0]);
  const second = onBoth(numberedBlocks(10_000, blocks[1]), numberedBlocks(20_000, blocks[1]));
  writeWav(join(folder.path, 'first.wav'), first);
  writeWav(join(folder.path, 'second.wav'), second, { channels: 2 });
  const args = ['--recording-store', `folder:${store}`, '--event', 'test'];
  const startRelay = (port = 0) => TestRelay.start({ port, dataDir: join(folder.path, 'relay'), args });
  let relay = await startRelay();
  const proxy = await new FaultyProxy({ host: '127.0.0.1', port: relay.port }).start();
  const programs: { stop(): Promise<unknown> }[] = [];
  try {
    const { publish } = await relay.room('hall', { recording: { on: true } });
    const now = Date.now();
    const talk = { title: 'Opening', speakers: ['Ada'], start: now - 60_000, end: now + 3_600_000 };
    await relay.call('PUT', '/api/rooms/hall/talks/Opening', talk);
    const recording = async () => {
      const told = await relay.call<{ recordings: { talk: string; state: string; message: string }[] }>(
        'GET',
        '/api/rooms/hall/recordings',
      );
      return told.recordings[0];
    };
    await until(recording, { what: 'a recording' });
    const play = (name: string, more: readonly string[] = []) => {
      const device = startDevice({
        ...{ relay: `ws://127.0.0.1:${proxy.port}`, room: 'hall', token: publish, args: more },
        ...{ dataDir: join(folder.path, name), source: `wav:${join(folder.path, `${name}.wav`)}` },
      });
      programs.push(device);
      return device.exit;
    };
    const cut = async () => {
      await proxy.refuse(true);
      await new Promise((resolve) => setTimeout(resolve, cutForMs));
      await proxy.refuse(false);
    };
    const kill = async () => {
      relay.program.kill('SIGKILL');
      await relay.program.exit;
      relay = await startRelay(relay.port);
    };
    const faults = [
      ...cutsAtMs.map((atMs) => ({ atMs, run: cut })),
      ...killsAtMs.map((atMs) => ({ atMs, run: kill })),
    ].sort((a, b) => a.atMs - b.atMs);
    const startedMs = Date.now();
    const kit = play('first');
    for (const { atMs, run } of faults) {
      // The moment of a fault, not a wait for something.
      await new Promise((resolve) => setTimeout(resolve, startedMs + atMs - Date.now()));
      await run();
    }
    expect(await kit).toMatchObject({ status: 0 });
    expect(await play('second', ['--stereo', '--channels', '1,2'])).toMatchObject({ status: 0 });
    // It ends when all of it has been heard and stored.
    const mostMs = Date.now() - blocks[1] * 100 - startedMs;
    const ended = await relay.call<{ talk: string }>('POST', '/api/rooms/hall/recordings/end');
    const stored = async () => {
      const told = await recording();
      if (told?.state === 'failed') throw new Error(told.message);
      return told?.state === 'stored' || undefined;
    };
    await until(stored, { what: 'a stored recording', timeoutMs: 60_000, everyMs: 100 });
    return {
      ...readBack(store, `recordings/v1/test/hall/${ended.talk}/`),
      played: joined(onBoth(first), second),
      apartMs: [blocks[0] * 100, mostMs],
    };
  } finally {
    for (const program of programs) await program.stop();
    await proxy.stop();
    await relay.stop();
    folder.remove();
  }
}

/** The files as they are in the store, each with the hash that the manifest says. */
function readBack(store: string, folder: string): Pick<NumberedRecording, 'manifest' | 'live' | 'samples'> {
  const read = (key: string) => readFileSync(join(store, key));
  const told = manifest.parse(JSON.parse(read(`${folder}manifest.json`).toString()));
  for (const { key, sha256, bytes } of [...told.parts, told.live]) {
    const body = read(key);
    const found = { key, bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') };
    expect(found).toEqual({ key, bytes, sha256 });
  }
  const raw = Buffer.concat(told.parts.map(({ key }) => decodedFlac(join(store, key))));
  return {
    manifest: told,
    live: liveTranscript.parse(JSON.parse(read(told.live.key).toString())),
    samples: Int16Array.from({ length: raw.length / 2 }, (_, i) => raw.readInt16LE(i * 2)),
  };
}

/** The samples of a FLAC file, s16le. */
export const decodedFlac = (file: string): Buffer =>
  execFileSync('flac', ['-s', '-d', '-c', '--force-raw-format', '--endian=little', '--sign=signed', file], {
    maxBuffer: 1e9,
  });

function joined(...parts: readonly Int16Array[]): Int16Array {
  const out = new Int16Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The samples of a recording outside its holes, and inside them; two channels. */
export function apart({ manifest: told, samples }: Pick<NumberedRecording, 'manifest' | 'samples'>) {
  const { holes, samples: all, channels } = told;
  expect(samples.length).toBe(all * channels);
  const heard: Int16Array[] = [];
  const silent: Int16Array[] = [];
  let from = 0;
  for (const hole of [...holes, { from_sample: all, to_sample: all }]) {
    heard.push(samples.subarray(from * channels, hole.from_sample * channels));
    silent.push(samples.subarray(hole.from_sample * channels, hole.to_sample * channels));
    from = hole.to_sample;
  }
  return { heard: joined(...heard), silent: joined(...silent) };
}
