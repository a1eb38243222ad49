/**
 * What lies in the object store, and what the parts of the batch pass hand to each other: keys, the manifest of a
 * recording, an engine's result, the canonical transcript and the pointer to it. Times are integers in ms; from the first
 * sample of the recording unless the name says otherwise. What is unknown is null, never left out.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';

const ms = z.int().min(0);
const sample = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hexadecimal digits');
const language = z.string().min(2).max(35);
const stretch = { from_sample: sample, to_sample: sample };
const key = z.string().min(1).max(900);

/** A name as it stands in keys. */
export const keyPart = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be of small letters, digits and hyphens');

/** A file beside the manifest. */
const storedFile = z.object({ key, sha256, bytes: z.int().min(0) });

/** A caption of the live transcript; `start_ms` and `end_ms` from the first sample of the recording, and so maybe negative. */
export const liveCaption = z.object({
  seq: z.int(),
  start_ms: z.int(),
  end_ms: z.int(),
  text: z.string(),
  language,
  speaker: z.string().nullable(),
});
export const liveTranscript = z.object({
  schema: z.literal('sala.live.v1'),
  /** Of the room's caption log, and the newest message that is in it. */
  log: z.string(),
  revision: z.int().min(0),
  captions: z.array(liveCaption),
});

/** `manifest.json`, uploaded when everything it names is there: it alone starts a job. */
export const manifest = z.object({
  schema: z.literal('sala.recording.v1'),
  event: keyPart,
  room: keyPart,
  room_title: z.string(),
  talk: keyPart,
  /** From 1; a recording that was changed (a person's words taken out) is uploaded as the next one. */
  revision: z.int().min(1),
  title: z.string(),
  speakers: z.array(z.string()),
  /** RFC 3339: room time of the first sample. */
  started_at: z.string(),
  duration_ms: ms,
  sample_rate: z.literal(16_000),
  /** As captured. */
  channels: z.union([z.literal(1), z.literal(2)]),
  samples: sample,
  /** FLAC, 16 bit, in order, without a gap: part n begins where part n-1 ends. */
  parts: z.array(storedFile.extend({ ...stretch })),
  /** Where no audio is: silence stands there. */
  holes: z.array(z.object({ ...stretch, reason: z.string() })),
  /** Where captions were paused by an organizer: nobody is to read what was said there. */
  pauses: z.array(z.object(stretch)),
  /** At least one, in order. */
  languages: z.array(z.object({ from_ms: ms, language })).min(1),
  /** `liveTranscript`. */
  live: storedFile.extend({ log: z.string(), revision: z.int().min(0) }),
  /** Private data is taken out. */
  redact: z.boolean(),
  /** null: the job's own default. */
  engine: z.enum(['parakeet', 'whisper', 'pocketsphinx']).nullable(),
  vocabulary: z.array(z.string()),
  /** Organizers' corrections: relay/text-rules.ts. */
  text_rules: z.unknown(),
});

const word = z.object({
  w: z.string(),
  start_ms: ms.nullable(),
  end_ms: ms.nullable(),
  conf: z.number().min(0).max(1).nullable(),
});
const interval = z.object({ start_ms: ms, end_ms: ms });

/** What an engine heard: the output of `job/`. */
export const engineResult = z.object({
  schema: z.literal('sala.engine.v1'),
  engine: z.object({ name: z.string(), model: z.string(), version: z.string() }),
  duration_ms: ms,
  segments: z.array(
    interval.extend({
      text: z.string(),
      words: z.array(word),
      /** Mean of its words, or what the engine says of the whole; 0 to 1. */
      confidence: z.number().min(0).max(1).nullable(),
      /** 0 to 1: that nobody speaks. */
      no_speech: z.number().min(0).max(1).nullable(),
    }),
  ),
  /** What the gate of an engine that may invent let through to nobody: no speech *and* little confidence. */
  dropped: z.array(
    interval.extend({ text: z.string(), confidence: z.number().nullable(), no_speech: z.number().nullable() }),
  ),
  /** Who speaks when, where speakers were told apart; null: they were not. */
  turns: z.array(interval.extend({ speaker: z.string() })).nullable(),
});

