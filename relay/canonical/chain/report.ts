import { z } from 'zod';
import { keyOf, tokensOf } from '../../cue-words.ts';
import type { CanonicalSegment, CanonicalTranscript, LiveTranscript } from '../contract.ts';
import { between, type Interval, merged, Stretches } from './stretches.ts';
import type { VoiceMap } from './voice-map.ts';
import { type Change, type ComparedWord, wordErrorOf } from './word-error.ts';

const count = z.int().min(0);
const share = z.number().min(0).max(1);
const interval = z.object({ start_ms: count, end_ms: count });
const counts = z.array(z.object({ name: z.string(), count }));

/** `report.json`, for organizers. Nothing that was taken out of the transcript is in it. */
export const report = z.object({
  schema: z.literal('sala.report.v1'),
  engine: z.object({ name: z.string(), model: z.string(), version: z.string() }),
  canonical: z.boolean(),
  duration_ms: count,
  words: count,
  segments: count,
  /** Time in which somebody speaks, of all time. */
  speech_ms: count,
  speech_ratio: share.nullable(),
  /** Somebody speaks, and the transcript has no word: the first ones, and how many there are. */
  unheard: z.object({ count, first: z.array(interval) }),
  /** Mean of all words of which the engine told it; the segments with the least. */
  confidence: z.object({
    mean: share.nullable(),
    doubtful: z.array(z.object({ segment: count, confidence: share })),
  }),
  /** Between this transcript and the live one. */
  live: z.object({
    captions: count,
    words: count,
    /** (changed + missing + extra) / words of this transcript; null: it has none. */
    word_error_rate: z.number().min(0).nullable(),
    same: count,
    changed: count,
    /** Words that the live one has not. */
    missing: count,
    /** Words that it alone has. */
    extra: count,
    changes: z.array(z.object({ live: z.string(), canonical: z.string(), count })),
  }),
  /** What is not in the transcript. */
  taken_out: z.object({
    words_in_pauses: count,
    words_in_holes: count,
    segments_by_rules: count,
    private_data: counts,
  }),
  /** What an engine that may invent said in silence and without confidence: the first ones, and how many there are. */
  dropped: z.object({
    count,
    first: z.array(
      interval.extend({ text: z.string(), confidence: z.number().nullable(), no_speech: z.number().nullable() }),
    ),
  }),
  withheld: count,
  /** Words whose times are shares of the time around them. */
  guessed_times: count,
  speakers: z.array(z.object({ speaker: z.string(), name: z.string().nullable(), words: count })),
  /** Text rules: in how many segments each acted, where each was left out, and which are of no use any more. */
  rules: z.object({ acted: counts, left_out: counts, unusable: z.array(z.string()) }),
  rtf: z.number().nullable(),
  steps: z.array(z.object({ step: z.string(), ms: z.number() })),
});
export type Report = z.infer<typeof report>;

/** What the steps took out or left, and is not to be seen in the transcript any more. */
export interface Tally {
  readonly inPauses: number;
  readonly inHoles: number;
  readonly removedByRules: number;
  readonly guessedTimes: number;
  readonly acted: ReadonlyMap<string, number>;
  readonly leftOut: ReadonlyMap<string, number>;
  readonly unusable: readonly string[];
  /** Without private data where the transcript is. */
  readonly dropped: Report['dropped']['first'];
  readonly live: LiveTranscript['captions'];
  /** Private data is taken out: a live caption that was misheard may hold what nobody could tell for private. */
  readonly isRedacted: boolean;
}

type Reported = Pick<CanonicalTranscript, 'talk' | 'engine' | 'canonical' | 'speakers' | 'redactions' | 'withheld'>;

/** Voice without words that is worth a look. */
const unheardMs = 15_000;
/** Either side of a word. */
const nearWordMs = 1000;
/** No number that is private is said in so few words. */
const maxHarmlessWords = 3;
const maxListed = 100;
const maxDoubtful = 20;
const sure = 0.5;

/**
 * @param segments gone through twice
 * @param transcript what else is in it
 */
