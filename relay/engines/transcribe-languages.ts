import type { LanguageCode } from '@aws-sdk/client-transcribe-streaming';
import { languageFeatures } from './transcribe-features.ts';

/** The languages of Transcribe streaming as the SDK lists them; a test compares the two. Not every region offers each of them. */
export const transcribeLanguages: readonly string[] = [...languageFeatures.keys()];

export function isTranscribeLanguage(code: string): code is LanguageCode {
  return languageFeatures.has(code);
}

const maxNear = 10;

/** The languages that someone who wrote `given` may have meant (`en`, `EN_us`, `italian`), nearest first; maybe none. */
export function nearLanguages(given: string): string[] {
  const wanted = given.trim().toLowerCase().replaceAll('_', '-');
  if (!wanted) return [];
  const names = new Intl.DisplayNames('en', { type: 'language' });
  const [primary = ''] = wanted.split('-');
  const isSame = (code: string) => code.toLowerCase() === wanted;
  const isKin = (code: string) => code.toLowerCase().split('-')[0] === primary;
  const isNamed = (code: string) => wanted.length > 3 && names.of(code)?.toLowerCase().startsWith(primary) === true;
  return [isSame, isKin, isNamed]
    .flatMap((near) => transcribeLanguages.filter(near))
    .filter((code, i, all) => all.indexOf(code) === i)
    .slice(0, maxNear);
}
