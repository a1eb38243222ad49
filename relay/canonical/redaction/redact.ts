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

/**
 * Private data taken out of texts that follow each other, as captions or segments do: a number that is read out with a
 * pause in it is found though it lies in several. A finding leaves its label in each text it touches. `language` is a tag
 * such as `it-IT`.
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
