import type { Subject } from './text-match.ts';
import type { Edit } from './text-words.ts';

/** What taking out the words that follow may take along. */
const goesAlong = /[\s,;:、，；：]/;

/** A rule, as far as it matters for what it can still do. */
export interface Reaching {
  readonly takesOut: boolean;
  /** The first place before `edge` from which what it finds could go on beyond `edge`, whatever follows there; `edge` where
   * there is none. */
  opens(subject: Subject, edge: number): number;
}

/**
 * How much of a text that was settled up to `settled` still is after a rule acted: whatever comes to stand after it, the rule
 * will make the same of it. A match that reaches the edge may not be one with what follows, and another may still become one.
 * @param edits what the rule did, in order; null where it was left out
 * @returns UTF-16 units of the text after the edits
 */
export function settledAfter(rule: Reaching, subject: Subject, edits: readonly Edit[] | null, settled: number): number {
  if (edits === null || settled === 0) return 0;
  const { text } = subject;
  let cut = rule.opens(subject, settled);
  for (let before = -1; before !== cut; ) {
    before = cut;
    if (rule.takesOut) while (cut > 0 && goesAlong.test(text[cut - 1] ?? '')) cut--;
    const parted = edits.find((edit) => edit.from < cut && edit.to > cut);
    if (parted) cut = parted.from;
  }
  return edits.reduce((sum, edit) => (edit.to <= cut ? sum + edit.text.length - (edit.to - edit.from) : sum), cut);
}

/** Of a text after all rules, what is settled of it to show: whole words, and nothing that trimming could shift. */
export function settledShown(text: string, settled: number): number {
  const shown = text.slice(0, settled).trimEnd();
  return /^\s/.test(text) || !/[\p{L}\p{N}]/u.test(shown) ? 0 : shown.length;
}
