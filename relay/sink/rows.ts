import { setImmediate } from 'node:timers/promises';
import { redactInTurns } from '../canonical/redaction/in-turns.ts';
import type { SpokenCaption } from '../transcript.ts';

/** Which transcript rows are of. */
export type Source = 'live' | 'canonical';

/** A talk by its place in the store's keys. */
export interface SinkTalk {
  readonly event: string;
  readonly room: string;
  readonly talk: string;
  readonly roomTitle: string;
  readonly title: string;
  /** Room time. */
  readonly startMs: number;
  readonly endMs: number;
  /** Private data is taken out before anything leaves. */
  readonly redact: boolean;
}

/** One sentence or caption. Times are ms since 1970. */
export interface SegmentRow {
  readonly event: string;
  readonly room: string;
  readonly talk_id: string;
  readonly source: Source;
  readonly revision: number;
  readonly seq: number;
  readonly start_ms: number;
  readonly end_ms: number;
  /** Empty: unknown. */
  readonly speaker: string;
  readonly language: string;
  readonly text: string;
  readonly words: number;
  readonly version: number;
}

/** What is told of a canonical transcript as a whole. */
export interface CanonicalAbout {
  readonly engine: string;
  readonly model: string;
  /** When the relay had it. */
  readonly atMs: number;
}

export interface TalkRow {
  readonly event: string;
  readonly room: string;
  readonly talk_id: string;
  readonly room_title: string;
  readonly title: string;
  readonly start_ms: number;
  readonly end_ms: number;
  /** 0: there are no rows of it. */
  readonly live_revision: number;
  readonly canonical_revision: number;
  /** 1: the canonical transcript counts. */
  readonly is_canonical: 0 | 1;
  readonly engine: string;
  readonly model: string;
  /** 0: there is none. */
  readonly canonical_ms: number;
  readonly is_deleted: 0 | 1;
  readonly version: number;
}

const placeOf = ({ event, room, talk }: SinkTalk) => ({ event, room, talk_id: talk });

/** Captions as rows, in the order given; without private data where the talk is to have none. */
export async function segmentRows(
  talk: SinkTalk,
  source: Source,
  revision: number,
  captions: readonly SpokenCaption[],
): Promise<SegmentRow[]> {
  const said = captions.map(({ caption }) => caption);
  const texts = talk.redact ? await redactInTurns(said, setImmediate) : said.map(({ text }) => text);
  return captions.map(({ caption: { start, end, speaker, language, seq } }, index) => {
    const text = texts[index] ?? '';
    return {
      ...{ ...placeOf(talk), source, revision, seq },
      ...{ start_ms: Math.round(start), end_ms: Math.round(end), speaker: speaker ?? '', language, text },
      ...{ words: wordsIn(text, language), version: revision },
    };
  });
}

/** Also in languages that are written without spaces. */
function wordsIn(text: string, language: string): number {
  let words = 0;
  for (const { isWordLike } of new Intl.Segmenter(language, { granularity: 'word' }).segment(text)) {
    if (isWordLike) words += 1;
  }
  return words;
}

export function talkRow(
  talk: SinkTalk,
  revisions: Readonly<Record<Source, number>>,
  canonical: CanonicalAbout | null,
  version: number,
): TalkRow {
  return {
    ...{ ...placeOf(talk), room_title: talk.roomTitle, title: talk.title },
    ...{ start_ms: Math.round(talk.startMs), end_ms: Math.round(talk.endMs) },
    ...{ live_revision: revisions.live, canonical_revision: revisions.canonical },
    is_canonical: canonical && revisions.canonical > 0 ? 1 : 0,
    ...{ engine: canonical?.engine ?? '', model: canonical?.model ?? '' },
    canonical_ms: Math.round(canonical?.atMs ?? 0),
    is_deleted: 0,
    version,
  };
}

/** A talk that is gone: nothing but its place is left, and nobody reads it. */
export function deletedRow(event: string, room: string, talk: string, version: number): TalkRow {
  return {
    ...{ event, room, talk_id: talk, room_title: '', title: '', start_ms: 0, end_ms: 0 },
    ...{ live_revision: 0, canonical_revision: 0, is_canonical: 0, engine: '', model: '', canonical_ms: 0 },
    ...{ is_deleted: 1, version },
  };
}
