/** Two readings of two clocks at one moment; `x` increases. */
export interface Pair {
  readonly x: number;
  readonly y: number;
}

/** The last of them where `x` lies behind it, else the first. */
export function nearest(knots: readonly Pair[], x: number): Pair | undefined {
  const last = knots.at(-1);
  return last && x > last.x ? last : knots[0];
}

/** `y` at `x`, piecewise linear between pairs; beyond them the nearest one goes on with `slope`. */
export function interpolate(pairs: readonly Pair[], x: number, slope: number): number {
  const after = pairs.findIndex((pair) => pair.x >= x);
  const first = pairs[0];
  const last = pairs.at(-1);
  if (!first || !last) return 0;
  if (after === 0) return first.y + (x - first.x) * slope;
  const left = pairs[after - 1];
  const right = pairs[after];
  if (!left || !right) return last.y + (x - last.x) * slope;
  return left.y + ((right.y - left.y) * (x - left.x)) / (right.x - left.x);
}
