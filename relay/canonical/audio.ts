import { spawn } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ConfigurationError, codeOf } from '../../systemd/errors.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { type VoiceMap, VoiceMapper } from './chain/voice-map.ts';
import type { Manifest } from './contract.ts';
import { exits, JobFault } from './job-fault.ts';

export interface Audio {
  /** The parts, in order. */
  readonly files: readonly string[];
  readonly voice: VoiceMap;
  readonly downloadMs: number;
  readonly checkMs: number;
}

export interface AudioPlace {
  readonly store: ObjectStore;
  /** A folder of one's own. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** A clock in ms. */
  readonly clock: () => number;
  /** The program that decodes. */
  readonly flac?: string;
  /** From one try of a download to the next, in ms. */
  readonly pausesMs?: readonly number[] | undefined;
}

/** From one download of a part to the next: a line that breaks off, or spoils what it carries, need not do so again. */
const defaultPausesMs: readonly number[] = [500, 2000];
const mendable = new Set(['store-unreachable', 'store-damaged']);

const damaged = (code: string, message: string): JobFault =>
  new JobFault(
    exits.bad,
    code,
    message,
    'The live transcript is not touched. While the relay still has the audio, delete this recording and let it be made again.',
  );

/** Fetches the parts of a recording and hears each once from end to end: every sample is there, and where somebody speaks. */
export async function fetchAudio(manifest: Manifest, place: AudioPlace): Promise<Audio> {
  const { clock } = place;
  const mapper = new VoiceMapper(manifest.channels);
  const files: string[] = [];
  let downloadMs = 0;
  let checkMs = 0;
  for (const [index, part] of manifest.parts.entries()) {
    const file = join(place.folder, `part-${String(index + 1).padStart(4, '0')}.flac`);
    const startMs = clock();
    await download(part, file, place);
    const downloadedMs = clock();
    const samples = part.to_sample - part.from_sample;
    await check(part.key, file, { channels: manifest.channels, samples }, place, (pcm) => mapper.push(pcm));
    downloadMs += downloadedMs - startMs;
    checkMs += clock() - downloadedMs;
    files.push(file);
  }
  return { files, voice: mapper.end(), downloadMs, checkMs };
}

async function download(part: Manifest['parts'][number], file: string, place: AudioPlace): Promise<void> {
  const { store, signal, pausesMs = defaultPausesMs } = place;
  for (let attempt = 0; ; attempt++) {
    const isLast = attempt === pausesMs.length;
    try {
      const got = await store.download(part.key, file, signal);
      if (got.sha256 === part.sha256 && got.bytes === part.bytes) return;
      if (isLast)
        throw damaged(
          'audio-damaged',
          `${part.key} is not what was recorded: its hash is another than in the manifest`,
        );
      await rm(file, { force: true });
    } catch (error) {
      if (codeOf(error) === 'store-missing')
        throw damaged('audio-missing', `${part.key}, which the manifest names, is not in the store`);
      if (isLast || !mendable.has(codeOf(error))) throw error;
    }
    await wait(pausesMs[attempt], undefined, { signal });
  }
}

interface Expected {
  readonly channels: number;
  readonly samples: number;
}

async function check(
  key: string,
  file: string,
  expected: Expected,
  place: AudioPlace,
  onPcm: (pcm: Uint8Array) => void,
): Promise<void> {
  const form = await formOf(file);
  if (form === null || form.rate !== 16_000 || form.bits !== 16 || form.channels !== expected.channels)
    throw damaged('audio-format', `${key} is not FLAC of 16 bit, 16 kHz and ${expected.channels} channels`);
  const { status, bytes } = await decode(file, place, onPcm);
  if (status !== 0) throw damaged('audio-undecodable', `${key} cannot be decoded`);
  const samples = bytes / (2 * expected.channels);
  if (samples !== expected.samples)
    throw damaged('audio-incomplete', `${key} has ${samples} samples, the manifest says ${expected.samples}`);
}

/** Rate, channels and bits out of the first block of a FLAC file; null: it is none. */
async function formOf(file: string): Promise<{ rate: number; channels: number; bits: number } | null> {
  const handle = await open(file);
  try {
    const head = Buffer.alloc(42);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    if (bytesRead < head.length || head.toString('latin1', 0, 4) !== 'fLaC' || (head.readUInt8(4) & 0x7f) !== 0)
      return null;
    // 20 bits of rate, 3 of channels less one, 5 of bits less one.
    const packed = head.readUInt32BE(18);
    return { rate: packed >>> 12, channels: ((packed >>> 9) & 7) + 1, bits: ((packed >>> 4) & 31) + 1 };
  } finally {
    await handle.close();
  }
}

/** Decodes as a stream: an hour of sound is 115 MB. */
async function decode(
  file: string,
  { flac = 'flac', signal }: AudioPlace,
  onPcm: (pcm: Uint8Array) => void,
): Promise<{ status: number | null; bytes: number }> {
  const raw = ['--decode', '--stdout', '--silent', '--force-raw-format', '--endian=little', '--sign=signed'];
  const child = spawn(flac, [...raw, '--', file], {
    stdio: ['ignore', 'pipe', 'ignore'],
    signal,
    killSignal: 'SIGKILL',
  });
  const { promise: ended, resolve, reject } = Promise.withResolvers<number | null>();
  child.on('error', reject);
  child.on('close', resolve);
  let bytes = 0;
  child.stdout.on('data', (pcm: Buffer) => {
    bytes += pcm.length;
    onPcm(pcm);
  });
  try {
    return { status: await ended, bytes };
  } catch (error) {
    signal.throwIfAborted();
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new ConfigurationError([`The program ${flac} is not there`], 'Install it: sudo apt install flac');
  }
}
