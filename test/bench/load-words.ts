/**
 * The cadence of `script:load`, which tells from a caption's own words which frame made it: line k of 30 frames (3 s)
 * says `w<8k> … w<8k+7>`, a word each 3 frames, and is final with its last frame.
 */
const framesPerLine = 30;
const framesPerWord = 3;
const wordsPerLine = 8;

/** The number, from 1, of the 100 ms frame that made this text; 0 for text that is none of the load's. */
export function frameOf(text: string, isFinal: boolean): number {
  const first = /^w(\d+)/.exec(text)?.[1];
  if (first === undefined) return 0;
  const line = Math.floor(Number(first) / wordsPerLine);
  return line * framesPerLine + (isFinal ? framesPerLine : text.split(' ').length * framesPerWord);
}