export function reportOf(
  segments: Iterable<CanonicalSegment>,
  { talk, engine, canonical, speakers, redactions, withheld }: Reported,
  voice: VoiceMap,
  tally: Tally,
): Omit<Report, 'rtf' | 'steps'> {
  const { same, changed, missing, extra, changes } = wordErrorOf(wordsLive(tally.live), wordsIn(segments));
  const words = same + changed + missing;
  const { bySpeaker, heard, doubtful, ...counted } = countsOf(segments);
  const unheard = unheardIn(heard, voice);
  return {
    schema: 'sala.report.v1',
    engine: { name: engine.name, model: engine.model, version: engine.version },
    ...{ canonical, duration_ms: talk.duration_ms, words, segments: counted.segments },
    speech_ms: voice.speech_ms,
    speech_ratio: voice.duration_ms === 0 ? null : Math.min(1, voice.speech_ms / voice.duration_ms),
    unheard: { count: unheard.length, first: unheard.slice(0, maxListed) },
    confidence: {
      mean: counted.known === 0 ? null : counted.sum / counted.known,
      doubtful: doubtful.sort((a, b) => a.confidence - b.confidence).slice(0, maxDoubtful),
    },
    live: {
      captions: tally.live.length,
      words: same + changed + extra,
      word_error_rate: words === 0 ? null : (changed + missing + extra) / words,
      ...{ same, changed, missing, extra },
      changes: changes.filter((change) => !tally.isRedacted || isHarmless(change)).map((change) => ({ ...change })),
    },
    taken_out: {
      words_in_pauses: tally.inPauses,
      words_in_holes: tally.inHoles,
      segments_by_rules: tally.removedByRules,
      private_data: listed(
        Map.groupBy(redactions, ({ type }) => type),
        (found) => found.length,
      ),
    },
    dropped: {
      count: tally.dropped.length,
      first: tally.dropped.slice(0, maxListed).map(({ start_ms, end_ms, text, confidence, no_speech }) => ({
        ...{ start_ms, end_ms, text, confidence, no_speech },
      })),
    },
    withheld: withheld.length,
    guessed_times: tally.guessedTimes,
    speakers: Object.entries(speakers).map(([speaker, { name }]) => ({
      ...{ speaker, name },
      words: bySpeaker.get(speaker) ?? 0,
    })),
    rules: {
      acted: listed(tally.acted, (times) => times),
      left_out: listed(tally.leftOut, (times) => times),
      unusable: [...tally.unusable],
    },
  };
}

const isHarmless = ({ live, canonical }: Change) =>
  [live, canonical].every((text) => !/[\p{N}@]/u.test(text) && text.split(' ').length <= maxHarmlessWords);

const listed = <T>(counted: ReadonlyMap<string, T>, countOf: (of: T) => number) =>
  [...counted].map(([name, of]) => ({ name, count: countOf(of) })).toSorted((a, b) => b.count - a.count);

/** What the segments come to. */
function countsOf(all: Iterable<CanonicalSegment>) {
  let [segments, known, sum] = [0, 0, 0];
  const doubtful: Report['confidence']['doubtful'] = [];
  const bySpeaker = new Map<string, number>();
  /** Where words are, and as much around them as belongs to them. */
  const heard: Interval[] = [];
  for (const segment of all) {
    const { id, speaker, words } = segment;
    segments++;
    const own = words.flatMap(({ conf }) => conf ?? []);
    const ownSum = own.reduce((total, conf) => total + conf, 0);
    known += own.length;
    sum += ownSum;
    const confidence = own.length > 0 ? ownSum / own.length : 1;
    if (confidence < sure) doubtful.push({ segment: id, confidence });
    if (speaker !== null) bySpeaker.set(speaker, (bySpeaker.get(speaker) ?? 0) + [...wordsIn([segment])].length);
    heard.push(
      ...merged(
        words.flatMap(({ start_ms, end_ms }) =>
          start_ms === null || end_ms === null ? [] : { start_ms: start_ms - nearWordMs, end_ms: end_ms + nearWordMs },
        ),
      ),
    );
  }
  return { segments, known, sum, doubtful, bySpeaker, heard };
}

/** Words as they are compared. */
function* wordsIn(segments: Iterable<CanonicalSegment>): Generator<ComparedWord, void> {
  for (const { words } of segments)
    for (const { w, start_ms, end_ms } of words) {
      const key = keyOf(w);
      if (key !== '') yield { key, startMs: start_ms ?? 0, endMs: end_ms ?? 0 };
    }
}

/** The same of live captions, whose words have no times but a share of their own. */
function* wordsLive(captions: LiveTranscript['captions']): Generator<ComparedWord, void> {
  for (const { start_ms, end_ms, text, language } of captions.toSorted(
    (a, b) => a.start_ms - b.start_ms || a.seq - b.seq,
  )) {
    const caption = {
      ...{ type: 'caption' as const, seq: 0, final: true as const, text, language, start: start_ms, end: end_ms },
      ...{ speaker: null, late: false, stream: '', from: 0, to: 0 },
    };
    for (const { text: shown, startMs, endMs } of tokensOf({ caption, words: [], isAmended: false })) {
      const key = keyOf(shown);
      if (key !== '') yield { key, startMs, endMs };
    }
  }
}

function unheardIn(heard: readonly Interval[], voice: VoiceMap): Interval[] {
  const speech = new Stretches(voice.speech);
  return between(heard, voice.duration_ms).filter((gap) => speech.coveredMs(gap) >= unheardMs);
}
