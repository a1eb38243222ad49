import type { Finding } from './finding.ts';

/** All that is private in a text, in order and apart. */
export function findPrivate(text: string, _language: string): Finding[] {
  const findings: Finding[] = [];
  for (const match of text.matchAll(/(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)/gu)) {
    const digits = match[0].replace(/\D/gu, '');
    if (!passesLuhn(digits)) continue;
    findings.push({ start: match.index, end: match.index + match[0].length, type: 'card', rule: 'card-luhn' });
  }
  return findings;
}

function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits.at(-1 - index));
    const doubled = index % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
