import { type Interval, merged, Stretches } from './stretches.ts';
import { type Heard, isWord } from './words.ts';

/** Engines place a word's ends to about this. */
const marginMs = 200;

/** Words that were taken out because captions were paused, and because no audio is there. */
export interface TakenOut {
  inPauses: number;
  inHoles: number;
}

/**
 * Without the words that nobody is to read, since an organizer had paused captions, and those that an engine heard where no
 * audio is. A word goes that may have been said in a pause: one whose time is a guess has the whole time around it. In a hole
 * lies a word whose middle does.
 * @param taken counts them
 */
export function* withoutPauses(
  heard: Iterable<Heard>,
  pauses: readonly Interval[],
  holes: readonly Interval[],
  taken: TakenOut,
): Generator<Heard, void> {
  const wide = merged(pauses).map(({ start_ms, end_ms }) => ({
    start_ms: start_ms - marginMs,
    end_ms: end_ms + marginMs,
  }));
  const [paused, silent] = [new Stretches(wide), new Stretches(holes)];
  for (const each of heard) {
    const times = possibleTimes(each);
    const words = each.words.filter((word, i) => {
      const middle = Math.floor((word.start_ms + word.end_ms) / 2);
      const isPaused = paused.coveredMs(times[i] ?? each) > 0;
      const isHole = !isPaused && silent.coveredMs({ start_ms: middle, end_ms: middle }) > 0;
      if (isWord(word)) {
        taken.inPauses += isPaused ? 1 : 0;
        taken.inHoles += isHole ? 1 : 0;
      }
      return !isPaused && !isHole;
    });
    if (words.length > 0) yield { ...each, words };
  }
}

/** When each word may have been said: a guess has the time from the last to the next that is none. */
function possibleTimes({ words, start_ms, end_ms }: Heard): Interval[] {
  const times: Interval[] = [];
  for (let i = 0; i < words.length; ) {
    const word = words[i];
    let to = i;
    while (words[to]?.isGuessed) to++;
    if (word && to === i) {
      times.push(word);
      i++;
      continue;
    }
    const time = { start_ms: words[i - 1]?.end_ms ?? start_ms, end_ms: words[to]?.start_ms ?? end_ms };
    for (; i < to; i++) times.push(time);
  }
  return times;
}

/** Intervals of samples in ms, no sample of them left out. */
export const inMs = (
  stretch: { readonly from_sample: number; readonly to_sample: number },
  rate: number,
): Interval => ({
  start_ms: Math.floor((stretch.from_sample * 1000) / rate),
  end_ms: Math.ceil((stretch.to_sample * 1000) / rate),
});
