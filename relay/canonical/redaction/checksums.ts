/**
 * Check digits of cards, accounts and national numbers. All take letters in capitals and digits, without anything between.
 * Sources: ISO/IEC 7812-1 (cards), ISO 13616 and ISO/IEC 7064 (IBAN), the decree of 23 December 1976 (codice fiscale), BZSt
 * (Steuer-ID), VKVV (Rentenversicherungsnummer), INSEE (NIR), Real Decreto 1553/2005 (DNI), SSA (SSN), HMRC NIM39110 (NINO).
 */

/** Cards, and the Italian partita IVA. */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits.at(-1 - index));
    const doubled = index % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** Remainder of a number of any length. */
function remainder(digits: string, divisor: number): number {
  let rest = 0;
  for (const digit of digits) rest = (rest * 10 + Number(digit)) % divisor;
  return rest;
}

/** Letters as two digits: A is 10. */
const lettersAsNumbers = (text: string) => text.replace(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55));

export const isIban = (text: string): boolean =>
  remainder(lettersAsNumbers(text.slice(4) + text.slice(0, 4)), 97) === 1;

const oddValues = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
const codiceFiscale = /^[A-Z]{6}[0-9LMNP-V]{2}[ABCDEHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]$/;

export function isCodiceFiscale(text: string): boolean {
  if (!codiceFiscale.test(text)) return false;
  let sum = 0;
  for (let index = 0; index < 15; index += 1) {
    const code = text.charCodeAt(index);
    const value = code >= 65 ? code - 65 : code - 48;
    sum += index % 2 === 0 ? (oddValues[value] ?? 0) : value;
  }
  return text.charCodeAt(15) === 65 + (sum % 26);
}

/** DNI and NIE. */
export function isSpanishId(text: string): boolean {
  if (!/^(?:[0-9]{8}|[XYZ][0-9]{7})[A-Z]$/.test(text)) return false;
  const digits = text.slice(0, -1).replace(/^[XYZ]/, (letter) => String('XYZ'.indexOf(letter)));
  return 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(digits) % 23] === text.at(-1);
}

export function isFrenchNir(text: string): boolean {
  if (!/^[1-478][0-9]{2}(?:0[1-9]|1[0-2]|[23][0-9]|4[0-2]|[5-9][0-9])(?:[0-9]{2}|2[AB])[0-9]{8}$/.test(text))
    return false;
  const number = text.slice(0, 13).replace('2A', '19').replace('2B', '18');
  return 97 - remainder(number, 97) === Number(text.slice(13));
}

/** Steuer-Identifikationsnummer: of its first ten digits exactly one comes twice or three times. */
export function isGermanTaxId(text: string): boolean {
  if (!/^[1-9][0-9]{10}$/.test(text)) return false;
  const counts = new Array<number>(10).fill(0);
  for (const digit of text.slice(0, 10)) counts[Number(digit)] = (counts[Number(digit)] ?? 0) + 1;
  const repeated = counts.filter((count) => count > 1);
  if (repeated.length !== 1 || (repeated[0] ?? 0) > 3) return false;
  let product = 10;
  for (const digit of text.slice(0, 10)) {
    const sum = (Number(digit) + product) % 10 || 10;
    product = (sum * 2) % 11;
  }
  return (11 - product) % 10 === Number(text.at(-1));
}

/** Rentenversicherungsnummer, such as 65170839J003. */
export function isGermanPensionNumber(text: string): boolean {
  if (!/^[0-9]{2}(?:0[1-9]|[12][0-9]|3[01]|[5-7][0-9]|8[01])(?:0[1-9]|1[0-2])[0-9]{2}[A-Z][0-9]{3}$/.test(text))
    return false;
  const letter = String(text.charCodeAt(8) - 64).padStart(2, '0');
  const digits = text.slice(0, 8) + letter + text.slice(9, 11);
  const weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
  let sum = 0;
  for (const [index, weight] of weights.entries()) {
    const product = Number(digits[index]) * weight;
    sum += Math.floor(product / 10) + (product % 10);
  }
  return sum % 10 === Number(text.at(-1));
}

/** Swiss AHV number: EAN-13 that begins with 756. */
export function isSwissAhv(text: string): boolean {
  if (!/^756[0-9]{10}$/.test(text)) return false;
  let sum = 0;
  for (let index = 0; index < 12; index += 1) sum += Number(text[index]) * (index % 2 === 0 ? 1 : 3);
  return (10 - (sum % 10)) % 10 === Number(text.at(-1));
}

/** Austrian Sozialversicherungsnummer. */
export function isAustrianInsurance(text: string): boolean {
  if (!/^[1-9][0-9]{3}(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-9])[0-9]{2}$/.test(text)) return false;
  const weights = [3, 7, 9, 0, 5, 8, 4, 2, 1, 6];
  const sum = weights.reduce((total, weight, index) => total + weight * Number(text[index]), 0);
  return sum % 11 === Number(text[3]);
}

/** NHS number of England and Wales. */
export function isNhsNumber(text: string): boolean {
  if (!/^[0-9]{10}$/.test(text)) return false;
  let sum = 0;
  for (let index = 0; index < 9; index += 1) sum += Number(text[index]) * (10 - index);
  const check = (11 - (sum % 11)) % 11;
  return check < 10 && check === Number(text[9]);
}

/** It has no check digit: only what is never given out can be told. */
export const isUsSsn = (text: string): boolean => /^(?!000|666|9)[0-9]{3}(?!00)[0-9]{2}(?!0000)[0-9]{4}$/.test(text);

/** It has no check digit either. */
export const isUkNino = (text: string): boolean =>
  /^(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]$/.test(text);
