import type { Caption } from '../../relay/protocol.js';

/** When a number was spoken, and when a reader had it in a final caption. */
export interface Lag {
  readonly number: number;
  readonly spokenAtMs: number;
  readonly lagMs: number;
  readonly late: boolean;
}

/** The numbers in a caption of the numbered signal. */
export const numbersOf = ({ text }: Pick<Caption, 'text'>): number[] =>
  text.split(/\s+/).flatMap((word) => (/^n\d+$/.test(word) ? [Number(word.slice(1))] : []));

/**
 * Each number's lag: from the end of its 100 ms to its first final caption at the reader, in the order spoken. Only finals
 * count, so the stand-in's segments have to be short: the wait for a segment's other words is in the lag.
 * @param startedAtMs when the first sample of number 0 was played
 */
export function lagsOf(
  shown: readonly { readonly atMs: number; readonly caption: Caption }[],
  startedAtMs: number,
): Lag[] {
  const lags = new Map<number, Lag>();
  for (const { atMs, caption } of shown)
    for (const number of numbersOf(caption)) {
      if (lags.has(number)) continue;
      const spokenAtMs = startedAtMs + (number + 1) * 100;
      lags.set(number, { number, spokenAtMs, lagMs: atMs - spokenAtMs, late: caption.late });
    }
  return [...lags.values()].sort((a, b) => a.number - b.number);
}

/** The worst of the numbers spoken in `[fromMs, toMs)`; 0 of none. */
export function worstLag(lags: readonly Lag[], fromMs: number, toMs = Number.POSITIVE_INFINITY): number {
  return Math.max(
    0,
    ...lags.filter((lag) => lag.spokenAtMs - 100 >= fromMs && lag.spokenAtMs < toMs).map((lag) => lag.lagMs),
  );
}

/** From when on every number's lag was below `limitMs`: the end of the last number that was slower; `fromMs` at the least. */
export function settledAt(lags: readonly Lag[], limitMs: number, fromMs: number): number {
  return Math.max(fromMs, ...lags.filter((lag) => lag.lagMs >= limitMs).map((lag) => lag.spokenAtMs));
}
