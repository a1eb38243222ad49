/** From `start_ms` up to `end_ms`, in ms since the first sample. */
export interface Interval {
  readonly start_ms: number;
  readonly end_ms: number;
}

/** Intervals in order, those that touch or overlap made one; what is empty or ends before it begins is left out. */
export function merged(intervals: readonly Interval[]): Interval[] {
  const out: { start_ms: number; end_ms: number }[] = [];
  const ordered = intervals
    .filter(({ start_ms, end_ms }) => end_ms > start_ms)
    .toSorted((a, b) => a.start_ms - b.start_ms);
  for (const { start_ms, end_ms } of ordered) {
    const last = out.at(-1);
    if (last && start_ms <= last.end_ms) last.end_ms = Math.max(last.end_ms, end_ms);
    else out.push({ start_ms, end_ms });
  }
  return out;
}

/** What is between the stretches of a recording. */
export function between(intervals: readonly Interval[], durationMs: number): Interval[] {
  const ordered = merged(intervals);
  const starts = [0, ...ordered.map(({ end_ms }) => end_ms)];
  const ends = [...ordered.map(({ start_ms }) => start_ms), durationMs];
  return starts
    .map((start_ms, i) => ({ start_ms, end_ms: ends[i] ?? durationMs }))
    .filter((gap) => gap.end_ms > gap.start_ms);
}

/** A set of intervals that says at once how much of a stretch it covers, however many they are. */
export class Stretches {
  readonly intervals: readonly Interval[];
  /** Of all before each. */
  readonly #lengths: Float64Array;

  constructor(intervals: readonly Interval[]) {
    this.intervals = merged(intervals);
    this.#lengths = new Float64Array(this.intervals.length + 1);
    this.intervals.forEach(({ start_ms, end_ms }, i) => {
      this.#lengths[i + 1] = (this.#lengths[i] ?? 0) + end_ms - start_ms;
    });
  }

  get totalMs(): number {
    return this.#lengths.at(-1) ?? 0;
  }

  /** How much of the stretch is covered; an empty one counts as 1 ms. */
  coveredMs({ start_ms, end_ms }: Interval): number {
    return this.#before(Math.max(end_ms, start_ms + 1)) - this.#before(start_ms);
  }

  /** How far the nearest of them is; 0 inside of one. */
  distanceMs({ start_ms, end_ms }: Interval): number {
    const next = this.#firstFrom(start_ms);
    const [before, after] = [this.intervals[next - 1], this.intervals[next]];
    return Math.min(
      before ? Math.max(0, start_ms - before.end_ms) : Number.POSITIVE_INFINITY,
      after ? Math.max(0, after.start_ms - end_ms) : Number.POSITIVE_INFINITY,
    );
  }

  #before(ms: number): number {
    const next = this.#firstFrom(ms);
    const last = this.intervals[next - 1];
    return (this.#lengths[next] ?? 0) - (last ? Math.max(0, last.end_ms - ms) : 0);
  }

  /** The first that begins at or after that moment. */
  #firstFrom(ms: number): number {
    let [low, high] = [0, this.intervals.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.intervals[middle]?.start_ms ?? 0) < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
