/** The words of a sherpa-onnx result: its tokens are pieces of words, with the time at which each begins. */
import type { RecognisedWord } from './recogniser-messages.ts';

/** The result of a stream since its last reset. */
export interface NativeResult {
  readonly text: string;
  /** Pieces; one that begins a word starts with a space, or with `▁` where the library leaves that in place. */
  readonly tokens: readonly string[];
  /** Seconds from `start_time`, one for each token; empty where the kind of model has none. */
  readonly timestamps: readonly number[];
  /** Natural logarithms, one for each token; empty where the kind of model has none. */
  readonly ys_probs: readonly number[];
  /** Seconds of audio before the last reset. */
  readonly start_time: number;
}

const rate = 16000;
/** The library says where pieces begin and not where they end: a piece of speech lasts some 0.2 to 0.4 s. */
const pieceSamples = 0.3 * rate;

const beginsWord = (token: string) => /^[ ▁]/u.test(token);
const isVisible = (token: string) => /[^ ▁]/u.test(token);

/**
 * The words of `result` in samples, none of them beyond `limit`; empty where it has no times, or where its pieces are
 * not those of the words in its text (writing without spaces beside bytes in place of letters): such a text stays whole.
 */
export function wordsOf(
  { text, tokens, timestamps, ys_probs, start_time }: NativeResult,
  limit: number,
): RecognisedWord[] {
  const texts = text.split(/\s+/).filter(Boolean);
  if (timestamps.length !== tokens.length) return [];
  const starts = timestamps.map((seconds) => Math.max(0, Math.round((start_time + seconds) * rate)));

  const groups: number[][] = [];
  let open = false;
  for (const [i, token] of tokens.entries()) {
    if (beginsWord(token)) open = false;
    if (!isVisible(token)) continue;
    if (open) groups.at(-1)?.push(i);
    else groups.push([i]);
    open = true;
  }
  if (groups.length !== texts.length) return [];

  return groups.map((group, k) => {
    const first = group[0] ?? 0;
    const last = group.at(-1) ?? first;
    const start = Math.min(starts[first] ?? 0, limit - 1);
    const next = starts[last + 1] ?? limit;
    const end = Math.max(start + 1, Math.min((starts[last] ?? 0) + pieceSamples, next, limit));
    const logs = group.flatMap((i) => ys_probs[i] ?? []);
    const mean = logs.reduce((sum, each) => sum + each, 0) / logs.length;
    return { text: texts[k] ?? '', start, end, confidence: logs.length > 0 ? Math.min(1, Math.exp(mean)) : null };
  });
}
