/**
 * Takes private data out of what was said: cards, accounts, addresses, national numbers. Each is replaced by a label in
 * brackets, the same in every language: `[card]`, `[iban]`, `[mail]`, `[phone]`, `[ip]`, `[mac]`, `[id]`.
 */
import type { Finding } from './finding.ts';
import { findPrivate } from './recognition.ts';

/** Something that was taken out; `start` and `end` are letters (UTF-16) of the redacted text. */
export interface Redaction {
  readonly start: number;
  readonly end: number;
  readonly type: string;
  /** Which recogniser took it for private. */
  readonly rule: string;
}

/** A text without private data. */
export interface RedactedText {
  readonly text: string;
  readonly found: Redaction[];
}

/** A word with its times, as in a transcript; ms from the first sample, null where unknown. */
export interface TimedWord {
  readonly w: string;
  readonly start_ms: number | null;
  readonly end_ms: number | null;
  readonly conf: number | null;
}

/** Words without private data; `found` counts letters of the words joined by one space each. */
export interface RedactedWords {
  readonly words: TimedWord[];
  readonly found: Redaction[];
}

/** Private data taken out of one text. `language` is a tag such as `it-IT`. */
export function redact(text: string, language: string): RedactedText {
  return withoutFindings(text, findPrivate(text, language), 0);
}

/**
 * The same for texts that follow each other, as captions or segments do: a number that is read out with a pause in it is
 * found though it lies in several. A finding leaves its label in each text it touches.
 */
export function redactSequence(texts: readonly string[], language: string): RedactedText[] {
  const findings = findPrivate(texts.join('\n'), language);
  const results: RedactedText[] = [];
  let offset = 0;
  let next = 0;
  for (const text of texts) {
    const end = offset + text.length;
    while (next < findings.length && (findings[next]?.end ?? 0) <= offset) next += 1;
    const own: Finding[] = [];
    for (let index = next; index < findings.length; index += 1) {
      const finding = findings[index];
      if (finding === undefined || finding.start >= end) break;
      own.push(finding);
    }
    results.push(withoutFindings(text, own, offset));
    offset = end + 1;
  }
  return results;
}

/** Private data taken out of words: those it is in become one, with the time of all of them. */
export function redactWords(words: readonly TimedWord[], language: string): RedactedWords {
  const findings = findPrivate(words.map(({ w }) => w).join(' '), language);
  const kept: TimedWord[] = [];
  const found: Redaction[] = [];
  let next = 0;
  let offset = 0;
  let written = 0;
  for (let index = 0; index < words.length; ) {
    const from = offset;
    const first = index;
    let text = '';
    const own: Finding[] = [];
    do {
      text += `${text === '' ? '' : ' '}${words[index]?.w ?? ''}`;
      offset = from + text.length + 1;
      while ((findings[next]?.start ?? Number.POSITIVE_INFINITY) < offset - 1) {
        const finding = findings[next];
        if (finding !== undefined) own.push(finding);
        next += 1;
      }
      index += 1;
    } while (index < words.length && (own.at(-1)?.end ?? 0) >= offset);
    const clean = withoutFindings(text, own, from);
    for (const { start, end, type, rule } of clean.found) {
      found.push({ start: start + written, end: end + written, type, rule });
    }
    const only = words[first];
    if (only !== undefined) kept.push(own.length === 0 ? only : joined(words.slice(first, index), clean.text));
    written += clean.text.length + 1;
  }
  return { words: kept, found };
}

function joined(words: readonly TimedWord[], w: string): TimedWord {
  return { w, start_ms: words[0]?.start_ms ?? null, end_ms: words.at(-1)?.end_ms ?? null, conf: null };
}

/** `findings` are in order and apart; `offset` is where `text` begins in what they were found in. */
function withoutFindings(text: string, findings: readonly Finding[], offset: number): RedactedText {
  const found: Redaction[] = [];
  let clean = '';
  let at = 0;
  for (const { start, end, type, rule } of findings) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, text.length);
    clean += text.slice(at, from);
    const label = `[${type}]`;
    found.push({ start: clean.length, end: clean.length + label.length, type, rule });
    clean += label;
    at = to;
  }
  return { text: clean + text.slice(at), found };
}
