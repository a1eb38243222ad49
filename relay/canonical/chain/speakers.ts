import { type Interval, Stretches } from './stretches.ts';
import type { Heard, Word } from './words.ts';

export interface Turn extends Interval {
  readonly speaker: string;
}

/** Those who speak least are left out where more are told apart. */
export const maxSpeakers = 100;
/** A word outside of all turns is of the nearest one within this: turns are cut a little too short. */
const nearMs = 1000;

/**
 * Every word gets the speaker whose turns overlap it longest; of two that do so equally the one of the word before. Speakers
 * are numbered from "0" in the order of their first words.
 */
export function* withSpeakers(heard: Iterable<Heard>, turns: readonly Turn[]): Generator<Heard, void> {
  const voices = [...Map.groupBy(turns, ({ speaker }) => speaker)]
    .map(([label, own]) => ({ label, stretches: new Stretches(own) }))
    .toSorted((a, b) => b.stretches.totalMs - a.stretches.totalMs)
    .slice(0, maxSpeakers);
  const ids = new Map<string, string>();
  let before: string | null = null;
  const idOf = (word: Word): string | null => {
    const label = speakerOf(word, voices, before);
    before = label;
    if (label === null) return null;
    const id = ids.get(label) ?? String(ids.size);
    ids.set(label, id);
    return id;
  };
  for (const each of heard) yield { ...each, words: each.words.map((word) => ({ ...word, speaker: idOf(word) })) };
}

interface Voice {
  readonly label: string;
  readonly stretches: Stretches;
}

function speakerOf(word: Word, voices: readonly Voice[], before: string | null): string | null {
  let [best, most]: [string | null, number] = [null, 0];
  for (const { label, stretches } of voices) {
    const covered = stretches.coveredMs(word);
    if (covered > most || (covered === most && covered > 0 && label === before)) [best, most] = [label, covered];
  }
  if (best !== null) return best;
  let least = nearMs;
  for (const { label, stretches } of voices) {
    const distance = stretches.distanceMs(word);
    if (distance < least || (distance === least && label === before)) [best, least] = [label, distance];
  }
  return best;
}
