// @ts-check
/** The languages that Amazon Transcribe streams; any other BCP 47 tag may be typed, and the relay says whether its engine has it. */
import { make } from '../make.js';

/** As in the relay's own table of what each language has; a test holds the two together. */
export const streamed =
  `af-ZA am-ET ar-AE ar-SA be-BY bg-BG bn-IN bs-BA ca-ES ckb-IQ ckb-IR cs-CZ cy-WL da-DK de-CH de-DE
  el-GR en-AB en-AU en-GB en-IE en-IN en-NZ en-US en-WL en-ZA es-ES es-MX es-US et-ET eu-ES fa-AF fa-IR fi-FI fr-CA fr-FR
  gl-ES gu-IN he-IL hi-IN hr-HR ht-HT hu-HU hy-AM id-ID is-IS it-IT ja-JP jv-ID ka-GE kab-DZ kk-KZ km-KH kn-IN ko-KR lg-IN
  lt-LT lv-LV mk-MK ml-IN mr-IN ms-MY my-MM ne-NP nl-NL no-NO or-IN pa-IN pl-PL ps-AF pt-BR pt-PT ro-RO ru-RU si-LK sk-SK
  sl-SI so-SO sq-AL sr-RS su-ID sv-SE sw-BI sw-KE sw-RW sw-TZ sw-UG ta-IN te-IN th-TH tl-PH tr-TR uk-UA uz-UZ vi-VN zh-CN
  zh-HK zh-TW zu-ZA`
    .trim()
    .split(/\s+/);

/** What Transcribe calls by codes that no standard has. @type {Record<string, string>} */
const own = { 'en-AB': 'English (Scotland)', 'en-WL': 'English (Wales)', 'cy-WL': 'Welsh (Wales)' };
const names = new Intl.DisplayNames('en', { type: 'language', languageDisplay: 'standard', fallback: 'none' });

/** @param {string} tag BCP 47 @returns {string} empty where nobody knows */
export function languageName(tag) {
  try {
    return own[tag] ?? names.of(tag) ?? '';
  } catch {
    return ''; // not a tag (yet)
  }
}

const listId = 'languages';

/** Attributes of a field for a language: what is typed is completed from the list. @param {ParentNode} [page] */
export function languageAttributes(page = document) {
  if (!page.querySelector(`#${listId}`)) {
    const options = streamed.map((value) => make('option', { value, label: languageName(value) }, languageName(value)));
    document.body.append(make('datalist', { id: listId }, ...options));
  }
  return { list: listId, maxlength: '35', spellcheck: 'false', autocapitalize: 'none' };
}
