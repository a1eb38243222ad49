import { z } from '@hono/zod-openapi';
import { recordingChange, recordingSchema } from './archive/recording-settings.ts';
import { type Health, holeReasons, roomPattern } from './protocol.js';
import { recognitionChange, recognitionSchema } from './recognition.ts';
import { engineName, language } from './settings.ts';

/** The shapes of the HTTP API: they check what comes in and describe it in /openapi.json. */

export const errorSchema = z
  .object({ error: z.object({ code: z.string(), message: z.string(), hint: z.string() }) })
  .openapi('Error');

export const roomName = z
  .string()
  .regex(roomPattern, 'must be 1 to 64 of a-z, 0-9 and "-", beginning with a letter or digit')
  .openapi({ example: 'sala-verdi' });
export const roomParameters = z.object({ room: roomName });

export const roomChange = z
  .strictObject({
    name: z.string().trim().min(1).max(200).optional().describe('What people call the room'),
    language: language.optional().describe('BCP 47; ends identification of languages'),
    engine: engineName.nullable().optional().describe("null: the relay's default engine"),
    public: z.boolean().optional().describe('Captions and transcript need no token'),
    recognition: recognitionChange
      .nullable()
      .optional()
      .describe('How to recognise; what is left out stays, null: every default'),
    source: z
      .string()
      .min(1)
      .max(128)
      .nullable()
      .optional()
      .describe('Pins a device: it goes before any other as soon as it is there; null: none does'),
    restAfter: z
      .number()
      .min(0)
      .max(86_400)
      .nullable()
      .optional()
      .describe("Silence in seconds after which a paid session rests, 0: never; null: the relay's --rest-after"),
    recording: recordingChange
      .optional()
      .describe('Whether talks are recorded and transcribed again; what is left out stays'),
  })
  .openapi('RoomChange');

export const languageChange = z.strictObject({ language: language.describe('BCP 47') }).openapi('LanguageChange');

/** As the device reported it; the wire has checked it. */
const deviceHealth = z.custom<Health>().openapi({ type: 'object', additionalProperties: true });
export const spendingView = z
  .object({
    sessions: z.number().int(),
    seconds: z.number().describe('Billed: whole seconds, at least 15 a session'),
    money: z.number().describe('By --price-per-minute'),
  })
  .openapi('Spending', { description: 'Paid engine time of the day (UTC)' });
const age = z.number().nullable();
export const talkOn = z.object({
  id: z.string(),
  title: z.string(),
  speakers: z.array(z.string()),
  start: z.number().describe('Room time in ms since 1970'),
  end: z.number(),
});
const conductedTalk = talkOn.extend({ language: z.string().nullable() });
export const conductView = z
  .object({
    talk: conductedTalk.nullable().describe('The talk that is going on, with the times that it has in truth'),
    held: z.boolean().describe('It stays on until the next one is called'),
    until: z.number().nullable().describe('Room time; of a held talk, when holding ends by itself'),
    next: conductedTalk.nullable(),
    message: z.string().describe('Why its language could not be assigned; empty: it was'),
  })
  .openapi('Conduct');
export const alarm = z
  .object({
    code: z.string(),
    severity: z.enum(['fault', 'warning']),
    message: z.string(),
    hint: z.string().describe('What to do'),
    since: z.number().describe('Room time in ms since 1970'),
  })
  .openapi('Alarm');
export const roomView = z
  .object({
    room: z.string(),
    name: z.string(),
    language: z.string(),
    engine: z.string().nullable(),
    public: z.boolean(),
    recognition: recognitionSchema,
    source: z.string().nullable().describe('The pinned device: it goes before any other that is there'),
    restAfter: z.number().nullable(),
    recording: recordingSchema,
    paused: z.boolean().describe('What is spoken now is not captioned'),
    log: z.string().describe('Id of the caption log'),
    seq: z.number().int().describe('Newest seq of the log'),
    talk: talkOn.nullable().describe('What is on by the schedule'),
    conduct: conductView,
    readers: z.number().int().describe('Screens, phones and other readers that are connected'),
    lastWords: z
      .object({ text: z.string(), at: z.number() })
      .nullable()
      .describe('The newest caption; `at`: room time'),
    alarms: z.array(alarm).describe('What needs a person, faults first'),
    live: z.object({
      state: z.string(),
      message: z.string(),
      source: z.object({ device: z.string(), connectedMs: z.number(), health: deviceHealth.nullable() }).nullable(),
      engine: z.object({
        name: z.string(),
        state: z.string(),
        failure: z.string().nullable().describe('What may end it: time, capacity, or a person'),
        code: z.string(),
        message: z.string(),
        hint: z.string(),
        withoutEffect: z.array(z.string()).describe('Recognition settings that do nothing with this engine'),
      }),
      rest: z
        .object({
          resting: z.boolean(),
          levelDb: z.number(),
          floorDb: z.number().nullable(),
          thresholdDb: z.number().nullable().describe('Sound above it counts as speech'),
          silentMs: z.number(),
        })
        .describe('Levels in dBFS; in long silence the paid session rests'),
      spent: spendingView,
      lagMs: z.number(),
      backlogMs: z.number(),
      backfillMs: z.number(),
      backfillHeld: z.string().describe('Why that waits until tomorrow; empty when nothing stands against it'),
      storage: z.string(),
      lastAudioMs: age,
      lastCaptionMs: age,
      counters: z.record(z.string(), z.number()),
    }),
  })
  .openapi('Room');
export const roomList = z.object({ rooms: z.array(roomView) }).openapi('Rooms');

