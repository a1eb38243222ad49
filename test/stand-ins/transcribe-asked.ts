import type { IncomingHttpHeaders } from 'node:http2';

/** What a request asks of the recognition, as far as the stand-in can do it. */
export interface Asked {
  /** What may be spoken: one language, or those to identify. */
  readonly languages: readonly string[];
  readonly identification: 'single' | 'multiple' | null;
  readonly vocabularies: readonly string[];
  readonly filters: readonly string[];
  readonly filterMethod: string;
  readonly speakers: boolean;
  readonly pii: 'identify' | 'redact' | null;
  /** Empty: all. */
  readonly piiTypes: readonly string[];
}

const valuesIn = (headers: IncomingHttpHeaders) => (name: string) => String(headers[`x-amzn-transcribe-${name}`] ?? '');
const listIn = (text: string) => (text === '' ? [] : text.split(','));

/** What a request that was accepted asks for. */
export function askedIn(headers: IncomingHttpHeaders): Asked {
  const value = valuesIn(headers);
  const identification =
    value('identify-language') === 'true'
      ? 'single'
      : value('identify-multiple-languages') === 'true'
        ? 'multiple'
        : null;
  return {
    languages: identification === null ? [value('language-code')] : listIn(value('language-options')),
    identification,
    vocabularies: listIn(value('vocabulary-name') || value('vocabulary-names')),
    filters: listIn(value('vocabulary-filter-name') || value('vocabulary-filter-names')),
    filterMethod: value('vocabulary-filter-method'),
    speakers: value('show-speaker-label') === 'true',
    pii: value('content-redaction-type') ? 'redact' : value('content-identification-type') ? 'identify' : null,
    piiTypes: listIn(value('pii-entity-types')).filter((type) => type !== 'ALL'),
  };
}

const code = /^[a-z]{2,3}-[A-Z]{2}$/;
const resourceName = /^[0-9a-zA-Z._-]{1,200}$/;

/** What the service would not take: the constraints of its documentation, in words of the stand-in's own. */
export function wrongIn(headers: IncomingHttpHeaders): string | null {
  const value = valuesIn(headers);
  const has = (name: string) => value(name) !== '';
  const isOneOf = (name: string, ...values: string[]) => !has(name) || values.includes(value(name));
  const languageCode = has('language-code');
  const single = value('identify-language') === 'true';
  const multiple = value('identify-multiple-languages') === 'true';
  const identifies = single || multiple;
  const options = listIn(value('language-options'));
  const names = ['vocabulary-name', 'vocabulary-filter-name', 'language-model-name'].map(value);
  const lists = ['vocabulary-names', 'vocabulary-filter-names'].flatMap((name) => listIn(value(name)));
  const id = value('session-id');
  const rules: readonly (readonly [boolean, string])[] = [
    [value('sample-rate') !== '16000', 'The stand-in takes a sample rate of 16000 only.'],
    [value('media-encoding') !== 'pcm', 'The stand-in takes pcm only.'],
    [has('session-id') && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id), 'The session ID is not a UUID.'],
    [
      [languageCode, single, multiple].filter(Boolean).length !== 1,
      'Specify exactly one of LanguageCode, IdentifyLanguage and IdentifyMultipleLanguages.',
    ],
    [languageCode && !code.test(value('language-code')), 'The language code is not supported.'],
    [identifies && (options.length < 2 || options.length > 5), 'Language identification needs 2 to 5 LanguageOptions.'],
    [!identifies && options.length > 0, 'LanguageOptions needs language identification.'],
    [value('language-options').length > 200, 'LanguageOptions is too long.'],
    [options.some((option) => !code.test(option)), 'A language option is not supported.'],
    [
      new Set(options.map((option) => (option === 'zh-HK' ? 'yue' : option.split('-')[0]))).size < options.length,
      'LanguageOptions has several dialects of one language.',
    ],
    [has('preferred-language') && !single, 'PreferredLanguage needs IdentifyLanguage.'],
    [
      has('preferred-language') && !options.includes(value('preferred-language')),
      'PreferredLanguage is not among LanguageOptions.',
    ],
    [identifies && has('vocabulary-name'), 'VocabularyName is not for language identification: use VocabularyNames.'],
    [
      identifies && has('vocabulary-filter-name'),
      'VocabularyFilterName is not for language identification: use VocabularyFilterNames.',
    ],
    [!identifies && lists.length > 0, 'VocabularyNames and VocabularyFilterNames need language identification.'],
    [
      [...names, ...lists].some((name) => name !== '' && !resourceName.test(name)),
      'The name of a vocabulary, filter or model has characters it must not have.',
    ],
    [!isOneOf('vocabulary-filter-method', 'mask', 'remove', 'tag'), 'VocabularyFilterMethod is unknown.'],
    [
      identifies && has('language-model-name'),
      'A custom language model cannot be combined with language identification.',
    ],
    [identifies && has('content-redaction-type'), 'Redaction cannot be combined with language identification.'],
    [
      has('content-redaction-type') && has('content-identification-type'),
      'ContentRedactionType and ContentIdentificationType cannot be combined.',
    ],
    [
      !isOneOf('content-redaction-type', 'PII') || !isOneOf('content-identification-type', 'PII'),
      'The content type is unknown.',
    ],
    [
      has('pii-entity-types') && !has('content-redaction-type') && !has('content-identification-type'),
      'PiiEntityTypes needs ContentRedactionType or ContentIdentificationType.',
    ],
    [value('pii-entity-types').length > 300, 'PiiEntityTypes is too long.'],
    [!isOneOf('partial-results-stability', 'high', 'medium', 'low'), 'PartialResultsStability is unknown.'],
    [
      has('partial-results-stability') && value('enable-partial-results-stabilization') !== 'true',
      'PartialResultsStability needs EnablePartialResultsStabilization.',
    ],
    [!isOneOf('transcript-format', 'written', 'spoken'), 'TranscriptFormat is unknown.'],
  ];
  return rules.find(([isBroken]) => isBroken)?.[1] ?? null;
}
