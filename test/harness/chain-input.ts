import { type ChainInput, canonicalOf } from '../../relay/canonical/chain/chain.ts';
import type { Report } from '../../relay/canonical/chain/report.ts';
import type { Heard, Sentence, Word } from '../../relay/canonical/chain/words.ts';
import {
  type CanonicalTranscript,
  canonicalTranscript,
  type EngineResult,
  type LiveTranscript,
  type Manifest,
} from '../../relay/canonical/contract.ts';

type Segment = EngineResult['segments'][number];
type LiveCaption = LiveTranscript['captions'][number];

const sha256 = 'a'.repeat(64);

/** A recording of an hour in English, without holes. */
export const aManifest = (over: Partial<Manifest> = {}): Manifest => {
  const { duration_ms = 3_600_000 } = over;
  const samples = duration_ms * 16;
  return {
    ...{
      schema: 'sala.recording.v1',
      event: 'event',
      room: 'verdi',
      room_title: 'Sala Verdi',
      talk: 'talk-1',
      revision: 1,
    },
    ...{
      title: 'Rivers',
      speakers: [],
      started_at: '2026-11-22T10:00:00Z',
      duration_ms,
      sample_rate: 16_000,
      channels: 1,
    },
    ...{
      samples,
      parts: [{ key: 'part', sha256, bytes: 1, from_sample: 0, to_sample: samples }],
      holes: [],
      pauses: [],
    },
    languages: [{ from_ms: 0, language: 'en-US' }],
    live: { key: 'live', sha256, bytes: 1, log: 'log-1', revision: 0 },
    ...{ redact: false, engine: null, vocabulary: [], text_rules: null },
    ...over,
  };
};

interface SegmentFields extends Partial<Segment> {
  /** Of every word; without it words have no confidence. */
  readonly conf?: number | null;
  readonly wordMs?: number;
}

/** An engine's segment of words that follow each other without a pause. */
export function aSegment(
  text: string,
  start_ms: number,
  { conf = null, wordMs = 400, ...over }: SegmentFields = {},
): Segment {
  const texts = text.split(' ').filter(Boolean);
  const words = texts.map((w, i) => ({
    w,
    start_ms: start_ms + i * wordMs,
    end_ms: start_ms + (i + 1) * wordMs,
    conf,
  }));
  return {
    start_ms,
    end_ms: start_ms + texts.length * wordMs,
    text,
    words,
    confidence: null,
    no_speech: null,
    ...over,
  };
}

export const aResult = (segments: readonly Segment[], over: Partial<EngineResult> = {}): EngineResult => ({
  schema: 'sala.engine.v1',
  engine: { name: 'parakeet', model: 'parakeet-tdt-0.6b-v3', version: '2.5' },
  ...{ duration_ms: 3_600_000, segments: [...segments], dropped: [], turns: null },
  ...over,
});

export const aLiveCaption = (
  text: string,
  start_ms: number,
  end_ms: number,
  over: Partial<LiveCaption> = {},
): LiveCaption => ({
  ...{ seq: 1, start_ms, end_ms, text, language: 'en-US', speaker: null },
  ...over,
});

export interface ChainFields {
  readonly manifest?: Partial<Manifest>;
  readonly result?: Partial<EngineResult>;
  readonly live?: readonly LiveCaption[];
  readonly voice?: ChainInput['voice'];
  readonly durationsMs?: ChainInput['durationsMs'];
}

/** What a reader of its files has of the chain. */
export interface Chained {
  readonly transcript: CanonicalTranscript;
  readonly vtt: string;
  readonly srt: string;
  readonly report: Report;
}

/** The whole chain over an engine's segments. */
export function chained(segments: readonly Segment[], fields: ChainFields = {}): Chained {
  const manifest = aManifest(fields.manifest);
  const { report, ...files } = canonicalOf({
    ...{ manifest, manifestSha256: sha256, paramsHash: sha256, now: () => 0 },
    live: { schema: 'sala.live.v1', log: 'log-1', revision: 0, captions: [...(fields.live ?? [])] },
    result: aResult(segments, { duration_ms: manifest.duration_ms, ...fields.result }),
    voice: fields.voice ?? { speech: [], speech_ms: 0, duration_ms: manifest.duration_ms },
    durationsMs: fields.durationsMs ?? {},
  });
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const transcript = canonicalTranscript.strict().parse(JSON.parse(text(files.transcript)));
  return { transcript, vtt: text(files.vtt), srt: text(files.srt), report };
}

/** Words between steps, each with a space before it. */
export const someWords = (text: string, start_ms: number, wordMs = 400, over: Partial<Word> = {}): Word[] =>
  text.split(' ').map((w, i) => ({
    ...{ w, start_ms: start_ms + i * wordMs, end_ms: start_ms + (i + 1) * wordMs, conf: null },
    ...{ hasSpaceBefore: true, isGuessed: false, speaker: null },
    ...over,
  }));

export const someHeard = (text: string, start_ms: number, wordMs = 400, over: Partial<Word> = {}): Heard => {
  const words = someWords(text, start_ms, wordMs, over);
  return { start_ms, end_ms: words.at(-1)?.end_ms ?? start_ms, language: 'en-US', words };
};

export const aSentence = (text: string, start_ms: number, over: Partial<Sentence> = {}): Sentence => {
  const { speaker = null } = over;
  const words = someWords(text, start_ms, 400, { speaker });
  return { start_ms, end_ms: words.at(-1)?.end_ms ?? start_ms, words, speaker, language: 'en-US', ...over };
};
