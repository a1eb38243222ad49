// @ts-check
/** Which way a caption runs, and which tag says what language it is in. */

/** Scripts that run from right to left, by ISO 15924. */
const rightToLeftScripts = ['Adlm', 'Arab', 'Hebr', 'Mand', 'Nkoo', 'Rohg', 'Syrc', 'Thaa'];
/** Where `Intl.Locale` does not know a language's usual script: the languages written so. */
const rightToLeftLanguages = ['ar', 'ckb', 'dv', 'fa', 'he', 'nqo', 'ps', 'sd', 'syr', 'ug', 'ur', 'yi'];

const anyLetter = /\p{L}/u;
const rightToLeftLetter =
  /[\p{sc=Adlam}\p{sc=Arabic}\p{sc=Hebrew}\p{sc=Mandaic}\p{sc=Nko}\p{sc=Hanifi_Rohingya}\p{sc=Syriac}\p{sc=Thaana}]/u;

/** @param {string} language @returns {Intl.Locale | null} null where it is no language tag at all */
function localeOf(language) {
  try {
    return language ? new Intl.Locale(language) : null;
  } catch {
    return null;
  }
}

/** The tag as a document may carry it; empty where the relay said something else. @param {string} language BCP 47 */
export const languageTag = (language) => localeOf(language)?.toString() ?? '';

/** Whether `text` holds a letter of a script that runs from right to left. @param {string} text */
export const hasRightToLeft = (text) => rightToLeftLetter.test(text);

/**
 * The direction of a caption: that of its language's script, else that of its first letter.
 * @param {string} text @param {string} language BCP 47 @returns {'ltr' | 'rtl'}
 */
export function directionOf(text, language) {
  const locale = localeOf(language)?.maximize();
  if (locale?.script && rightToLeftScripts.includes(locale.script)) return 'rtl';
  if (locale && !locale.script && rightToLeftLanguages.includes(locale.language)) return 'rtl';
  const first = anyLetter.exec(text)?.[0] ?? '';
  return rightToLeftLetter.test(first) ? 'rtl' : 'ltr';
}