/** Milliseconds since 1970, or RFC 3339. */
export const instant = z
  .string()
  .transform((text, context) => {
    if (/^-?\d{1,15}$/.test(text)) return Number(text);
    const ms = rfc3339.test(text) ? Date.parse(text.replace(' ', 'T').toUpperCase()) : Number.NaN;
    if (!Number.isNaN(ms)) return ms;
    context.addIssue({ code: 'custom', message: 'must be RFC 3339, like 2026-12-01T09:30:00Z, or ms since 1970' });
    return z.NEVER;
  })
  .openapi({ type: 'string', example: '2026-12-01T09:30:00+01:00' });
/** Milliseconds since 1970 as a number, or what `instant` takes. */
export const moment = z.union([z.number().int().min(0).max(8.64e15), instant], {
  error: 'must be RFC 3339, like 2026-12-01T09:30:00Z, or ms since 1970',
});
const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** The id of a talk, as the schedule's own system has it. */
export const talkId = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 of A-Z, a-z, 0-9, ".", "_" and "-"')
  .openapi({ example: 'keynote-1' });

export const transcriptVersion = z.enum(['live', 'canonical', 'best']);
export const transcriptPeriod = z.object({
  version: transcriptVersion
    .optional()
    .describe(
      'Of `talk`, `best` by default: the transcript of its recording where one is published, else the captions',
    ),
  talk: talkId.optional().describe('Only its stretch: to its end, or as long as words went on before the next one'),
  from: instant.optional().describe('Room time; captions that end after it'),
  to: instant.optional().describe('Room time; captions that begin before it'),
});
const flag = z
  .enum(['1', 'true', '0', 'false'])
  .optional()
  .transform((value) => value === '1' || value === 'true')
  .openapi({ type: 'boolean' });
const place = z
  .string()
  .regex(/^-?\d{1,15}(\.\d{1,9})?,\d{1,15}$/, 'must be the start and the seq of a caption, like 1796110200000,42')
  .transform((text) => {
    const [start = 0, seq = 0] = text.split(',').map(Number);
    return { start, seq };
  })
  .openapi({ type: 'string', example: '1796110200000,42' });
export const transcriptFile = transcriptPeriod.extend({ download: flag.describe('To be saved, not shown') });
export const transcriptQuery = transcriptFile.extend({
  before: z.coerce.number().int().min(1).optional().describe('Only captions published before this seq'),
  spokenBefore: place.optional().describe('Only captions spoken before this place: START,SEQ'),
  spokenAfter: place.optional().describe('Only captions spoken after this place: START,SEQ'),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .describe('At most so many, the newest spoken; with `spokenAfter` alone the oldest'),
  words: flag.describe('With the times of words'),
});

/** What an organizer may put in the place of a caption's words. */
export const captionText = z
  .string()
  .trim()
  .min(1)
  .max(4000)
  .regex(/^[^\p{Cc}\u2028\u2029]*$/u, 'must be one line without control characters')
  .refine((text) => text.isWellFormed(), 'must be whole characters');

export const captionView = z
  .object({
    type: z.literal('caption'),
    seq: z.number().int(),
    final: z.literal(true),
    text: z.string(),
    language: z.string(),
    start: z.number().describe('Room time in ms since 1970'),
    end: z.number(),
    speaker: z.string().nullable(),
    late: z.boolean(),
    stream: z.string(),
    from: z.number().int().describe('Position in the stream, samples at 16 kHz'),
    to: z.number().int(),
    timeUncertain: z.boolean().optional(),
    marks: z
      .array(
        z.object({
          kind: z.enum(['vocabulary-filter', 'pii']),
          type: z.string().nullable().describe('The kind of personal data'),
          start: z.number().describe('Room time in ms since 1970'),
          end: z.number(),
        }),
      )
      .optional()
      .describe('What the engine was asked to notice, by its time'),
    words: z
      .array(z.tuple([z.string(), z.number(), z.number()]))
      .optional()
      .describe('Where asked for: each word with its start and end in room time, empty where the engine gave no times'),
  })
  .openapi('Caption');
export const transcriptView = z
  .object({
    room: z.string(),
    log: z.string(),
    version: z.enum(['live', 'canonical']).describe('As they were captioned, or from the recording after the talk'),
    engine: z.string().nullable().describe('What heard the recording; null: of live captions'),
    revision: z.number().int().nullable().describe('Of the canonical transcript; null: of live captions'),
    captions: z.array(captionView),
    truncated: z.boolean().describe('There are more captions in that direction than the limit let through'),
  })
  .openapi('Transcript');

export const gapsView = z
  .object({
    room: z.string(),
    gaps: z.array(
      z.object({
        start: z.number().describe('Room time in ms since 1970'),
        end: z.number(),
        reason: z.enum([...holeReasons, 'no-source']).describe('Why there is no audio'),
      }),
    ),
  })
  .openapi('Gaps');

const sinceMs = (what: string) => z.number().int().describe(`Since ${what}, ms`);
export const healthView = z
  .object({
    status: z.enum(['ok', 'ready', 'stopping', 'failing']),
    message: z.string().optional().describe('What is wrong, also where the relay lives with it'),
    ages: z.object({
      databaseReadMs: sinceMs('the database was last read'),
      databaseWriteMs: sinceMs('the database last took something'),
      databaseCopyMs: sinceMs('its copy was last complete').nullable(),
      spoolSyncMs: sinceMs('audio was last stored').nullable(),
      roomsMs: sinceMs('all rooms were last looked after, once a second').nullable(),
    }),
  })
  .openapi('Health');
