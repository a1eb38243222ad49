import { messageOf, SalaError } from '../../systemd/errors.ts';
import { type CanonicalTranscript, canonicalTranscript, type TalkAddress } from './contract.ts';

/** Beyond any talk of ten hours; what exceeds them is no transcript of ours. */
export const transcriptLimits = {
  /** Ten hours are about 8 MB. */
  maxBytes: 32 * 1024 * 1024,
  maxSegments: 50_000,
  maxLetters: 4000,
  maxWords: 2000,
  maxSpeakerLetters: 200,
  maxDurationMs: 48 * 3_600_000,
} as const;

/** Which transcript it has to be. */
export interface Expected extends TalkAddress {
  /** Of the recording. */
  readonly revision: number;
}

/** What is told of a transcript besides its words. Times are room time. */
export interface TranscriptAbout {
  /** Of the recording it was made of. */
  readonly recordingRevision: number;
  /** Its own. */
  readonly revision: number;
  readonly engine: string;
  readonly model: string;
  readonly engineVersion: string;
  readonly language: string;
  /** False: an organizer has to look at it first. */
  readonly isCanonical: boolean;
  readonly startMs: number;
  readonly endMs: number;
  readonly segments: number;
  readonly words: number;
  readonly withheld: number;
  readonly redactions: number;
}

export interface SegmentRow {
  readonly id: number;
  readonly startMs: number;
  readonly endMs: number;
  /** A name, or a number from 0 on; null: not told apart. */
  readonly speaker: string | null;
  readonly language: string;
  readonly text: string;
  /** JSON, as captions' word times; null where a word has none. */
  readonly words: string | null;
  /** Why it is withheld; null: it is not. */
  readonly withheld: string | null;
}

export interface ReadTranscript {
  readonly about: TranscriptAbout;
  /** In the order spoken. */
  readonly segments: readonly SegmentRow[];
}

const noTranscript = (reason: string) =>
  new SalaError(`What lies in the store is no transcript that can be used: ${reason}`, {
    code: 'transcript-invalid',
    hint: 'Have the talk transcribed again (npm run canonical with --replace); captions of the talk stay as they were said.',
  });

/** One line without what no page can show. */
const plain = (text: string) =>
  text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim();

/** `transcript.json` as rows. Where private data is taken out, only the text without it is looked at. @throws {SalaError} `transcript-invalid` */
export function rowsOf(bytes: Uint8Array, expected: Expected): ReadTranscript {
  const transcript = parsed(bytes);
  const { talk, recording, speakers } = transcript;
  if (talk.event !== expected.event || talk.room !== expected.room || talk.talk_id !== expected.talk)
    throw noTranscript('it is one of another talk');
  if (recording.revision !== expected.revision) throw noTranscript('it is one of another revision of the recording');
  const zeroMs = Date.parse(talk.started_at);
  if (Number.isNaN(zeroMs)) throw noTranscript('it does not say when the talk began');
  if (talk.duration_ms > transcriptLimits.maxDurationMs) throw noTranscript('it is longer than a talk can be');
  const { maxSegments, maxLetters, maxWords, maxSpeakerLetters } = transcriptLimits;
  if (transcript.segments.length > maxSegments) throw noTranscript(`it has more than ${maxSegments} segments`);
  const withheld = new Map(transcript.withheld.map(({ segment, reason }) => [segment, plain(reason).slice(0, 500)]));
  const numbers = new Map<string, string>();
  const speakerOf = (label: string | null): string | null => {
    if (label === null) return null;
    const name = plain(Object.hasOwn(speakers, label) ? (speakers[label]?.name ?? '') : '');
    if (name !== '') return name.slice(0, maxSpeakerLetters);
    // Told apart, and not named: counted as engines do.
    const number = numbers.get(label) ?? String(numbers.size);
    numbers.set(label, number);
    return number;
  };
  const seen = new Set<number>();
  let words = 0;
  const segments = transcript.segments
    .toSorted((a, b) => a.start_ms - b.start_ms || a.id - b.id)
    .map((segment): SegmentRow => {
      const { id, start_ms, end_ms, language } = segment;
      const text = plain(segment.text_redacted ?? segment.text);
      if (seen.has(id)) throw noTranscript(`two segments have the number ${id}`);
      seen.add(id);
      if (end_ms < start_ms) throw noTranscript(`segment ${id} ends before it begins`);
      if (end_ms > transcriptLimits.maxDurationMs) throw noTranscript(`segment ${id} is after the end of the talk`);
      if (text.length > maxLetters) throw noTranscript(`segment ${id} is longer than ${maxLetters} letters`);
      if (segment.words.length > maxWords) throw noTranscript(`segment ${id} has more than ${maxWords} words`);
      words += segment.words.length;
      const timed = segment.words.flatMap(({ w, start_ms: from, end_ms: to }) =>
        from === null || to === null ? [] : [[plain(w), zeroMs + from, zeroMs + Math.max(from, to)]],
      );
      return {
        ...{ id, language, text, startMs: zeroMs + start_ms, endMs: zeroMs + end_ms },
        speaker: speakerOf(segment.speaker),
        words: timed.length > 0 && timed.length === segment.words.length ? JSON.stringify(timed) : null,
        withheld: withheld.get(id) ?? null,
      };
    });
  const { engine } = transcript;
  return {
    about: {
      recordingRevision: recording.revision,
      revision: transcript.revision,
      engine: plain(engine.name).slice(0, 64),
      model: plain(engine.model).slice(0, 200),
      engineVersion: plain(engine.version).slice(0, 64),
      language: transcript.language,
      isCanonical: transcript.canonical,
      startMs: zeroMs,
      endMs: zeroMs + talk.duration_ms,
      segments: segments.length,
      words,
      withheld: segments.filter((each) => each.withheld !== null).length,
      redactions: transcript.redactions.length,
    },
    segments,
  };
}

function parsed(bytes: Uint8Array): CanonicalTranscript {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw noTranscript(messageOf(error).slice(0, 200));
  }
  const result = canonicalTranscript.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw noTranscript(`${issue?.path.join('.')}: ${issue?.message}`.slice(0, 200));
}
