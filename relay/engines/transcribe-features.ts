/**
 * What Amazon Transcribe streaming offers for each language, kept here so that a room's settings can be checked before a
 * session is opened and without loading the SDK. Where the documentation does not say (`?`), nothing is refused: the
 * service decides. When the service grows, this table is what to bring up to date.
 *
 * | column         | says                                                          | source                                                      | read       |
 * | -------------- | ------------------------------------------------------------- | ----------------------------------------------------------- | ---------- |
 * | code           | every LanguageCode of StartStreamTranscription                | @aws-sdk/client-transcribe-streaming 3.1141.0, `LanguageCode` | 2026-11-20 |
 * | regions        | `all` that stream, or `most`: not in those of `fewerLanguages` | Developer Guide, Supported languages (`streaming*`)         | 2026-11-20 |
 * | model          | custom language model                                         | the same, Custom language models                            | 2026-11-20 |
 * | redaction      | redaction of personal data                                    | the same, Redaction                                         | 2026-11-20 |
 * | identification | may be among the languages to identify                        | Developer Guide, Identifying the dominant languages         | 2026-11-20 |
 * | numbers        | numbers in written form (`101`)                               | the same as regions, Transcribing numbers                   | 2026-11-20 |
 */
const rows = `
  code    regions  model  redaction  identification  numbers
  af-ZA   all      no     no         yes             no
  am-ET   most     no     no         yes             no
  ar-AE   all      no     no         yes             yes
  ar-SA   all      no     no         yes             yes
  be-BY   most     no     no         yes             ?
  bg-BG   most     no     no         yes             ?
  bn-IN   most     no     no         yes             ?
  bs-BA   most     no     no         yes             ?
  ca-ES   all      no     no         yes             ?
  ckb-IQ  most     no     no         yes             ?
  ckb-IR  most     no     no         yes             ?
  cs-CZ   all      no     no         yes             no
  cy-WL   most     no     no         yes             ?
  da-DK   all      no     no         yes             ?
  de-CH   all      no     yes        yes             ?
  de-DE   all      yes    yes        yes             ?
  el-GR   all      no     no         yes             no
  en-AB   all      no     yes        yes             ?
  en-AU   all      yes    yes        yes             ?
  en-GB   all      yes    yes        yes             ?
  en-IE   all      no     yes        yes             ?
  en-IN   all      no     yes        yes             ?
  en-NZ   all      no     yes        yes             ?
  en-US   all      yes    yes        yes             ?
  en-WL   all      no     yes        yes             ?
  en-ZA   all      no     yes        yes             ?
  es-ES   all      no     yes        yes             ?
  es-MX   most     no     no         yes             ?
  es-US   all      yes    yes        yes             ?
  et-ET   most     no     no         yes             ?
  eu-ES   all      no     no         yes             ?
  fa-AF   most     no     no         yes             ?
  fa-IR   all      no     no         yes             ?
  fi-FI   all      no     no         yes             no
  fr-CA   all      no     yes        yes             ?
  fr-FR   all      no     yes        yes             ?
  gl-ES   all      no     no         yes             ?
  gu-IN   most     no     no         yes             ?
  he-IL   all      no     no         yes             ?
  hi-IN   all      no     no         yes             ?
  hr-HR   all      no     no         yes             no
  ht-HT   most     no     no         yes             ?
  hu-HU   most     no     no         yes             ?
  hy-AM   most     no     no         yes             no
  id-ID   all      no     no         yes             ?
  is-IS   most     no     no         yes             ?
  it-IT   all      no     yes        yes             ?
  ja-JP   all      yes    no         yes             ?
  jv-ID   most     no     no         yes             ?
  ka-GE   most     no     no         yes             ?
  kab-DZ  most     no     no         yes             ?
  kk-KZ   most     no     no         yes             ?
  km-KH   most     no     no         yes             ?
  kn-IN   most     no     no         yes             ?
  ko-KR   all      no     no         yes             ?
  lg-IN   most     no     no         yes             ?
  lt-LT   most     no     no         yes             ?
  lv-LV   all      no     no         yes             ?
  mk-MK   most     no     no         yes             ?
  ml-IN   most     no     no         yes             ?
  mr-IN   most     no     no         yes             ?
  ms-MY   all      no     no         yes             ?
  my-MM   most     no     no         yes             ?
  ne-NP   most     no     no         yes             ?
  nl-NL   all      no     no         yes             ?
  no-NO   all      no     no         yes             no
  or-IN   most     no     no         yes             ?
  pa-IN   most     no     no         yes             ?
  pl-PL   all      no     no         yes             ?
  ps-AF   most     no     no         yes             ?
  pt-BR   all      no     yes        yes             ?
  pt-PT   all      no     yes        yes             ?
  ro-RO   all      no     no         yes             ?
  ru-RU   all      no     no         yes             ?
  si-LK   most     no     no         yes             ?
  sk-SK   all      no     no         yes             ?
  sl-SI   most     no     no         yes             ?
  so-SO   all      no     no         yes             ?
  sq-AL   most     no     no         yes             no
  sr-RS   all      no     no         yes             ?
  su-ID   most     no     no         yes             ?
  sv-SE   all      no     no         no              ?
  sw-BI   most     no     no         yes             ?
  sw-KE   most     no     no         yes             ?
  sw-RW   most     no     no         yes             ?
  sw-TZ   most     no     no         yes             ?
  sw-UG   most     no     no         yes             ?
  ta-IN   most     no     no         yes             ?
  te-IN   most     no     no         yes             ?
  th-TH   all      no     no         yes             no
  tl-PH   all      no     no         yes             ?
  tr-TR   most     no     no         yes             ?
  uk-UA   all      no     no         yes             ?
  uz-UZ   most     no     no         yes             ?
  vi-VN   all      no     no         no              no
  zh-CN   all      no     no         yes             ?
  zh-HK   all      no     no         yes             ?
  zh-TW   all      no     no         yes             ?
  zu-ZA   all      no     no         yes             ?
`;

