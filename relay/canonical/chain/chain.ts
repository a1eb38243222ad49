import type { CanonicalTranscript, EngineResult, LiveTranscript, Manifest } from '../contract.ts';
import { captionFilesOf } from './cues.ts';
import type { Report } from './report.ts';
import { sentencesOf } from './segments.ts';
import type { VoiceMap } from './voice-map.ts';
import { heardOf } from './word-times.ts';
import { textOf } from './words.ts';

/** Everything that a canonical transcript is made of, checked against its schemas. */
export interface ChainInput {
  readonly manifest: Manifest;
  readonly manifestSha256: string;
  readonly live: LiveTranscript;
  readonly result: EngineResult;
  readonly voice: VoiceMap;
  readonly paramsHash: string;
  /** A clock in ms, by which the steps' own durations are told. */
  readonly now: () => number;
  /** What the steps before the chain took, in order; `engine` is what the real-time factor is reckoned from. */
  readonly durationsMs: Readonly<Record<string, number>>;
}

export interface ChainOutput {
  readonly transcript: CanonicalTranscript;
  readonly vtt: string;
  readonly srt: string;
  readonly report: Report;
}

/** An engine's result made what readers get: the steps of this folder, one after the other. */
export function canonicalOf(input: ChainInput): ChainOutput {
  const { manifest, manifestSha256, result, voice, paramsHash, durationsMs } = input;
  if (manifest.redact) throw new Error('Private data cannot be taken out yet');
  const { event, room, talk, title, started_at, duration_ms } = manifest;
  const sentences = sentencesOf(heardOf(result), manifest.languages);
  const transcript: CanonicalTranscript = {
    schema: 'sala.transcript.v1',
    talk: { event, room, talk_id: talk, title, started_at, duration_ms },
    recording: { revision: manifest.revision, manifest_sha256: manifestSha256 },
    audio: {
      sha256: manifest.parts.map(({ sha256 }) => sha256),
      sample_rate: manifest.sample_rate,
      channels: manifest.channels,
    },
    engine: { ...result.engine, params_hash: paramsHash },
    language: manifest.languages[0]?.language ?? 'und',
    canonical: result.engine.name !== 'whisper',
    revision: manifest.revision,
    segments: sentences.map(({ start_ms, end_ms, speaker, language, words }, id) => ({
      ...{ id, start_ms, end_ms, speaker, text: textOf(words), text_redacted: null, language },
      words: words.map(({ w, start_ms: from, end_ms: to, conf }) => ({ w, start_ms: from, end_ms: to, conf })),
    })),
    speakers: {},
    redactions: [],
    gaps: manifest.holes.map(({ from_sample, to_sample, reason }) => ({
      start_ms: Math.round((from_sample * 1000) / manifest.sample_rate),
      end_ms: Math.round((to_sample * 1000) / manifest.sample_rate),
      reason,
    })),
    withheld: [],
    stats: {
      rtf: durationsMs.engine === undefined || duration_ms === 0 ? null : durationsMs.engine / duration_ms,
      vad_speech_ms: voice.speech_ms,
      steps: Object.entries(durationsMs).map(([step, ms]) => ({ step, ms })),
    },
  };
  const words = transcript.segments.reduce((sum, segment) => sum + segment.words.length, 0);
  return {
    transcript,
    ...captionFilesOf(transcript),
    report: { schema: 'sala.report.v1', engine: result.engine.name, words, segments: transcript.segments.length },
  };
}
