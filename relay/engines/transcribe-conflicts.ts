import { type Conflict, named, type Recognition } from '../recognition.ts';
import { languageFeatures, regionStreams, regionStreamsLanguage } from './transcribe-features.ts';
import { isTranscribeLanguage, nearLanguages } from './transcribe-languages.ts';

export interface CheckedSettings {
  readonly language: string;
  readonly recognition: Recognition;
  /** Where the room names none; null: not known. */
  readonly relayRegion: string | null;
}

/** Limits of StartStreamTranscription: API reference, read 2026-11-20. */
const minOptions = 2;
const maxPiiTypesLength = 300;

/**
 * Every pair of settings that Transcribe streaming would refuse, or silently not do: the constraints of
 * StartStreamTranscription and the table of languages. What neither says is left to the service.
 */
export function transcribeConflicts(settings: CheckedSettings): Conflict[] {
  const checks = [
    unknownLanguages,
    options,
    dialects,
    preferred,
    identified,
    names,
    personalData,
    models,
    numbers,
    regions,
  ];
  return checks.flatMap((check) => check(settings));
}

const conflict = (a: string, b: string, reason: string, hint: string): Conflict => ({ between: [a, b], reason, hint });
const quoted = (setting: string, value: string) => `${setting} ${JSON.stringify(value)}`;

/** What a session may be asked to hear, and the setting that says so. */
function spoken({ language, recognition }: CheckedSettings): { setting: string; codes: readonly string[] } {
  return recognition.identification === null
    ? { setting: 'language', codes: [language] }
    : { setting: 'recognition.languageOptions', codes: recognition.languageOptions };
}

function unknownLanguages(settings: CheckedSettings): Conflict[] {
  const { setting, codes } = spoken(settings);
  return codes
    .filter((code) => !isTranscribeLanguage(code))
    .map((code) => {
      const near = nearLanguages(code).join(', ') || 'by language and country, like en-US, it-IT, de-DE';
      return conflict(
        quoted(setting, code),
        'engine "transcribe"',
        `Amazon Transcribe has no language ${JSON.stringify(code)}.`,
        `Choose one it has: ${near}.`,
      );
    });
}

function options({ language, recognition }: CheckedSettings): Conflict[] {
  const mode = named(recognition, 'identification');
  const list = named(recognition, 'languageOptions');
  const { identification, languageOptions } = recognition;
  if (identification === null)
    return languageOptions.length === 0
      ? []
      : [
          conflict(
            list,
            mode,
            'there is nothing to choose from them for.',
            'Set identification to single or multiple, or languageOptions to [].',
          ),
        ];
  if (new Set(languageOptions).size < minOptions)
    return [conflict(mode, list, 'it needs 2 to 5 different languages.', 'Name 2 to 5 in languageOptions.')];
  if (!languageOptions.includes(language))
    return [
      conflict(
        quoted('language', language),
        list,
        'the room’s language is to be one of those to be identified.',
        'Leave language out, or add it to languageOptions.',
      ),
    ];
  return [];
}

/** Cantonese is a language of its own; whether the service takes it beside another Chinese is not documented. */
const primary = (code: string) => (code === 'zh-HK' ? 'yue' : code.split('-')[0]);

function dialects({ recognition: { languageOptions } }: CheckedSettings): Conflict[] {
  return languageOptions.flatMap((code, i) =>
    languageOptions
      .slice(0, i)
      .filter((other) => other !== code && primary(other) === primary(code))
      .map((other) =>
        conflict(
          quoted('recognition.languageOptions', other),
          quoted('recognition.languageOptions', code),
          'they are forms of one language, and only one of them can be identified.',
          `Keep ${other} or ${code}.`,
        ),
      ),
  );
}

function preferred({ recognition }: CheckedSettings): Conflict[] {
  const { preferredLanguage, identification, languageOptions } = recognition;
  if (preferredLanguage === null) return [];
  const given = named(recognition, 'preferredLanguage');
  const conflicts: Conflict[] = [];
  if (identification !== 'single')
    conflicts.push(
      conflict(
        given,
        named(recognition, 'identification'),
        'only identification of a single language takes a preferred one.',
        'Set preferredLanguage to null, or identification to single.',
      ),
    );
  if (identification !== null && !languageOptions.includes(preferredLanguage))
    conflicts.push(
      conflict(
        given,
        named(recognition, 'languageOptions'),
        'it is not among them.',
        'Add preferredLanguage to languageOptions, or set it to null.',
      ),
    );
  return conflicts;
}

