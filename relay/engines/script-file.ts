import { SalaError } from '../../systemd/errors.ts';
import { sampleRate } from '../protocol.js';

/** A word of a script, where it lies in a stream: positions, `start` inclusive, `end` exclusive. */
export interface ScriptWord {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Its line is said as one final. */
  readonly line: ScriptLine;
}

export interface ScriptLine {
  /** Different for each line and each repetition. */
  readonly key: number;
  /** Position at which the final is due. */
  readonly end: number;
}

export interface Script {
  /** The words whose middle lies at a position in `[from, to)`, in order. */
  wordsIn(from: number, to: number): ScriptWord[];
}

export const middleOf = ({ start, end }: { readonly start: number; readonly end: number }) =>
  Math.floor((start + end) / 2);

const toSamples = (seconds: number) => Math.round(seconds * sampleRate);

interface Line {
  readonly start: number;
  readonly end: number;
  readonly words: readonly string[];
}

const linePattern = /^(\d+(?:\.\d+)?)\s+(\d+(?:\.\d+)?)\s+(\S.*)$/;
const periodPattern = /^period\s+(\d+(?:\.\d+)?)$/;

/**
 * Reads a script: lines `START END text`, times in seconds of stream position, one final each, in order and apart;
 * `# …` is a comment; `period SECONDS` repeats all of it for ever.
 * @param name of the file, for the message
 * @throws {SalaError} `script-malformed`, naming the first line that is wrong
 */
export function parseScript(text: string, name: string): Script {
  const lines: Line[] = [];
  let period: number | null = null;
  for (const [i, raw] of text.split(/\r?\n/).entries()) {
    const refuse = (what: string): never => {
      throw new SalaError(`${name}, line ${i + 1}: ${what}`, {
        code: 'script-malformed',
        hint: 'A line is START END text, in seconds, for example: 0 2.5 good morning everyone',
      });
    };
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const periodMatch = periodPattern.exec(line);
    if (periodMatch) {
      if (period !== null || lines.length > 0) refuse('“period” stands once, before all lines');
      period = toSamples(Number(periodMatch[1]));
      if (period === 0) refuse('a period is longer than 0');
      continue;
    }
    const match = linePattern.exec(line);
    if (!match) refuse('not of the form START END text');
    const start = toSamples(Number(match?.[1]));
    const end = toSamples(Number(match?.[2]));
    if (end <= start) refuse('it ends before it starts');
    if (start < (lines.at(-1)?.end ?? 0)) refuse('it starts before the line above it ends');
    if (period !== null && end > period) refuse('it ends after the period');
    lines.push({ start, end, words: (match?.[3] ?? '').split(/\s+/) });
  }
  return repeated(lines, period);
}

function repeated(lines: readonly Line[], period: number | null): Script {
  return {
    wordsIn(from, to) {
      const first = period === null ? 0 : Math.floor(from / period);
      const last = period === null ? 0 : Math.floor((to - 1) / period);
      const found: ScriptWord[] = [];
      for (let round = first; round <= last; round++) {
        const shift = round * (period ?? 0);
        for (const [i, line] of lines.entries())
          if (line.start + shift < to && line.end + shift > from)
            found.push(...spread(line, shift, round * lines.length + i).filter((word) => isIn(word, from, to)));
      }
      return found;
    },
  };
}

/** The line's words, evenly over its time. */
function spread({ start, end, words }: Line, shift: number, key: number): ScriptWord[] {
  const at = (i: number) => shift + start + Math.round(((end - start) * i) / words.length);
  return words.map((text, i) => ({ text, start: at(i), end: at(i + 1), line: { key, end: end + shift } }));
}

const isIn = (word: ScriptWord, from: number, to: number) => middleOf(word) >= from && middleOf(word) < to;

const loadLineSamples = 3 * sampleRate;
const loadWordSamples = 0.3 * sampleRate;
const loadWords = 8;

/** The steady load of benchmarks: in every 3 s of positions `w<8k> … w<8k+7>`, a word each 300 ms, a final at the end. */
export const loadScript: Script = {
  wordsIn(from, to) {
    const found: ScriptWord[] = [];
    for (let key = Math.floor(from / loadLineSamples); key * loadLineSamples < to; key++) {
      const line = { key, end: (key + 1) * loadLineSamples };
      for (let i = 0; i < loadWords; i++) {
        const start = key * loadLineSamples + i * loadWordSamples;
        const word = { text: `w${key * loadWords + i}`, start, end: start + loadWordSamples, line };
        if (isIn(word, from, to)) found.push(word);
      }
    }
    return found;
  },
};
