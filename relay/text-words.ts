import type { SaidWord } from './said.ts';

/** A stretch of a text to be replaced; offsets in UTF-16 units. */
export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** A word at its place in the text. */
export interface Placed {
  readonly at: number;
  readonly word: SaidWord;
}

/** Ends of sentences and clauses belong to no word. */
const clauseMarks = '.,;:!?…、。，；：！？';
const edgeMarks = new RegExp(`^[¿¡]+|[${clauseMarks}]+$`, 'gu');

/** The text with the edits made; they are in order and do not overlap. */
export function edited(text: string, edits: readonly Edit[]): string {
  let out = '';
  let at = 0;
  for (const edit of edits) {
    out += text.slice(at, edit.from) + edit.text;
    at = edit.to;
  }
  return out + text.slice(at);
}

/** The words at their places. Where the text does not hold them in order, its own words share their whole time. */
export function place(text: string, words: readonly SaidWord[]): Placed[] {
  const placed: Placed[] = [];
  let from = 0;
  for (const word of words) {
    const bare = word.text.trim();
    if (bare === '') continue;
    const at = text.indexOf(bare, from);
    if (at < 0) return share(tokensOf(text, 0), words);
    placed.push({ at, word: { ...word, text: bare } });
    from = at + bare.length;
  }
  return placed;
}

/**
 * The words after the edits. What replaces a run of words has the time of the run, shared out by length; a word that comes
 * out of it unchanged at either end keeps its own. Times never run backwards where they did not before.
 */
export function retime(placed: readonly Placed[], edits: readonly Edit[], after: string): Placed[] {
  const out: Placed[] = [];
  let next = 0;
  let shift = 0;
  for (let i = 0; i < edits.length; ) {
    const first = edits[i];
    if (!first) break;
    for (let word = placed[next]; word && endOf(word) <= first.from; word = placed[++next])
      out.push({ at: word.at + shift, word: word.word });
    const run: Placed[] = [];
    let { from, to } = first;
    const shiftBefore = shift;
    for (let grew = true; grew; ) {
      grew = false;
      for (let edit = edits[i]; edit && edit.from < to; edit = edits[++i]) {
        to = Math.max(to, edit.to);
        shift += edit.text.length - (edit.to - edit.from);
      }
      // What stands before the first word goes with it.
      for (
        let word = placed[next];
        word && (word.at < to || (run.length === 0 && out.length === 0));
        word = placed[++next]
      ) {
        run.push(word);
        from = Math.min(from, word.at);
        to = Math.max(to, endOf(word));
        grew = true;
      }
    }
    let start = from + shiftBefore;
    // What stands between words goes with the one before it.
    const before = run.length === 0 ? out.pop() : undefined;
    if (before) {
      run.push(before);
      start = before.at;
    }
    out.push(...merge(run, tokensOf(after.slice(start, to + shift), start)));
  }
  for (const { at, word } of placed.slice(next)) out.push({ at: at + shift, word });
  return out;
}

interface Token {
  readonly at: number;
  readonly text: string;
}

const endOf = ({ at, word }: Placed) => at + word.text.length;

function merge(run: readonly Placed[], tokens: readonly Token[]): Placed[] {
  let head = 0;
  let tail = 0;
  const kept = (word: Placed | undefined, token: Token | undefined) => {
    const [words, news] = [run.length - head - tail, tokens.length - head - tail];
    return word && token && word.word.text === token.text && news > 0 && (words > 1 || (words === 1 && news === 1));
  };
  while (kept(run[head], tokens[head])) head++;
  while (kept(run.at(-1 - tail), tokens.at(-1 - tail))) tail++;
  const own = (token: Token, word: Placed | undefined) => (word ? [{ at: token.at, word: word.word }] : []);
  return [
    ...tokens.slice(0, head).flatMap((token, i) => own(token, run[i])),
    ...share(
      tokens.slice(head, tokens.length - tail),
      run.slice(head, run.length - tail).map(({ word }) => word),
    ),
    ...tokens.slice(tokens.length - tail).flatMap((token, i) => own(token, run[run.length - tail + i])),
  ];
}

/** Gives tokens the time of words, by their length. */
function share(tokens: readonly Token[], words: readonly SaidWord[]): Placed[] {
  const from = words[0]?.from;
  const to = words.at(-1)?.to;
  if (from === undefined || to === undefined) return [];
  const total = tokens.reduce((sum, { text }) => sum + text.length, 0);
  const at = (length: number) => Math.round(from + ((to - from) * length) / total);
  let done = 0;
  return tokens.map((token) => {
    const start = at(done);
    done += token.text.length;
    return { at: token.at, word: { text: token.text, from: start, to: at(done) } };
  });
}

/** What stands between spaces, without the marks of clauses around it. */
function tokensOf(text: string, offset: number): Token[] {
  return [...text.matchAll(/\S+/g)].flatMap((match) => {
    const bare = match[0].replace(edgeMarks, '');
    return bare === '' ? [] : [{ at: offset + match.index + match[0].indexOf(bare), text: bare }];
  });
}

/**
 * The stretch that goes with a word that is taken out: its space, and the comma or full stop that would be left without
 * anything before it.
 */
export function gapAround(text: string, from: number, to: number): { from: number; to: number } {
  const isSpace = (at: number) => /\s/.test(text[at] ?? '');
  const isMark = (at: number) => at < text.length && at >= 0 && clauseMarks.includes(text[at] ?? '');
  let start = from;
  while (start > 0 && isSpace(start - 1)) start--;
  const beginsSentence = start === 0 || '.!?…。！？'.includes(text[start - 1] ?? '');
  if (beginsSentence) {
    let end = to;
    while (end < text.length && (isSpace(end) || isMark(end))) end++;
    return { from: end === text.length || start === 0 ? start : from, to: end };
  }
  if (to < text.length && !isMark(to)) return { from: start, to };
  while (start > 0 && (isSpace(start - 1) || ',;:、，；：'.includes(text[start - 1] ?? ''))) start--;
  return { from: start, to };
}
