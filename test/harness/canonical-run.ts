import { createHash } from 'node:crypto';
import {
  type CanonicalTranscript,
  canonicalPointer,
  canonicalTranscript,
  type JobIdentity,
  jobFolder,
  pointerKey,
  recordingFolder,
  type TalkAddress,
} from '../../relay/canonical/contract.ts';
import type { Product } from '../../relay/canonical/publishing.ts';

export const talk: TalkAddress = { event: 'conf', room: 'verdi', talk: 'opening' };
const hash = (text: string) => createHash('sha256').update(text).digest('hex');

export function identity(fields: Partial<JobIdentity> = {}): JobIdentity {
  const revision = fields.revision ?? 1;
  const engine = fields.engine ?? 'parakeet';
  return {
    ...talk,
    revision,
    manifestSha256: hash(`m${revision}`),
    engine,
    model: 'm',
    paramsHash: hash('p'),
    ...fields,
  };
}

export const manifestKey = (run: JobIdentity): string => `${recordingFolder(run, run.revision)}manifest.json`;

/** What a run gives; `text` tells attempts apart. */
export const product = (run: JobIdentity, text = 'hello'): Product => productOf(madeBy(run, text));

/** The same before it is written. */
export interface Made {
  readonly transcript: CanonicalTranscript;
  readonly vtt: string;
  readonly srt: string;
}

export function productOf({ transcript, vtt, srt }: Made): Product {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const { engine, canonical, segments } = transcript;
  const report = { engine, canonical, text: segments[0]?.text };
  return { transcript: bytes(`${JSON.stringify(transcript)}\n`), vtt: bytes(vtt), srt: bytes(srt), report };
}

export function madeBy(run: JobIdentity, text = 'hello'): Made {
  const { event, room, talk: talkId, revision } = run;
  const transcript: CanonicalTranscript = {
    schema: 'sala.transcript.v1',
    talk: { event, room, talk_id: talkId, title: 'Opening', started_at: '2026-11-20T09:00:00Z', duration_ms: 1000 },
    recording: { revision, manifest_sha256: run.manifestSha256 },
    audio: { sha256: [hash('a')], sample_rate: 16_000, channels: 1 },
    engine: { name: run.engine, model: run.model, version: '1', params_hash: run.paramsHash },
    language: 'en-US',
    canonical: run.engine !== 'whisper',
    revision: 1,
    segments: [
      { id: 0, start_ms: 0, end_ms: 900, speaker: null, text, text_redacted: null, language: 'en-US', words: [] },
    ],
    speakers: {},
    redactions: [],
    gaps: [],
    withheld: [],
    stats: { rtf: null, vad_speech_ms: 900, steps: [] },
  };
  return { transcript, vtt: `WEBVTT\n\n${text}\n`, srt: `1\n${text}\n` };
}

/** What a reader finds of a talk: one transcript with all its files alike, or null. @throws where it is not whole */
export function readTalk(text: (key: string) => string | null, address: TalkAddress = talk) {
  const found = text(pointerKey(address));
  if (found === null) return null;
  const pointer = canonicalPointer.parse(JSON.parse(found));
  const read = (file: { key: string; sha256: string; bytes: number }): string => {
    const body = text(file.key);
    if (body === null) throw new Error(`${file.key} is not there`);
    if (hash(body) !== file.sha256 || Buffer.byteLength(body) !== file.bytes) throw new Error(`${file.key} is another`);
    return body;
  };
  const transcript = canonicalTranscript.parse(JSON.parse(read(pointer.transcript)));
  const files = { vtt: read(pointer.captions_vtt), srt: read(pointer.captions_srt), report: read(pointer.report) };
  if (!pointer.transcript.key.startsWith(pointer.folder)) throw new Error('the transcript is of another folder');
  return { pointer, transcript, ...files };
}

/** How often what is in that run's folder is a result. */
export function resultsOf(text: (key: string) => string | null, run: JobIdentity): string[] {
  return ['transcript.json', 'failed.json'].filter((name) => text(`${jobFolder(run)}${name}`) !== null);
}
