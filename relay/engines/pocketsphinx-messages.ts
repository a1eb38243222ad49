/** What the recogniser's child process says to the relay: one JSON object a line on its standard output. */
import { z } from 'zod';

const word = z.object({
  text: z.string(),
  /** Engine time in samples. */
  start: z.int().nonnegative(),
  end: z.int().nonnegative(),
  confidence: z.number().min(0).max(1).nullable(),
});
const words = z.array(word).min(1);
/** Counts finals; the partials before a final carry its number. */
const number = z.int().nonnegative();

export const hostMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('partial'), number, words }),
  z.object({ type: z.literal('final'), number, words }),
  /** How much audio is behind it, in samples since the start. */
  z.object({ type: z.literal('progress'), samples: z.int().nonnegative() }),
  z.object({ type: z.literal('ended') }),
  /** It cannot start for a reason that a person can mend. */
  z.object({ type: z.literal('error'), code: z.string(), message: z.string(), hint: z.string() }),
]);

export type RecognisedWord = z.output<typeof word>;
export type HostMessage = z.output<typeof hostMessage>;

/** What the child is told at its start, as its one argument. */
export const hostSettings = z.object({ libraryPath: z.string(), modelDir: z.string() });
export type HostSettings = z.output<typeof hostSettings>;
