import type { CanonicalSegment, CanonicalTranscript, Hearing, LiveTranscript, Manifest } from '../contract.ts';
import { ChainError } from './chain-error.ts';
import { captionFilesOf } from './cues.ts';
import { namesOf } from './names.ts';
import { inMs, type TakenOut, withoutPauses } from './pauses.ts';
import { type Redacted, redacted, redactedTexts } from './redaction.ts';
import { type RuleTally, replaced, rulesOf } from './replacements.ts';
import { type Report, reportOf } from './report.ts';
import { sentencesOf } from './segments.ts';
import { withSpeakers } from './speakers.ts';
import { Stopwatch } from './stopwatch.ts';
import { type Interval, Stretches } from './stretches.ts';
import { TranscriptFile } from './transcript-file.ts';
import type { VoiceMap } from './voice-map.ts';
import { mayInvent, withheldOf } from './withheld.ts';
import { each, heardOf } from './word-times.ts';
import { type Sentence, textOf } from './words.ts';

/** Everything that a canonical transcript is made of, checked against its schemas. */
export interface ChainInput {
  readonly manifest: Manifest;
  readonly manifestSha256: string;
  readonly live: LiveTranscript;
  readonly result: Hearing;
  readonly voice: VoiceMap;
  readonly paramsHash: string;
  /** A clock in ms, by which the steps' own durations are told. */
  readonly now: () => number;
  /** What the steps before the chain took, in order; `engine` is what the real-time factor is reckoned from. */
  readonly durationsMs: Readonly<Record<string, number>>;
}

/** Files as they are published. */
export interface ChainOutput {
  /** `canonicalTranscript` in JSON. */
  readonly transcript: Uint8Array;
  readonly vtt: Uint8Array;
  readonly srt: Uint8Array;
  readonly report: Report;
}

/** Ten hours have about a tenth of this. */
const maxLetters = 20_000_000;
/** Engines count the last window or frame in whole or not at all. */
const maxShortMs = 2000;

const stepNames = [
  ...['word-times', 'pauses', 'speakers', 'segments', 'replacements', 'redaction'],
  ...['withheld', 'names', 'cues', 'report'],
];

/**
 * What an engine heard made what readers get, step by step. The same input gives the same output, but for the steps' durations.
 * Sentences go through the steps one after the other and are kept in the transcript's JSON alone: what has to be known of all
 * of them (which words are said, what is private) is found by going through them once more before.
 * @throws {ChainError} where no transcript can come of it, however often it is tried
 */
export function canonicalOf(input: ChainInput): ChainOutput {
  const { manifest, live, result, voice, durationsMs, now } = input;
  const { duration_ms, sample_rate, redact } = manifest;
  check(manifest, result);
  const watch = new Stopwatch(now, stepNames);
  const languageAt = languagesOf(manifest.languages);
  const pauses = manifest.pauses.map((pause) => inMs(pause, sample_rate));
  const gaps = manifest.holes.map((hole) => ({ ...inMs(hole, sample_rate), reason: hole.reason }));

  // The steps are generators: nothing is done before somebody asks for a sentence.
  const spoken = (taken: TakenOut) => {
    const heard = watch.each('word-times', heardOf(result.segments, duration_ms, languageAt));
    const left = watch.each('pauses', withoutPauses(heard, pauses, gaps, taken));
    const said = watch.each('speakers', withSpeakers(left, result.turns ?? liveTurns(live)));
    return watch.each('segments', sentencesOf(said, languageAt));
  };
  const rules = rulesOf(manifest.text_rules, manifest.vocabulary, textsOf(spoken(noTally())));
  /** Of the last time. */
  let tally = noTally();
  const shown = () => {
    tally = noTally();
    return watch.each('replacements', replaced(spoken(tally), rules, tally));
  };
  const redactions: CanonicalTranscript['redactions'] = [];
  function* segments(): Generator<CanonicalSegment, void> {
    let id = 0;
    for (const { sentence, found } of watch.each('redaction', redact ? redacted(shown) : asSaid(shown()))) {
      const { start_ms, end_ms, speaker, language, words } = sentence;
      const text = textOf(words);
      tally.guessedTimes += words.filter((word) => word.isGuessed).length;
      for (const each of found) redactions.push({ segment: id, ...each });
      yield {
        ...{ id, start_ms, end_ms, speaker, text, text_redacted: redact ? text : null, language },
        words: words.map(({ w, start_ms: from, end_ms: to, conf }) => ({ w, start_ms: from, end_ms: to, conf })),
      };
      id++;
    }
  }

  const head = (language: string) => ({
    schema: 'sala.transcript.v1' as const,
    ...headOf(input),
    language,
    canonical: !mayInvent(result.engine.name),
  });
  const transcript = new TranscriptFile(segments(), (first) => head(first?.language ?? languageAt(0)));
  const withheld = watch.run('withheld', () => withheldOf(transcript, result.engine.name, live.captions));
  const speakers = watch.run('names', () => namesOf(transcript, manifest.speakers, live.captions));
  const files = watch.run('cues', () => captionFilesOf(transcript, { speakers, withheld }));
  const dropped = droppedIn(result, pauses, languageAt);
  const told = watch.run('report', () =>
    reportOf(transcript, { ...head(''), speakers, redactions, withheld }, voice, {
      ...tally,
      unusable: rules.unusable,
      dropped: redact ? redactedTexts(dropped) : dropped,
      isRedacted: redact,
      live: redact ? redactedTexts(live.captions) : live.captions,
    }),
  );
  const steps = [...Object.entries(durationsMs).map(([step, ms]) => ({ step, ms })), ...watch.steps];
  const rtf = durationsMs.engine === undefined || duration_ms === 0 ? null : durationsMs.engine / duration_ms;
  const stats = { rtf, vad_speech_ms: voice.speech_ms, steps };
  return {
    transcript: transcript.end({ speakers, redactions, gaps, withheld, stats }),
    ...files,
    report: { ...told, rtf, steps },
  };
}