function identified({ recognition }: CheckedSettings): Conflict[] {
  if (recognition.identification === null) return [];
  const mode = named(recognition, 'identification');
  const conflicts = recognition.languageOptions
    .filter((code) => languageFeatures.get(code)?.identification === false)
    .map((code) =>
      conflict(
        quoted('recognition.languageOptions', code),
        mode,
        'Amazon Transcribe cannot identify this language.',
        `Take ${code} out of languageOptions, or assign it as the language.`,
      ),
    );
  if (recognition.pii === 'redact')
    conflicts.push(
      conflict(
        named(recognition, 'pii'),
        mode,
        'Amazon Transcribe does not redact while it identifies languages.',
        'Assign one language, or set pii to null or identify.',
      ),
    );
  if (recognition.languageModel !== null)
    conflicts.push(
      conflict(
        named(recognition, 'languageModel'),
        mode,
        'a custom language model is for one given language.',
        'Assign one language, or set languageModel to null.',
      ),
    );
  return conflicts;
}

function names({ recognition }: CheckedSettings): Conflict[] {
  if (recognition.identification !== null) return [];
  return (['vocabularies', 'vocabularyFilters'] as const)
    .filter((setting) => recognition[setting].length > 1)
    .map((setting) =>
      conflict(
        named(recognition, setting),
        named(recognition, 'identification'),
        'several are taken only while languages are identified.',
        `Keep one of ${setting}, or set identification to single or multiple.`,
      ),
    );
}

function personalData(settings: CheckedSettings): Conflict[] {
  const { recognition } = settings;
  const types = named(recognition, 'piiEntityTypes');
  const pii = named(recognition, 'pii');
  if (recognition.piiEntityTypes.length > 0 && recognition.pii === null)
    return [
      conflict(
        types,
        pii,
        'there is nothing to look for them for.',
        'Set pii to identify or redact, or piiEntityTypes to [].',
      ),
    ];
  const conflicts: Conflict[] = [];
  if (recognition.piiEntityTypes.join().length > maxPiiTypesLength)
    conflicts.push(
      conflict(
        types,
        pii,
        'the list is too long for the service.',
        'Name fewer piiEntityTypes, or none for all of them.',
      ),
    );
  if (recognition.pii !== 'redact' || recognition.identification !== null) return conflicts;
  return [
    ...conflicts,
    ...without(settings, 'redaction', pii, 'Amazon Transcribe does not redact it.', 'Set pii to null or identify.'),
  ];
}

function models(settings: CheckedSettings): Conflict[] {
  const { language, recognition } = settings;
  const model = recognition.languageModel;
  if (model === null || recognition.identification !== null) return [];
  const given = named(recognition, 'languageModel');
  const hint = 'Set languageModel to null, or to a model of the room’s language.';
  if (model.language !== language)
    return [
      conflict(
        given,
        quoted('language', language),
        'the model is for another language, and would be left out silently.',
        hint,
      ),
    ];
  return without(
    settings,
    'model',
    given,
    'streaming has no custom language models for it.',
    'Set languageModel to null.',
  );
}

function numbers(settings: CheckedSettings): Conflict[] {
  if (settings.recognition.transcriptFormat !== 'written') return [];
  return without(
    settings,
    'writtenNumbers',
    named(settings.recognition, 'transcriptFormat'),
    'Amazon Transcribe writes its numbers as words only.',
    'Set transcriptFormat to null or spoken.',
  );
}

/** A conflict for each language that is known not to have a feature. */
function without(
  settings: CheckedSettings,
  feature: 'model' | 'redaction' | 'writtenNumbers',
  given: string,
  reason: string,
  hint: string,
): Conflict[] {
  const { setting, codes } = spoken(settings);
  return codes
    .filter((code) => languageFeatures.get(code)?.[feature] === false)
    .map((code) => conflict(given, quoted(setting, code), reason, hint));
}

function regions(settings: CheckedSettings): Conflict[] {
  const region = settings.recognition.region ?? settings.relayRegion;
  if (region === null) return [];
  const given = quoted(settings.recognition.region === null ? 'the relay’s region' : 'recognition.region', region);
  const which =
    settings.recognition.region === null ? 'AWS_REGION, or the room’s recognition.region,' : 'recognition.region';
  const elsewhere = `Set ${which} to another one, for example eu-west-1.`;
  if (!regionStreams(region))
    return [conflict(given, 'engine "transcribe"', 'Amazon Transcribe does not stream in this region.', elsewhere)];
  const { setting, codes } = spoken(settings);
  return codes
    .filter((code) => !regionStreamsLanguage(region, code))
    .map((code) =>
      conflict(
        given,
        quoted(setting, code),
        'Amazon Transcribe does not stream this language in this region.',
        elsewhere,
      ),
    );
}