/** Whether a language has a feature; null: not known. */
export type Has = boolean | null;

export interface LanguageFeatures {
  /** Streams in every region that streams at all; false: not in those of `fewerLanguages`. */
  readonly everywhere: boolean;
  readonly model: Has;
  readonly redaction: Has;
  readonly identification: Has;
  readonly writtenNumbers: Has;
}

const has = (cell: string | undefined): Has => (cell === 'yes' ? true : cell === 'no' ? false : null);

/** By code, e.g. `it-IT`. */
export const languageFeatures: ReadonlyMap<string, LanguageFeatures> = new Map(
  rows
    .trim()
    .split('\n')
    .slice(1)
    .map((row) => {
      const [code = '', regions, model, redaction, identification, numbers] = row.trim().split(/\s+/);
      return [
        code,
        {
          everywhere: regions === 'all',
          model: has(model),
          redaction: has(redaction),
          identification: has(identification),
          writtenNumbers: has(numbers),
        },
      ] as const;
    }),
);

/** Regions without Transcribe streaming: Developer Guide, What is Amazon Transcribe, read 2026-11-20. Others are asked. */
const regionsWithoutStreaming: readonly string[] = ['ap-east-1', 'eu-north-1', 'eu-west-3', 'me-south-1', 'us-west-1'];

/** Regions that stream only the languages marked `all`: the note on `streaming*` in Supported languages, read 2026-11-20. */
const fewerLanguages: readonly string[] = [
  'af-south-1',
  'ap-northeast-1',
  'ap-southeast-5',
  'ap-southeast-7',
  'cn-northwest-1',
];

/** False where it is known that a region does not stream at all. */
export const regionStreams = (region: string): boolean => !regionsWithoutStreaming.includes(region);

/** False where it is known that a region that streams does not stream this language. */
export const regionStreamsLanguage = (region: string, code: string): boolean =>
  !fewerLanguages.includes(region) || languageFeatures.get(code)?.everywhere !== false;
