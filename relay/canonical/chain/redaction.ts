import type { CanonicalTranscript } from '../contract.ts';
import type { Finding } from '../redaction/finding.ts';
import { findInTexts } from '../redaction/in-windows.ts';
import { type Sentence, textOf, type Word } from './words.ts';

type Redaction = Omit<CanonicalTranscript['redactions'][number], 'segment'>;

export interface Redacted {
  readonly sentence: Sentence;
  /** Letters (UTF-16) of its text as it is now. */
  readonly found: readonly Redaction[];
}

/**
 * Sentences without private data: a label stands for it, in the text and among the words.
 * @param sentences asked for twice: what is private shows in all of them together
 */
export function* redacted(sentences: () => Iterable<Sentence>): Generator<Redacted, void> {
  const said = Array.from(sentences(), ({ words, language, speaker }) => ({ text: textOf(words), language, speaker }));
  const findings = findingsIn(said);
  let next = 0;
  for (const sentence of sentences()) {
    // By its place alone it is known what is private in it.
    if (textOf(sentence.words) !== said[next]?.text) throw new Error('The same words became other sentences');
    yield without(sentence, findings[next++] ?? []);
  }
}

/** The same of texts without words; they come in the order of time. */
export function redactedTexts<T extends SaidText & { readonly start_ms: number }>(texts: readonly T[]): T[] {
  const ordered = texts.toSorted((a, b) => a.start_ms - b.start_ms);
  const findings = findingsIn(ordered);
  return ordered.map((each, i) => {
    const own = findings[i] ?? [];
    if (own.length === 0) return each;
    let [text, at] = ['', 0];
    for (const { start, end, type } of own) {
      text += `${each.text.slice(at, start)}${labelOf(type)}`;
      at = end;
    }
    return { ...each, text: text + each.text.slice(at) };
  });
}

interface SaidText {
  readonly text: string;
  readonly language: string;
  readonly speaker: string | null;
}

const labelOf = (type: string) => `[${type}]`;

/**
 * What is private in each of these texts. It is looked for in each of them alone, so that nothing said before makes it look
 * like something else; in all that was said in a language; and in what each speaker said, so that neither a pause nor another's
 * word in between hides a number. What was found in any way is taken out.
 */
function findingsIn(said: readonly SaidText[]): Finding[][] {
  const findings = said.map((): Finding[] => []);
  for (const of of sequences(said)) {
    const texts = of.map((i) => said[i]?.text ?? '');
    const language = said[of[0] ?? 0]?.language ?? '';
    for (const [i, finding] of findInTexts(texts, language)) findings[of[i] ?? 0]?.push(finding);
  }
  return findings.map(apart);
}

/** Which texts are looked through together. */
function* sequences(said: readonly SaidText[]): Generator<readonly number[], void> {
  for (const all of Map.groupBy(said.keys(), (i) => said[i]?.language).values()) {
    for (const i of all) yield [i];
    yield all;
    const own = Map.groupBy(all, (i) => said[i]?.speaker);
    if (own.size > 1) yield* own.values();
  }
}

/** In order; those that overlap are one, with the name of the longer. */
function apart(findings: readonly Finding[]): Finding[] {
  const out: Finding[] = [];
  for (const finding of findings.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = out.at(-1);
    if (!last || finding.start >= last.end) out.push(finding);
    else if (finding.end > last.end) {
      const longer = finding.end - finding.start > last.end - last.start ? finding : last;
      out[out.length - 1] = { ...longer, start: last.start, end: finding.end };
    }
  }
  return out;
}

/** The words that a finding touches become one, with the time of all of them. */
function without(sentence: Sentence, findings: readonly Finding[]): Redacted {
  if (findings.length === 0) return { sentence, found: [] };
  const text = textOf(sentence.words);
  const words: Word[] = [];
  const found: Redaction[] = [];
  /** In the text as it was, and as it is now. */
  let [at, written, next] = [0, 0, 0];
  for (let i = 0; i < sentence.words.length; ) {
    const first = sentence.words[i];
    if (!first) break;
    const space = first.hasSpaceBefore && i > 0 ? 1 : 0;
    const begins = at + space;
    let end = begins + first.w.length;
    let last = first;
    const own: Finding[] = [];
    for (i++; ; i++) {
      for (; (findings[next]?.start ?? Number.POSITIVE_INFINITY) < end; next++)
        own.push(...findings.slice(next, next + 1));
      const following = sentence.words[i];
      if (!following || (own.at(-1)?.end ?? 0) <= end) break;
      end += (following.hasSpaceBefore ? 1 : 0) + following.w.length;
      last = following;
    }
    written += space;
    let w = '';
    let from = begins;
    for (const { start, end: to, type, rule } of own) {
      w += text.slice(from, start);
      const label = labelOf(type);
      found.push({ start: written + w.length, end: written + w.length + label.length, type, rule });
      w += label;
      from = to;
    }
    w += text.slice(from, end);
    words.push(own.length === 0 ? first : { ...first, w, end_ms: last.end_ms, conf: null, isGuessed: true });
    at = end;
    written += w.length;
  }
  return { sentence: { ...sentence, words }, found };
}
