import type { Word } from './engines/engine.ts';

/** Words with spaces, punctuation without. */
export function textOf(words: readonly Word[]): string {
  return words.reduce((out, word) => (word.kind === 'word' && out ? `${out} ${word.text}` : out + word.text), '');
}

/** How far `text` begins with those of `words` that the engine promised not to change, in UTF-16 units. */
export function stableIn(text: string, words: readonly Word[]): number {
  let stable = 0;
  for (const word of words) {
    const at = text.indexOf(word.text, stable);
    if (!word.stable || at < 0 || text.slice(stable, at).trim() !== '') break;
    stable = at + word.text.length;
  }
  return stable;
}
