/** Whether a room's talks are recorded and transcribed again, and how: the setting and what it is by default. */
import { z } from 'zod';

export const recordingSchema = z.strictObject({
  on: z.boolean().describe('Talks are recorded from now on; pages say so to everyone who reads'),
  redact: z.boolean().describe('Numbers of cards, accounts, telephones and the like are taken out of the transcript'),
  engine: z
    .enum(['parakeet', 'whisper', 'pocketsphinx'], 'must be parakeet, whisper, pocketsphinx or null')
    .nullable()
    .describe('What transcribes it again; null: as the job does by default'),
});

export type RecordingSettings = Readonly<z.output<typeof recordingSchema>>;

/** What is left out stays as it is. */
export const recordingChange = recordingSchema.partial();
export type RecordingChange = Readonly<z.output<typeof recordingChange>>;

export const defaultRecording: RecordingSettings = { on: false, redact: false, engine: null };

export function changeRecording(before: RecordingSettings, change: RecordingChange): RecordingSettings {
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  return recordingSchema.parse({ ...before, ...Object.fromEntries(given) });
}
