/**
 * The characters that a phrase of a custom vocabulary may have, by language: Developer Guide, "Character sets for custom
 * vocabularies" (awsdocs/amazon-transcribe-developer-guide, doc_source/charsets.md, the last public copy), read 2026-11-21.
 * Only what stands there: for Japanese and Chinese it refers to lists of thousands, and for newer languages to pages not
 * read; there the service decides. Hyphens join the words of a phrase everywhere.
 */
const latin = "a-zA-Z'.";
const characters: Readonly<Record<string, string>> = {
  af: 'a-z.áèéêëíîïóôöúûü',
  ar: '\\u0621-\\u0628\\u0629-\\u063A\\u0641-\\u064A',
  da: 'a-zA-Z.ÅÆØåæéø',
  de: `${latin}äöüßÄÖÜ`,
  en: latin,
  es: `${latin}ÁÉÍÓÚÑáéíóúñü`,
  fa: '\\u0621-\\u0624\\u0626-\\u0628\\u062A-\\u063A\\u0641\\u0642\\u0644-\\u0648\\u064E-\\u0651پچژکگی',
  fr: `${latin}ÀÂÇÈÉÊËÎÏÔÖÙÛÜàâçèéêëîïôöùûü`,
  he: '\\u05D0-\\u05EA',
  hi: '.\\u0901-\\u0903\\u0905-\\u090B\\u090F-\\u0911\\u0913-\\u0928\\u092A-\\u0930\\u0932\\u0935-\\u0939\\u093E-\\u0943\\u0945\\u0947-\\u0949\\u094B-\\u094D\\u0929\\u0931\\u0958-\\u095F',
  id: latin,
  it: `${latin}ÀÄÇÈÉÊËÌÒÙÜàäçèéêëìòùü`,
  ko: '\\uAC00-\\uD7A3',
  ms: latin,
  nl: `${latin}àáâäçèéêëìíîïñòóôöùúûü`,
  pt: `${latin}ÀÁÂÃÄÇÈÉÊËÍÑÓÔÕÖÚÜàáâãäçèéêëíñóôõöúü`,
  ru: "'.\\u0430-\\u044Fё",
  ta: '\\u0B83\\u0B85-\\u0B8A\\u0B8E-\\u0B90\\u0B92-\\u0B95\\u0B99\\u0B9A\\u0B9C\\u0B9E\\u0B9F\\u0BA3\\u0BA4\\u0BA8-\\u0BAA\\u0BAE-\\u0BB9\\u0BBE-\\u0BC2\\u0BC6-\\u0BC8\\u0BCA-\\u0BCD',
  te: '\\u0C01-\\u0C03\\u0C05-\\u0C0C\\u0C0E-\\u0C10\\u0C12-\\u0C28\\u0C2A-\\u0C33\\u0C35-\\u0C39\\u0C3E-\\u0C44\\u0C47\\u0C48\\u0C4A-\\u0C4D\\u0C1A',
  th: '.\\u0E01-\\u0E32\\u0E34-\\u0E3A\\u0E40-\\u0E4D',
  tr: `${latin}ÇÖÜâäçèéêíîóöûüĞğİıŞşšž`,
};

const foreign = new Map(
  Object.entries(characters).map(([primary, allowed]) => [primary, new RegExp(`[^${allowed}-]`, 'gu')]),
);

/** The characters of `entry` that the service is known not to take in this language, each once; none where it decides itself. */
export function charactersNotTaken(entry: string, languageCode: string): string[] {
  const [primary = ''] = languageCode.split('-');
  const pattern = foreign.get(primary);
  return pattern ? [...new Set(entry.match(pattern) ?? [])] : [];
}

/** Whether the language takes small letters alone. */
export function takesOnlySmallLetters(languageCode: string): boolean {
  const [primary = ''] = languageCode.split('-');
  return primary === 'af' || primary === 'ru';
}
