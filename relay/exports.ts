import type { Caption } from './protocol.js';

/** Broadcasters' habit: at most two lines of 42 characters. */
const maxLineLength = 42;
const maxLines = 2;
const minCueMs = 1000;

/** A piece of text on the screen, in ms since the transcript's zero. */
export interface Cue {
  readonly startMs: number;
  readonly endMs: number;
  readonly lines: readonly string[];
  readonly language: string;
}

/** Words to lines of at most 42 characters; a longer word is cut (languages without spaces are one word). */
function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter((each) => each !== '')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= maxLineLength) {
      lines[lines.length - 1] = `${last} ${word}`;
      continue;
    }
    let rest = [...word];
    for (; rest.length > maxLineLength; rest = rest.slice(maxLineLength))
      lines.push(rest.slice(0, maxLineLength).join(''));
    lines.push(rest.join(''));
  }
  return lines;
}

/**
 * Captions as cues, in the order spoken, never overlapping; a long caption becomes several, each with the share of its
 * time that its text has.
 * @param zeroMs the room time that is 0:00 of the result
 */
export function cuesOf(captions: readonly Caption[], zeroMs: number): Cue[] {
  const cues: Cue[] = [];
  captions.forEach((caption, index) => {
    const lines = wrap(caption.text);
    const chunks = Array.from({ length: Math.ceil(lines.length / maxLines) }, (_, i) =>
      lines.slice(i * maxLines, (i + 1) * maxLines),
    );
    const begin = Math.max(caption.start - zeroMs, cues.at(-1)?.endMs ?? 0, 0);
    const next = captions[index + 1];
    const wanted = Math.max(caption.end - zeroMs, begin + minCueMs * chunks.length);
    // Room for one's own second comes before the next caption's start; it then begins a little late.
    const free = next ? Math.max(next.start - zeroMs, begin + minCueMs * chunks.length) : wanted;
    const duration = Math.min(wanted, free) - begin;
    const total = chunks.flat().join('').length;
    let done = 0;
    for (const chunk of chunks) {
      const startMs = begin + (duration * done) / total;
      done += chunk.join('').length;
      cues.push({
        startMs: Math.round(startMs),
        endMs: Math.round(begin + (duration * done) / total),
        lines: chunk,
        language: caption.language,
      });
    }
  });
  return cues;
}

function clock(ms: number, decimal: string): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const fraction = String(ms % 1000).padStart(3, '0');
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}${decimal}${fraction}`;
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** WebVTT; each cue names its language where the transcript has more than one. */
export function toVtt(captions: readonly Caption[], zeroMs: number): string {
  const languages = [...new Set(captions.map(({ language }) => language))];
  const cue = ({ startMs, endMs, lines, language }: Cue) => {
    const text = escaped(lines.join('\n'));
    const tagged = languages.length > 1 ? `<lang ${escaped(language)}>${text}</lang>` : text;
    return `${clock(startMs, '.')} --> ${clock(endMs, '.')}\n${tagged}\n`;
  };
  const note = languages.length > 0 ? `NOTE language: ${languages.join(', ').replaceAll('-->', '')}\n\n` : '';
  return `WEBVTT\n\n${note}${cuesOf(captions, zeroMs).map(cue).join('\n')}`;
}

/** SubRip. It has no way to write an arrow or a blank line inside a cue; neither comes out of a caption's words. */
export function toSrt(captions: readonly Caption[], zeroMs: number): string {
  return cuesOf(captions, zeroMs)
    .map(
      ({ startMs, endMs, lines }, index) =>
        `${index + 1}\n${clock(startMs, ',')} --> ${clock(endMs, ',')}\n${lines.join('\n').replaceAll('-->', '->')}\n`,
    )
    .join('\n');
}

/** One caption a line. */
export function toTxt(captions: readonly Caption[]): string {
  return captions.map(({ text }) => `${text.replaceAll(/\s+/g, ' ').trim()}\n`).join('');
}
