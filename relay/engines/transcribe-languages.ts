import type { LanguageCode } from '@aws-sdk/client-transcribe-streaming';

const codes = `
  af-ZA am-ET ar-AE ar-SA be-BY bg-BG bn-IN bs-BA ca-ES ckb-IQ ckb-IR cs-CZ cy-WL da-DK de-CH de-DE el-GR en-AB
  en-AU en-GB en-IE en-IN en-NZ en-US en-WL en-ZA es-ES es-MX es-US et-ET eu-ES fa-AF fa-IR fi-FI fr-CA fr-FR
  gl-ES gu-IN he-IL hi-IN hr-HR ht-HT hu-HU hy-AM id-ID is-IS it-IT ja-JP jv-ID ka-GE kab-DZ kk-KZ km-KH kn-IN
  ko-KR lg-IN lt-LT lv-LV mk-MK ml-IN mr-IN ms-MY my-MM ne-NP nl-NL no-NO or-IN pa-IN pl-PL ps-AF pt-BR pt-PT
  ro-RO ru-RU si-LK sk-SK sl-SI so-SO sq-AL sr-RS su-ID sv-SE sw-BI sw-KE sw-RW sw-TZ sw-UG ta-IN te-IN th-TH
  tl-PH tr-TR uk-UA uz-UZ vi-VN zh-CN zh-HK zh-TW zu-ZA
`;

/**
 * The languages of Transcribe streaming as SDK 3.1141 lists them, kept here so that a room's settings can be checked
 * without loading the SDK; a test compares the two. Not every region offers each of them.
 */
export const transcribeLanguages: readonly string[] = codes.trim().split(/\s+/);

export function isTranscribeLanguage(code: string): code is LanguageCode {
  return transcribeLanguages.includes(code);
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
