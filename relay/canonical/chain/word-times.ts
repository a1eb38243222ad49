import { cleaned, isSpaced } from '../../cue-text.ts';
import { keyOf } from '../../cue-words.ts';
import type { EngineResult, Hearing } from '../contract.ts';
import type { Interval } from './stretches.ts';
import { type Heard, type Said, wordsIn } from './words.ts';

type Segment = EngineResult['segments'][number];

/**
 * Every word of an engine's text with its place and time, segments in the order of time. What has no time of its own (engines
 * give none to numbers) gets its share of the time between the words around it, by letters.
 */
export function* heardOf(
  segments: Hearing['segments'],
  durationMs: number,
  languageAt: (ms: number) => string,
): Generator<Heard, void> {
  const times = Array.from(each(segments), (segment, i) => ({ i, ...timeOf(segment, durationMs) }));
  for (const { i, ...time } of times.sort((a, b) => a.start_ms - b.start_ms || a.end_ms - b.end_ms)) {
    const segment = segments.at(i);
    if (!segment) continue;
    const language = languageAt(time.start_ms);
    const text = cleaned(segment.text) || joined(segment.words.map(({ w }) => cleaned(w)));
    const words = wordsIn(text, language, time, saidIn(segment, time));
    if (words.length > 0) yield { ...time, language, words };
  }
}

/** One after the other, none of them kept. */
export function* each(segments: Hearing['segments']): Generator<Segment, void> {
  for (let i = 0; i < segments.length; i++) {
    const segment = segments.at(i);
    if (segment) yield segment;
  }
}

const joined = (texts: readonly string[]) =>
  texts.reduce((out, text) => (out !== '' && text !== '' && isSpaced(out, text) ? `${out} ${text}` : out + text), '');

/** Within the recording; a segment that ends before it begins has the time of its words. */
function timeOf(segment: Segment, durationMs: number): Interval {
  const within = (ms: number) => Math.min(durationMs, Math.max(0, ms));
  const [start_ms, end_ms] = [within(segment.start_ms), within(segment.end_ms)];
  if (start_ms < end_ms) return { start_ms, end_ms };
  const times = segment.words.flatMap(({ start_ms: from, end_ms: to }) => [from ?? [], to ?? []].flat()).map(within);
  return {
    start_ms: times.reduce((least, ms) => Math.min(least, ms), start_ms),
    end_ms: times.reduce((most, ms) => Math.max(most, ms), end_ms),
  };
}

/** The engine's own words, all with times that never go back and do not overlap. */
function saidIn({ words }: Segment, { start_ms, end_ms }: Interval): Said[] {
  const texts = words.map(({ w }) => cleaned(w));
  const times = knownTimes(words, start_ms, end_ms);
  const said: Said[] = [];
  for (let i = 0; i < words.length; ) {
    const time = times[i];
    if (time) {
      said.push({ w: texts[i] ?? '', ...time, conf: words[i]?.conf ?? null, isGuessed: false });
      i++;
      continue;
    }
    let to = i;
    while (to < words.length && !times[to]) to++;
    const from = said.at(-1)?.end_ms ?? start_ms;
    const until = times[to]?.start_ms ?? end_ms;
    const lengths = texts.slice(i, to).map((text) => keyOf(text).length || 1);
    const total = lengths.reduce((sum, length) => sum + length, 0);
    let done = 0;
    const at = () => from + ((until - from) * done) / total;
    for (const length of lengths) {
      const begins = at();
      done += length;
      said.push({ w: texts[i] ?? '', start_ms: begins, end_ms: at(), conf: words[i]?.conf ?? null, isGuessed: true });
      i++;
    }
  }
  return said;
}

/** The times that can be, each up to the next: within the segment and in order; null for the rest. */
function knownTimes(words: Segment['words'], fromMs: number, toMs: number): (Interval | null)[] {
  let latest = fromMs;
  const known = words.map(({ start_ms, end_ms }): Interval | null => {
    if (start_ms === null || end_ms === null || start_ms > toMs || end_ms < start_ms) return null;
    if (start_ms < latest && end_ms <= latest) return null;
    latest = Math.max(latest, start_ms);
    return { start_ms: latest, end_ms };
  });
  let next = toMs;
  return known
    .reverse()
    .map((time) => {
      const end_ms = Math.min(time?.end_ms ?? next, next);
      next = time?.start_ms ?? next;
      return time && { start_ms: time.start_ms, end_ms };
    })
    .reverse();
}
