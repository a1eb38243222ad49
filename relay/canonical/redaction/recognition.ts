import { cardsIn } from './cards.ts';
import { Context } from './context.ts';
import type { Finding, FindingType } from './finding.ts';
import { ibansIn } from './ibans.ts';
import { saidMailsIn, writtenMailsIn } from './mails.ts';
import { nationalNumbersIn } from './national-numbers.ts';
import { ipv4In, saidMacsIn, writtenAddressesIn } from './networks.ts';
import { numberWordsOf } from './number-words.ts';
import { phonesIn } from './phones.ts';
import { piecesOf, type Reading } from './pieces.ts';
import { letterNamesOf } from './spelling.ts';
import { tokensOf } from './tokens.ts';

/** Where two findings overlap, the type of the surer one is told. */
const ranks: readonly FindingType[] = ['iban', 'mail', 'ip', 'id', 'card', 'mac', 'phone'];

/**
 * All that is private in a text, in order and apart. In linear time whatever the text is: every recogniser looks at no more
 * than a bounded stretch from each place.
 * @param letters of all that the text is a part of: by them it is bounded how much is tried
 */
export function findPrivate(text: string, language: string, letters = text.length): Finding[] {
  const tokens = tokensOf(text);
  const findings = [...writtenMailsIn(text), ...writtenAddressesIn(text)];
  for (const [index, reading] of readingsOf(language).entries()) {
    const pieces = piecesOf(tokens, reading);
    const context = new Context(tokens, pieces);
    findings.push(
      ...cardsIn(pieces, context),
      ...ibansIn(pieces, context),
      ...nationalNumbersIn(pieces, context, language),
    );
    findings.push(...saidMacsIn(pieces, context));
    if (reading.letters !== null || reading.isApart) continue;
    findings.push(...ipv4In(pieces, context), ...phonesIn(pieces, context, language, letters));
    if (index === 0) findings.push(...saidMailsIn(tokens, context));
  }
  return merged(findings);
}

/** Number words of the language, joined and apart; with names of letters; and those of English, which every room mixes in. */
function readingsOf(language: string): Reading[] {
  const words = numberWordsOf(language);
  const english = numberWordsOf('en');
  const readings: Reading[] = [
    { words, isApart: false, letters: null },
    { words, isApart: true, letters: null },
    { words, isApart: false, letters: letterNamesOf(language) },
  ];
  return words === english ? readings : [...readings, { words: english, isApart: false, letters: null }];
}

/** Findings that overlap are one: what any recogniser took is taken. */
function merged(findings: readonly Finding[]): Finding[] {
  const sorted = findings.toSorted((a, b) => a.start - b.start || b.end - a.end);
  const out: Finding[] = [];
  for (const finding of sorted) {
    const last = out.at(-1);
    if (last === undefined || finding.start >= last.end) {
      out.push(finding);
      continue;
    }
    const { type, rule } = ranks.indexOf(finding.type) < ranks.indexOf(last.type) ? finding : last;
    out[out.length - 1] = { start: last.start, end: Math.max(last.end, finding.end), type, rule };
  }
  return out;
}
