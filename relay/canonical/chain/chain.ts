import type { CanonicalTranscript, EngineResult, LiveTranscript, Manifest } from '../contract.ts';
import { ChainError } from './chain-error.ts';
import { captionFilesOf } from './cues.ts';
import { namesOf } from './names.ts';
import { inMs, withoutPauses } from './pauses.ts';
import { redacted, redactedTexts } from './redaction.ts';
import { replaced, rulesOf } from './replacements.ts';
import { type Report, reportOf } from './report.ts';
import { sentencesOf } from './segments.ts';
import { withSpeakers } from './speakers.ts';
import { type Interval, Stretches } from './stretches.ts';
import type { VoiceMap } from './voice-map.ts';
import { mayInvent, withheldOf } from './withheld.ts';
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

/** Ten hours have about a tenth of this. */
const maxLetters = 20_000_000;
/** Engines count the last window or frame in whole or not at all. */
const maxShortMs = 2000;

/**
 * What an engine heard made what readers get, step by step. The same input gives the same output, but for the steps' durations.
 * @throws {ChainError} where no transcript can come of it, however often it is tried
 */
export function canonicalOf(input: ChainInput): ChainOutput {
  const { manifest, live, result, voice, durationsMs } = input;
  check(manifest, result);
  const steps = Object.entries(durationsMs).map(([step, ms]) => ({ step, ms }));
  const step = <T>(name: string, run: () => T): T => {
    const from = input.now();
    const made = run();
    steps.push({ step: name, ms: Math.round(input.now() - from) });
    return made;
  };
  const { duration_ms, sample_rate } = manifest;
  const languageAt = languagesOf(manifest.languages);
  const pauses = manifest.pauses.map((pause) => inMs(pause, sample_rate));
  const gaps = manifest.holes.map((hole) => ({ ...inMs(hole, sample_rate), reason: hole.reason }));

  const heard = step('word-times', () => heardOf(result.segments, duration_ms, languageAt));
  const left = step('pauses', () => withoutPauses(heard, pauses, gaps));
  const spoken = step('speakers', () => withSpeakers(left.heard, result.turns ?? liveTurns(live)));
  const sentences = step('segments', () => sentencesOf(spoken, languageAt));
  const rules = rulesOf(
    manifest.text_rules,
    manifest.vocabulary,
    sentences.map(({ words }) => textOf(words)),
  );
  const shown = step('replacements', () => replaced(sentences, rules));
  const clean = step('redaction', () =>
    manifest.redact ? redacted(shown.sentences) : shown.sentences.map((sentence) => ({ sentence, found: [] })),
  );
  const segments = clean.map(({ sentence }, id) => {
    const { start_ms, end_ms, speaker, language, words } = sentence;
    const text = textOf(words);
    return {
      ...{ id, start_ms, end_ms, speaker, text, text_redacted: manifest.redact ? text : null, language },
      words: words.map(({ w, start_ms: from, end_ms: to, conf }) => ({ w, start_ms: from, end_ms: to, conf })),
    };
  });
  const withheld = step('withheld', () => withheldOf(segments, result.engine.name, live.captions));
  const speakers = step('names', () =>
    namesOf(
      clean.map(({ sentence }) => sentence),
      manifest.speakers,
      live.captions,
    ),
  );
  const transcript: CanonicalTranscript = {
    schema: 'sala.transcript.v1',
    ...headOf(input),
    language: segments[0]?.language ?? languageAt(0),
    canonical: !mayInvent(result.engine.name),
    segments,
    speakers,
    redactions: clean.flatMap(({ found }, segment) => found.map((redaction) => ({ segment, ...redaction }))),
    ...{ gaps, withheld },
    stats: {
      rtf: durationsMs.engine === undefined || duration_ms === 0 ? null : durationsMs.engine / duration_ms,
      vad_speech_ms: voice.speech_ms,
      steps,
    },
  };
  const dropped = droppedIn(result, pauses, languageAt);
  const files = step('cues', () => captionFilesOf(transcript));
  const report = step('report', () =>
    reportOf(transcript, voice, {
      ...{ inPauses: left.inPauses, inHoles: left.inHoles, removedByRules: shown.removed },
      guessedTimes: clean.reduce(
        (sum, { sentence }) => sum + sentence.words.filter((word) => word.isGuessed).length,
        0,
      ),
      ...{ acted: shown.acted, leftOut: shown.leftOut, unusable: rules.unusable },
      dropped: manifest.redact ? redactedTexts(dropped) : dropped,
      isRedacted: manifest.redact,
      live: manifest.redact ? redactedTexts(live.captions) : live.captions,
    }),
  );
  return { transcript, ...files, report };
}

/** @throws {ChainError} */
function check(manifest: Manifest, { duration_ms, segments }: EngineResult): void {
  if (duration_ms < manifest.duration_ms - maxShortMs)
    throw new ChainError(
      'engine-incomplete',
      `The engine heard ${duration_ms} of ${manifest.duration_ms} ms`,
      "Look for what ended it early in the job's log, and start the job once more",
    );
  const letters = segments.reduce(
    (sum, { text, words }) =>
      sum +
      Math.max(
        text.length,
        words.reduce((inWords, { w }) => inWords + w.length, 0),
      ),
    0,
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
function droppedIn({ dropped }: EngineResult, pauses: readonly Interval[], languageAt: (ms: number) => string) {
  const paused = new Stretches(pauses);
  return dropped
    .filter((each) => paused.coveredMs(each) === 0)
    .map((each) => ({ ...each, language: languageAt(each.start_ms), speaker: null }));
}
