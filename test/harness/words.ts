/** The words of a text as recognisers count them: lower case, without punctuation. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)*/gu) ?? [];
}

/**
 * Substituted, missing and extra words, over the words of the reference: 0 is perfect, and it can exceed 1.
 * NaN for a reference without words.
 */
export function wordErrorRate(reference: string, hypothesis: string): number {
  const expected = wordsOf(reference);
  const heard = wordsOf(hypothesis);
  // Levenshtein's distance, one row at a time: row[j] is the cost of turning the words so far into heard[0..j].
  let row = Array.from({ length: heard.length + 1 }, (_, j) => j);
  for (const [i, word] of expected.entries()) {
    const next = [i + 1];
    for (const [j, other] of heard.entries())
      next.push(Math.min((row[j] ?? 0) + (word === other ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    row = next;
  }
  return (row.at(-1) ?? 0) / expected.length;
}
