import type { SpokenCaption, SpokenWord } from '../../relay/transcript.ts';

/** A caption as a transcript has it. */
export function spoken(
  text: string,
  start: number,
  end: number,
  { language = 'en-US', speaker = null, words = [], isAmended = false, timeUncertain }: SpokenFields = {},
): SpokenCaption {
  const caption = { type: 'caption' as const, seq: 1, final: true as const, text, language, start, end, speaker };
  const uncertain = timeUncertain ? { timeUncertain } : {};
  return { caption: { ...caption, late: false, stream: '', from: 0, to: 0, ...uncertain }, words, isAmended };
}

export interface SpokenFields {
  readonly language?: string;
  readonly speaker?: string | null;
  readonly words?: readonly SpokenWord[];
  readonly isAmended?: boolean;
  readonly timeUncertain?: boolean;
}

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });
/** Letters as people see them. */
export const seen = (text: string): number => [...graphemes.segment(text)].length;

const wide = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;
/** How many letters a line may have. */
export const lineLimit = (line: string): number => (wide.test(line) ? 16 : 42);

/** What must not be lost of a text: all that can be seen, without the marks on letters. */
export const visible = (text: string): string =>
  text.toWellFormed().replaceAll(/[^\p{L}\p{N}\p{P}\p{S}]|\p{Default_Ignorable_Code_Point}/gu, '');
