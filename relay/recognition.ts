/** How a room's speech is to be recognised, beside its language and engine: the settings and what they are by default. */
import { z } from 'zod';
import type { Explained } from '../systemd/errors.ts';
import { language } from './settings.ts';

/** A vocabulary, filter or model in the AWS account, as the service lets it be named. */
const resourceName = z.string().regex(/^[0-9A-Za-z._-]{1,200}$/, 'must be 1 to 200 of A-Z, a-z, 0-9, ".", "_" and "-"');

/** What the service knows as personal data while streaming: StartStreamTranscription, SDK 3.1141. */
export const piiEntityTypes = [
  'ADDRESS',
  'AGE',
  'BANK_ACCOUNT_NUMBER',
  'BANK_ROUTING',
  'CREDIT_DEBIT_CVV',
  'CREDIT_DEBIT_EXPIRY',
  'CREDIT_DEBIT_NUMBER',
  'DATE_TIME',
  'EMAIL',
  'LICENSE_PLATE',
  'NAME',
  'PASSPORT_NUMBER',
  'PASSWORD',
  'PHONE',
  'PIN',
  'SSN',
  'USERNAME',
  'VEHICLE_IDENTIFICATION_NUMBER',
] as const;

/** A list that names nothing twice. */
const listOf = <T extends z.ZodType>(each: T, max: number) =>
  z
    .array(each)
    .max(max)
    .transform((given) => [...new Set(given)]);

const maxOptions = 5;
const maxNames = 10;

/** The whole of it, as it is stored, shown and given to an engine. */
export const recognitionSchema = z.strictObject({
  identification: z
    .enum(['single', 'multiple'], 'must be single, multiple or null')
    .nullable()
    .describe(
      'The service finds out the language: one for the whole session, or anew with each sentence; null: the room’s language',
    ),
  languageOptions: listOf(language, maxOptions).describe('What is spoken may be one of these, 2 to 5'),
  preferredLanguage: language.nullable().describe('The likeliest of languageOptions'),
  vocabularies: listOf(resourceName, maxNames).describe('Custom vocabularies; several with identification'),
  vocabularyFilters: listOf(resourceName, maxNames).describe('Vocabulary filters; several with identification'),
  vocabularyFilterMethod: z
    .enum(['mask', 'remove', 'tag'])
    .describe('Filtered words become ***, are left out, or are marked'),
  languageModel: z
    .strictObject({ name: resourceName, language: language.describe('The language it was made for') })
    .nullable()
    .describe('Custom language model'),
  stability: z
    .enum(['high', 'medium', 'low'])
    .describe('How soon the words of partials stay: high is soonest, low is most exact'),
  speakerLabels: z.boolean().describe('Captions say which speaker spoke, by number'),
  pii: z
    .enum(['identify', 'redact'], 'must be identify, redact or null: the service does one or the other')
    .nullable()
    .describe('Personal data is marked, or replaced by its kind'),
  piiEntityTypes: listOf(z.enum(piiEntityTypes), piiEntityTypes.length).describe('Which; empty: all'),
  transcriptFormat: z
    .enum(['written', 'spoken'])
    .nullable()
    .describe('Numbers as 101, or as they were said; null: as the service does by default'),
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d{1,2}$/, 'must be an AWS region, for example eu-west-1')
    .nullable()
    .describe('AWS region; null: the relay’s'),
});

export type Recognition = Readonly<z.output<typeof recognitionSchema>>;

/** What is left out stays as it is. */
export const recognitionChange = recognitionSchema.partial();
export type RecognitionChange = Readonly<z.output<typeof recognitionChange>>;

export const defaultRecognition: Recognition = {
  identification: null,
  languageOptions: [],
  preferredLanguage: null,
  vocabularies: [],
  vocabularyFilters: [],
  vocabularyFilterMethod: 'mask',
  languageModel: null,
  stability: 'high',
  speakerLabels: false,
  pii: null,
  piiEntityTypes: [],
  transcriptFormat: null,
  region: null,
};

/**
 * The settings after a change; null takes them all back to their defaults. What serves only a setting that is turned off
 * goes with it: the languages of identification, the kinds of personal data.
 */
export function changeRecognition(before: Recognition, change: RecognitionChange | null): Recognition {
  if (change === null) return defaultRecognition;
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  return recognitionSchema.parse({
    ...before,
    ...(change.identification === null && { languageOptions: [], preferredLanguage: null }),
    ...(change.pii === null && { piiEntityTypes: [] }),
    ...given,
  });
}

/** What captions carry until the service has named their language: with identification one of those it may be. */
export function ownLanguage(roomLanguage: string, { identification, languageOptions, preferredLanguage }: Recognition) {
  if (identification === null || languageOptions.includes(roomLanguage)) return roomLanguage;
  return preferredLanguage ?? languageOptions[0] ?? roomLanguage;
}

/** Two settings that cannot both hold. */
export interface Conflict {
  /** The two, by name and value: `recognition.pii "redact"`. */
  readonly between: readonly [string, string];
  /** Why, as a sentence. */
  readonly reason: string;
  /** What to change, as a sentence. */
  readonly hint: string;
}

/** All of them in words, each naming its two settings; null where there are none. */
export function explainConflicts(code: string, conflicts: readonly Conflict[]): Explained | null {
  if (conflicts.length === 0) return null;
  return {
    code,
    message: conflicts.map(({ between: [a, b], reason }) => `${a} clashes with ${b}: ${reason}`).join(' '),
    hint: [...new Set(conflicts.map(({ hint }) => hint))].join(' '),
  };
}

/** A setting as messages name it: `recognition.pii "redact"`, `recognition.vocabularies ["a","b"]`. */
export function named(recognition: Recognition, setting: keyof Recognition): string {
  return `recognition.${setting} ${JSON.stringify(recognition[setting])}`;
}

/** Without them the audience is shown what it was promised not to see, or words in a wrong language. */
const promises: readonly (keyof Recognition)[] = ['identification', 'pii', 'vocabularyFilters'];

const isDefault = (recognition: Recognition, setting: keyof Recognition) =>
  JSON.stringify(recognition[setting]) === JSON.stringify(defaultRecognition[setting]);

/** What an engine without these settings must refuse: what only the service can keep, and would silently not be kept. */
export function promisesBroken(engine: string, recognition: Recognition): Conflict[] {
  return promises
    .filter((setting) => !isDefault(recognition, setting) && !(setting === 'pii' && recognition.pii === 'identify'))
    .map((setting) => ({
      between: [named(recognition, setting), `engine ${JSON.stringify(engine)}`],
      reason: 'only Amazon Transcribe can do it.',
      hint: `Turn ${setting} off, or give the room the engine "transcribe".`,
    }));
}

/** The settings that are not at their defaults and do nothing with an engine that takes none of them. */
export const withoutEffect = (recognition: Recognition): string[] =>
  recognitionSchema.keyof().options.filter((setting) => !isDefault(recognition, setting));
