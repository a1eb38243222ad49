/** The value below which the share `q` of all values lies; NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (upper + lower) / 2;
}

/** Repeated runs of one case as `min / median / max`. */
export function spread(values: readonly number[], digits = 1): string {
  const known = values.filter(Number.isFinite);
  if (known.length === 0) return '-';
  if (known.length === 1) return known.map((each) => each.toFixed(digits)).join('');
  return [Math.min(...known), median(known), Math.max(...known)].map((each) => each.toFixed(digits)).join(' / ');
}

/** `p50 / p95 / p99`. */
export function percentiles(values: readonly number[], digits = 2): string {
  return [0.5, 0.95, 0.99].map((q) => quantile(values, q).toFixed(digits)).join(' / ');
}
