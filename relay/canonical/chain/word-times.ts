import { cleaned } from '../../cue-text.ts';
import { timesOf } from '../../cue-words.ts';
import type { EngineResult } from '../contract.ts';
import { type Heard, joinTexts, type Word } from './words.ts';

type Segment = EngineResult['segments'][number];

/**
 * Every word of an engine's text with its place and time, in the order of time. What has no time of its own (engines give none
 * to numbers) gets its share of the time between the words around it, by letters.
 */
export function heardOf({ segments, duration_ms }: EngineResult): Heard[] {
  return segments
    .map((segment) => heard(segment, duration_ms))
    .filter(({ words }) => words.length > 0)
    .toSorted((a, b) => a.start_ms - b.start_ms || a.end_ms - b.end_ms);
}

function heard(segment: Segment, durationMs: number): Heard {
  const within = (ms: number) => Math.min(durationMs, Math.max(0, ms));
  const start_ms = within(segment.start_ms);
  const end_ms = Math.max(start_ms, within(segment.end_ms));
  const text = cleaned(segment.text) || joinTexts(segment.words.map(({ w }) => cleaned(w)));
  const texts = text === '' ? [] : text.split(' ');
  const said = segment.words.flatMap(({ w, start_ms: from, end_ms: to }): [string, number, number][] =>
    from === null || to === null ? [] : [[cleaned(w), from, to]],
  );
  const times = timesOf(texts, said, start_ms, end_ms);
  const words = texts.map((w, i): Word => {
    const [from, to] = times[i] ?? [start_ms, end_ms];
    return {
      ...{ w, start_ms: Math.round(from), end_ms: Math.round(to), conf: null },
      ...{ hasSpaceBefore: true, isGuessed: false, speaker: null },
    };
  });
  return { start_ms, end_ms, words };
}
