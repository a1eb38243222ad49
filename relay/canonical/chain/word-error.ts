/** How far two transcripts of the same talk are apart, in words. */

/** A word of either, by which it is compared. */
export interface ComparedWord {
  /** Without capitals and marks. */
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** A stretch of words that one has otherwise than the other; empty where it has none. */
export interface Change {
  readonly live: string;
  readonly canonical: string;
  readonly count: number;
}

export interface WordError {
  readonly same: number;
  /** Words of the canonical transcript that the live one has otherwise, or not at all; words that only the live one has. */
  readonly changed: number;
  readonly missing: number;
  readonly extra: number;
  /** The most frequent first. */
  readonly changes: readonly Change[];
}

/** Words that are compared at a time, of both together: the cost grows with the square. */
const maxBlock = 1000;
const maxDistinct = 20_000;
const maxChanges = 50;
const maxChangeLength = 120;

interface Placed {
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly isLive: boolean;
}

/** Both in one order of time; the words of each stay in their own order, whatever their times are. */
function* together(live: Iterable<ComparedWord>, canonical: Iterable<ComparedWord>): Generator<Placed, void> {
  const [ours, theirs] = [placed(live, true), placed(canonical, false)];
  let [mine, other] = [ours.next(), theirs.next()];
  while (!mine.done || !other.done)
    if (!mine.done && (other.done || mine.value.startMs <= other.value.startMs)) {
      yield mine.value;
      mine = ours.next();
    } else if (!other.done) {
      yield other.value;
      other = theirs.next();
    }
}

function* placed(words: Iterable<ComparedWord>, isLive: boolean): Generator<Placed, void> {
  let latestMs = Number.NEGATIVE_INFINITY;
  for (const { key, startMs, endMs } of words) {
    latestMs = Math.max(latestMs, startMs);
    if (key !== '') yield { key, startMs: latestMs, endMs, isLive };
  }
}

/**
 * The least substitutions, omissions and additions that lead from the live words to the canonical ones (Levenshtein), block by
 * block: each ends in the longest silence of both, so ten hours take ten times as long as one.
 */
export function wordErrorOf(live: Iterable<ComparedWord>, canonical: Iterable<ComparedWord>): WordError {
  const words = together(live, canonical);
  const held: Placed[] = [];
  const work = new Uint8Array((maxBlock / 2 + 1) ** 2);
  const counts = { same: 0, changed: 0, missing: 0, extra: 0 };
  const changes = new Map<string, { live: string; canonical: string; count: number }>();
  for (;;) {
    // One more than a block, for the silence behind it.
    for (let next = words.next(); !next.done; next = words.next()) if (held.push(next.value) > maxBlock) break;
    if (held.length === 0) break;
    const block = held.splice(0, blockEnd(held));
    const keysOf = (isLive: boolean) => block.filter((word) => word.isLive === isLive).map(({ key }) => key);
    let open = { live: [] as string[], canonical: [] as string[] };
    const close = () => {
      if (open.live.length + open.canonical.length > 0) note(changes, open.live, open.canonical);
      open = { live: [], canonical: [] };
    };
    for (const [mine, theirs] of aligned(keysOf(true), keysOf(false), work)) {
      if (mine === theirs) {
        counts.same++;
        close();
        continue;
      }
      if (mine === null) counts.missing++;
      else if (theirs === null) counts.extra++;
      else counts.changed++;
      if (mine !== null) open.live.push(mine);
      if (theirs !== null) open.canonical.push(theirs);
    }
    close();
  }
  const frequent = [...changes.values()].toSorted((a, b) => b.count - a.count).slice(0, maxChanges);
  return { ...counts, changes: frequent };
}

/** Of the second half of what may be compared at once, the end that has the longest silence behind it. */
function blockEnd(words: readonly Placed[]): number {
  if (words.length <= maxBlock) return words.length;
  let [best, longest, spokenMs] = [maxBlock, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < maxBlock; i++) {
    spokenMs = Math.max(spokenMs, words[i]?.endMs ?? 0);
    const silence = (words[i + 1]?.startMs ?? 0) - spokenMs;
    if (i >= maxBlock / 2 && silence >= longest) [best, longest] = [i + 1, silence];
  }
  return best;
}

function note(
  changes: Map<string, { live: string; canonical: string; count: number }>,
  live: readonly string[],
  canonical: readonly string[],
): void {
  const text = (words: readonly string[]) => {
    const joined = words.join(' ');
    return joined.length <= maxChangeLength ? joined : `${joined.slice(0, maxChangeLength).toWellFormed()}…`;
  };
  const change = { live: text(live), canonical: text(canonical) };
  const name = JSON.stringify(change);
  const known = changes.get(name);
  if (known) known.count++;
  else if (changes.size < maxDistinct) changes.set(name, { ...change, count: 1 });
}

/** Which of the two a step goes on in. */
const step = { both: 0, mine: 1, theirs: 2 } as const;

/**
 * The words of both beside each other; null where one has none. Of ways with as few errors it is one with the most equals.
 * @param steps to work with; as large as half of the words of both, squared
 */
function aligned(
  mine: readonly string[],
  theirs: readonly string[],
  steps: Uint8Array,
): [string | null, string | null][] {
  const error = mine.length + theirs.length + 1;
  const width = theirs.length + 1;
  const numbers = new Map([...mine, ...theirs].map((word, i) => [word, i]));
  const wanted = Int32Array.from(theirs, (word) => numbers.get(word) ?? -1);
  let row = Int32Array.from({ length: width }, (_, k) => k * error);
  let next = new Int32Array(width);
  steps.fill(step.theirs, 0, width);
  mine.forEach((word, before) => {
    const number = numbers.get(word);
    const at = (before + 1) * width;
    next[0] = (before + 1) * error;
    steps[at] = step.mine;
    for (let k = 1; k < width; k++) {
      const both = (row[k - 1] ?? 0) + (number === wanted[k - 1] ? -1 : error);
      const [onlyMine, onlyTheirs] = [(row[k] ?? 0) + error, (next[k - 1] ?? 0) + error];
      const least = Math.min(both, onlyMine, onlyTheirs);
      next[k] = least;
      steps[at + k] = least === both ? step.both : least === onlyMine ? step.mine : step.theirs;
    }
    [row, next] = [next, row];
  });
  const pairs: [string | null, string | null][] = [];
  for (let [i, k] = [mine.length, theirs.length]; i > 0 || k > 0; ) {
    const at = steps[i * width + k];
    const a = at === step.theirs ? null : (mine[--i] ?? null);
    const b = at === step.mine ? null : (theirs[--k] ?? null);
    pairs.push([a, b]);
  }
  return pairs.reverse();
}
