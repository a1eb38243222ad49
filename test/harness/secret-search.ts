import { type NumberWords, numberWordsOf } from '../../relay/canonical/redaction/number-words.ts';

/** A secret that came out, and in what shape. */
export interface Leak {
  readonly secret: string;
  readonly as: 'plain' | 'digits' | 'spoken' | 'base64';
}

/** Fewer digits are anywhere. */
const minDigits = 8;
const languages = ['en', 'it', 'de', 'fr', 'es'];

/**
 * Which of the secrets are in an output, a log or rows: as they were written whatever the case and the spaces, as their
 * digits alone with anything but letters between them, read out in any of five languages, or in base64 at any offset.
 * A secret needs at least six letters or digits to tell it from chance.
 */
export function secretsIn(found: string | Uint8Array, secrets: readonly string[]): Leak[] {
  const text = typeof found === 'string' ? found : Buffer.from(found).toString('utf8');
  const plain = squeezed(text);
  // Digits of one number may have marks between, but other words end it.
  const digits = text.replace(/(?<=\d)[^\p{L}\d]{1,3}(?=\d)/gu, '');
  const leaks: Leak[] = [];
  for (const secret of secrets) {
    const own = squeezed(secret);
    if (own.length < 6) throw new Error(`too short to be searched for: ${secret}`);
    const number = secret.replace(/\D/g, '');
    const add = (as: Leak['as']) => leaks.push({ secret, as });
    if (plain.includes(own)) add('plain');
    if (number.length >= minDigits && digits.includes(number)) add('digits');
    if (number.length >= minDigits && spokenForms(number).some((spoken) => plain.includes(spoken))) add('spoken');
    if (base64Forms(secret).some((form) => text.includes(form))) add('base64');
  }
  return leaks;
}

const squeezed = (text: string) =>
  text
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^\p{L}\p{N}@]/gu, '');

const unitNames = languages.map((language) => unitsOf(numberWordsOf(language)));

function spokenForms(number: string): string[] {
  return unitNames.map((names) => {
    return squeezed(Array.from(number, (digit) => names[Number(digit)] ?? '').join(''));
  });
}

function unitsOf({ values }: NumberWords): string[] {
  return Array.from({ length: 10 }, (_, value) => [...values].find(([, of]) => of === value)?.[0] ?? '');
}

/** What base64 makes of it wherever it stands in something: the letters that depend on its neighbours are left out. */
function base64Forms(secret: string): string[] {
  return [0, 1, 2].map((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    const whole = bytes.subarray(0, bytes.length - (bytes.length % 3));
    return whole.toString('base64').slice(offset === 0 ? 0 : 4);
  });
}
