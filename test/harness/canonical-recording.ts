import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type EngineResult,
  type LiveTranscript,
  type Manifest,
  recordingFolder,
  type TalkAddress,
} from '../../relay/canonical/contract.ts';
import { temporaryFolder } from './programs.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

const made = new Map<string, Buffer>();

/** Into a file, whose head it goes back to when it knows the length. */
function written(args: readonly string[], pcm: Uint8Array): Buffer {
  const { path, remove } = temporaryFolder();
  const file = join(path, 'part.flac');
  execFileSync('flac', [...args, '--silent', '-o', file, '-'], { input: pcm, stdio: ['pipe', 'ignore', 'ignore'] });
  const flac = readFileSync(file);
  remove();
  return flac;
}

/** As the archive does it: 16 bit, 16 kHz. */
export function flacOf(pcm: Uint8Array, channels: 1 | 2 = 1): Buffer {
  const raw = ['--force-raw-format', '--endian=little', '--sign=signed', '--bps=16', '--sample-rate=16000'];
  const id = `${channels} ${sha256(pcm)}`;
  const flac = made.get(id) ?? written([...raw, `--channels=${channels}`], pcm);
  made.set(id, flac);
  return Buffer.from(flac);
}

/** A tone that may be taken for a voice, with silence around it. */
export function murmur(seconds: number): Uint8Array {
  const samples = new Int16Array(Math.round(seconds * 16_000));
  for (let i = 0; i < samples.length; i++) {
    const t = i / 16_000;
    const isOn = t > seconds / 4 && t < (seconds * 3) / 4;
    samples[i] = isOn ? 8000 * Math.sin(2 * Math.PI * 300 * t) * Math.sin(2 * Math.PI * 3 * t) : 0;
  }
  return new Uint8Array(samples.buffer);
}

export interface RecordingOptions extends Partial<TalkAddress> {
  readonly parts?: readonly Uint8Array[];
  readonly captions?: LiveTranscript['captions'];
  readonly manifest?: Partial<Manifest>;
}

export interface MadeRecording {
  readonly key: string;
  readonly manifest: Manifest;
  /** By key, in the order in which they are uploaded. */
  readonly objects: ReadonlyMap<string, Uint8Array>;
}

/** A recording as a relay leaves it in the store. */
export function makeRecording({ parts = [murmur(2)], captions = [], ...rest }: RecordingOptions = {}): MadeRecording {
  const address = { event: rest.event ?? 'conf', room: rest.room ?? 'verdi', talk: rest.talk ?? 'opening' };
  const revision = rest.manifest?.revision ?? 1;
  const channels = rest.manifest?.channels ?? 1;
  const folder = recordingFolder(address, revision);
  const objects = new Map<string, Uint8Array>();
  let samples = 0;
  const stored = parts.map((pcm, i) => {
    const key = `${folder}part-${String(i + 1).padStart(4, '0')}.flac`;
    const body = flacOf(pcm, channels);
    objects.set(key, body);
    const from = samples;
    samples += pcm.length / (2 * channels);
    return { key, sha256: sha256(body), bytes: body.length, from_sample: from, to_sample: samples };
  });
  const live: LiveTranscript = { schema: 'sala.live.v1', log: 'log', revision: 7, captions: [...captions] };
  const liveKey = `${folder}live.json`;
  objects.set(liveKey, json(live));
  const liveFile = { key: liveKey, sha256: sha256(json(live)), bytes: json(live).length, log: 'log', revision: 7 };
  const manifest: Manifest = {
    ...{ schema: 'sala.recording.v1', ...address, room_title: 'Sala Verdi', revision, title: 'Opening', speakers: [] },
    ...{ started_at: '2026-11-20T09:00:00.000Z', duration_ms: Math.round(samples / 16), sample_rate: 16_000, channels },
    ...{
      samples,
      parts: stored,
      holes: [],
      pauses: [],
      languages: [{ from_ms: 0, language: 'en-US' }],
      live: liveFile,
    },
    ...{ redact: false, engine: null, vocabulary: [], text_rules: null },
    ...rest.manifest,
  };
  const key = `${folder}manifest.json`;
  objects.set(key, json(manifest));
  return { key, manifest, objects };
}

/** What an engine heard: these words, each in its own half of a second. */
export function heard(text: string, engine = 'parakeet'): EngineResult {
  const words = text
    .split(' ')
    .filter(Boolean)
    .map((w, i) => ({ w, start_ms: 500 * i, end_ms: 500 * i + 400, conf: 0.9 }));
  const end_ms = words.at(-1)?.end_ms ?? 0;
  const segment = { start_ms: 0, end_ms, text, words, confidence: 0.9, no_speech: 0 };
  return {
    schema: 'sala.engine.v1',
    engine: { name: engine, model: 'kept', version: '1' },
    duration_ms: Math.max(2000, end_ms),
    segments: words.length > 0 ? [segment] : [],
    dropped: [],
    turns: null,
  };
}