const noTally = (): TakenOut & RuleTally & { guessedTimes: number } => ({
  ...{ inPauses: 0, inHoles: 0, guessedTimes: 0, removedByRules: 0 },
  ...{ acted: new Map(), leftOut: new Map() },
});

function* textsOf(sentences: Iterable<Sentence>): Generator<string, void> {
  for (const { words } of sentences) yield textOf(words);
}

function* asSaid(sentences: Iterable<Sentence>): Generator<Redacted, void> {
  for (const sentence of sentences) yield { sentence, found: [] };
}

/** @throws {ChainError} */
function check(manifest: Manifest, { duration_ms, segments }: Hearing): void {
  if (duration_ms < manifest.duration_ms - maxShortMs)
    throw new ChainError(
      'engine-incomplete',
      `The engine heard ${duration_ms} of ${manifest.duration_ms} ms`,
      "Look for what ended it early in the job's log, and start the job once more",
    );
  let letters = 0;
  for (const { text, words } of each(segments))
    letters += Math.max(
      text.length,
      words.reduce((inWords, { w }) => inWords + w.length, 0),
    );
  if (letters > maxLetters)
    throw new ChainError(
      'too-many-words',
      `The engine made ${letters} letters of ${manifest.duration_ms} ms; nobody speaks so fast`,
      'Take another engine for this talk',
    );
}

function headOf({ manifest, manifestSha256, result, paramsHash }: ChainInput) {
  const { event, room, talk, title, started_at, duration_ms, revision, parts, sample_rate, channels } = manifest;
  return {
    talk: { event, room, talk_id: talk, title, started_at, duration_ms },
    recording: { revision, manifest_sha256: manifestSha256 },
    audio: { sha256: parts.map(({ sha256 }) => sha256), sample_rate, channels },
    engine: { ...result.engine, params_hash: paramsHash },
    revision,
  };
}

/** Which language is spoken when. */
function languagesOf(languages: Manifest['languages']): (ms: number) => string {
  const ordered = languages.toSorted((a, b) => a.from_ms - b.from_ms);
  return (ms) => (ordered.findLast(({ from_ms }) => from_ms <= ms) ?? ordered[0])?.language ?? 'und';
}

/** Where no engine told speakers apart, the live one may have. */
const liveTurns = ({ captions }: LiveTranscript) =>
  captions.flatMap(({ start_ms, end_ms, speaker }) => (speaker === null ? [] : { start_ms, end_ms, speaker }));

/** What an engine dropped, but for what it heard in a pause. */
function droppedIn({ dropped }: Hearing, pauses: readonly Interval[], languageAt: (ms: number) => string) {
  const paused = new Stretches(pauses);
  return dropped
    .filter((each) => paused.coveredMs(each) === 0)
    .map((each) => ({ ...each, language: languageAt(each.start_ms), speaker: null }));
}
