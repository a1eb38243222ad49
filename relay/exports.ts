import { cleaned, isRightToLeft, isSpaced } from './cue-text.ts';
import { tokensOf } from './cue-words.ts';
import { type Cue, cuesOf, speakerName } from './cues.ts';
import type { SpokenCaption } from './transcript.ts';

/** Transcripts as files, written while their captions are read. `zeroMs` is the room time of their 0:00. */

type Pages = Iterable<readonly SpokenCaption[]>;

/** Which transcript it is; `engine` and `revision` are of a canonical one. */
export interface TranscriptMark {
  readonly version: 'live' | 'canonical';
  readonly engine: string | null;
  readonly revision: number | null;
}

const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
const seconds = (ms: number) => `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}`;
const clock = (ms: number, decimal: string) => `${seconds(ms)}${decimal}${String(ms % 1000).padStart(3, '0')}`;

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
/** What may stand in a tag: BCP 47, else nothing. */
const tag = (language: string) => (/^[a-z]{1,8}(-[a-z0-9]{1,8}){0,8}$/i.test(language) ? language : '');

/**
 * WebVTT. It is headed by the language of its first caption; cues in another one name it, and each its speaker.
 * @param note what else is to be said of all of it, in a line
 */
export function* toVtt(pages: Pages, zeroMs: number, note = ''): Generator<string, void> {
  let main: string | undefined;
  yield note === '' ? 'WEBVTT\n' : `WEBVTT\n\nNOTE ${note.replaceAll('-->', '--›')}\n`;
  for (const cues of cuesOf(pages, { zeroMs })) {
    let text = '';
    for (const { startMs, endMs, lines, language, speaker } of cues) {
      if (main === undefined) {
        main = tag(language);
        if (main !== '') text += `\nNOTE language: ${main}\n`;
      }
      let inside = escaped(lines.join('\n'));
      const own = tag(language);
      if (own !== main && own !== '') inside = `<lang ${own}>${inside}</lang>`;
      const name = speaker === null ? '' : cleaned(speakerName(speaker));
      if (name !== '') inside = `<v ${escaped(name)}>${inside}</v>`;
      text += `\n${clock(startMs, '.')} --> ${clock(endMs, '.')}\n${inside}\n`;
    }
    yield text;
  }
}

/**
 * SubRip. It has no escapes: what players take for an arrow, a tag or an override is written with letters that look the
 * same. A line names the speaker where that changes.
 */
export function* toSrt(pages: Pages, zeroMs: number): Generator<string, void> {
  let number = 0;
  const line = (text: string) =>
    text
      .replaceAll('-->', '--›')
      .replaceAll(/<(?=[/!a-z])/gi, '‹')
      .replaceAll('{\\', '{⧵');
  const block = ({ startMs, endMs, lines }: Cue) =>
    `${number++ > 0 ? '\n' : ''}${number}\n${clock(startMs, ',')} --> ${clock(endMs, ',')}\n${lines.map(line).join('\n')}\n`;
  for (const cues of cuesOf(pages, { zeroMs, withLabels: true })) yield cues.map(block).join('');
}

/** A pause that ends a paragraph, and what else does, at the next end of a sentence or, later, of a caption. */
const paragraph = { pauseMs: 5000, letters: 700, maxLetters: 2000 };
const stampEveryMs = 300_000;

/**
 * Text to read: a paragraph for each speaker and language, and after each pause; the speaker where that changes; about every
 * five minutes the time since 0:00, as in the other files.
 * @param note what else is to be said of all of it, in a line
 */
export function* toTxt(pages: Pages, zeroMs: number, note = ''): Generator<string, void> {
  if (note !== '') yield `[${note}]\n\n`;
  let before: SpokenCaption['caption'] | undefined;
  let last = '';
  let letters = 0;
  let stampedMs = 0;
  for (const page of pages) {
    let out = '';
    for (const { caption } of page) {
      const text = cleaned(caption.text);
      if (text === '') continue;
      const isLong =
        letters > paragraph.maxLetters ||
        (letters > paragraph.letters && /[.!?…。！？؟।]["'’”»)\]」』）]*$/u.test(last));
      const begins =
        !before ||
        isLong ||
        caption.start - before.end > paragraph.pauseMs ||
        caption.speaker !== before.speaker ||
        caption.language !== before.language;
      if (begins) {
        const sinceMs = caption.start - zeroMs;
        if (before) out += '\n\n';
        if (sinceMs - stampedMs >= stampEveryMs) {
          stampedMs = sinceMs;
          out += `[${seconds(sinceMs)}]\n`;
        }
        const isOther = caption.speaker !== null && caption.speaker !== before?.speaker;
        if (isOther) out += `${isRightToLeft(text) ? '\u200f' : ''}${cleaned(speakerName(caption.speaker ?? ''))}: `;
        letters = 0;
      } else if (isSpaced(last, text)) out += ' ';
      out += text;
      letters += text.length;
      last = text;
      before = caption;
    }
    yield out;
  }
  if (before) yield '\n';
}

/**
 * The messages' own fields, and whether there is more than was asked for.
 * @param withWords each caption with `words`: those of the engine, and of a corrected text its own in their time
 */
export function* toJson(
  head: { readonly room: string; readonly log: string } & Partial<TranscriptMark>,
  pages: Generator<readonly SpokenCaption[], boolean>,
  withWords: boolean,
): Generator<string, void> {
  yield `${JSON.stringify(head).slice(0, -1)},"captions":[`;
  let separator = '';
  for (;;) {
    const { done, value } = pages.next();
    if (done) {
      yield `],"truncated":${value}}`;
      return;
    }
    let text = '';
    for (const spoken of value) {
      text += `${separator}${JSON.stringify(withWords ? { ...spoken.caption, words: wordsOf(spoken) } : spoken.caption)}`;
      separator = ',';
    }
    yield text;
  }
}

const wordsOf = (spoken: SpokenCaption) =>
  spoken.isAmended && spoken.words.length > 0
    ? tokensOf(spoken).map(({ text, startMs, endMs }) => [text, Math.round(startMs), Math.round(endMs)])
    : spoken.words;