/** `transcript.json`. */
export const canonicalTranscript = z.object({
  schema: z.literal('sala.transcript.v1'),
  talk: z.object({
    event: keyPart,
    room: keyPart,
    talk_id: keyPart,
    title: z.string(),
    started_at: z.string(),
    duration_ms: ms,
  }),
  recording: z.object({ revision: z.int().min(1), manifest_sha256: sha256 }),
  audio: z.object({ sha256: z.array(sha256), sample_rate: z.int(), channels: z.int() }),
  engine: z.object({ name: z.string(), model: z.string(), version: z.string(), params_hash: sha256 }),
  language,
  /** False: an organizer has to look at it first (an engine that may invent). */
  canonical: z.boolean(),
  revision: z.int().min(1),
  segments: z.array(
    interval.extend({
      id: z.int().min(0),
      speaker: z.string().nullable(),
      /** Where private data is taken out this is without it, too: the original is stored nowhere. */
      text: z.string(),
      text_redacted: z.string().nullable(),
      language,
      words: z.array(word),
    }),
  ),
  speakers: z.record(z.string(), z.object({ name: z.string().nullable(), from: z.enum(['schedule', 'live', 'none']) })),
  /** `start` and `end` are letters (UTF-16) of the segment's redacted text. */
  redactions: z.array(z.object({ segment: z.int(), start: z.int(), end: z.int(), type: z.string(), rule: z.string() })),
  gaps: z.array(interval.extend({ reason: z.string() })),
  /** Withheld from readers until an organizer has decided: no live word was said in the same time. */
  withheld: z.array(z.object({ segment: z.int(), reason: z.string() })),
  stats: z.object({
    rtf: z.number().nullable(),
    vad_speech_ms: ms,
    steps: z.array(z.object({ step: z.string(), ms: z.number() })),
  }),
});

/** `canonical.json`: which transcript counts. It only ever moves forward. */
export const canonicalPointer = z.object({
  schema: z.literal('sala.canonical.v1'),
  event: keyPart,
  room: keyPart,
  talk: keyPart,
  /** Of the recording. */
  revision: z.int().min(1),
  /** From 1, one more with each move. */
  generation: z.int().min(1),
  engine: z.string(),
  folder: key,
  transcript: storedFile,
  captions_vtt: storedFile,
  captions_srt: storedFile,
  report: storedFile,
  at: z.string(),
});

/** `failed.json` in a job's folder: it will not be tried again by itself. */
export const jobFailure = z.object({
  schema: z.literal('sala.failure.v1'),
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  engine: z.string(),
  at: z.string(),
});

export type LiveTranscript = z.infer<typeof liveTranscript>;
export type Manifest = z.infer<typeof manifest>;
export type EngineResult = z.infer<typeof engineResult>;
/** An engine's result whose segments may lie on the disk: each is read when it is asked for. */
export interface Hearing extends Omit<EngineResult, 'segments'> {
  readonly segments: {
    readonly length: number;
    at(index: number): EngineResult['segments'][number] | undefined;
  };
}
export type CanonicalTranscript = z.infer<typeof canonicalTranscript>;
export type CanonicalSegment = CanonicalTranscript['segments'][number];
export type CanonicalPointer = z.infer<typeof canonicalPointer>;
export type JobFailure = z.infer<typeof jobFailure>;

/** A talk's place in the store. */
export interface TalkAddress {
  readonly event: string;
  readonly room: string;
  readonly talk: string;
}

/** Everything of one recording of a talk; ends with a slash. Revision 1 has the talk's own folder, later ones are in it. */
export const recordingFolder = ({ event, room, talk }: TalkAddress, revision = 1): string =>
  `recordings/v1/${event}/${room}/${talk}/${revision > 1 ? `r${revision}/` : ''}`;

/** All transcripts of a talk; ends with a slash. */
export const transcriptsFolder = ({ event, room, talk }: TalkAddress): string =>
  `transcripts/v1/${event}/${room}/${talk}/`;

export const pointerKey = (talk: TalkAddress): string => `${transcriptsFolder(talk)}canonical.json`;

/** What makes two runs of a job the same. */
export interface JobIdentity extends TalkAddress {
  readonly revision: number;
  readonly manifestSha256: string;
  readonly engine: string;
  readonly model: string;
  readonly paramsHash: string;
}

/** Where a run writes; the same run always to the same folder. Ends with a slash. */
export function jobFolder(job: JobIdentity): string {
  const same = [job.talk, job.manifestSha256, job.engine, job.model, job.paramsHash].join('\n');
  const hash = createHash('sha256').update(same).digest('hex').slice(0, 12);
  return `${transcriptsFolder(job)}r${job.revision}-${job.engine}-${hash}/`;
}

/**
 * What a run writes beside its `transcript.json`, before it: in a folder named by the transcript's own hash, so that what
 * lies under a name never changes and two runs at the same time never mix. Without them a `transcript.json` is void.
 */
export function companionKeys(folder: string, transcriptSha256: string): { vtt: string; srt: string; report: string } {
  const within = `${folder}${transcriptSha256.slice(0, 12)}/`;
  return { vtt: `${within}captions.vtt`, srt: `${within}captions.srt`, report: `${within}report.json` };
}

/** Which recording a key is the manifest of; null: of none. */
export function recordingOf(key: string): (TalkAddress & { readonly revision: number }) | null {
  const part = '([a-z0-9][a-z0-9-]{0,63})';
  const match = new RegExp(`^recordings/v1/${part}/${part}/${part}/(?:r([1-9]\\d{0,8})/)?manifest\\.json$`).exec(key);
  const [, event, room, talk, revision = '1'] = match ?? [];
  if (event === undefined || room === undefined || talk === undefined) return null;
  const recording = { event, room, talk, revision: Number(revision) };
  return key === `${recordingFolder(recording, recording.revision)}manifest.json` ? recording : null;
}
