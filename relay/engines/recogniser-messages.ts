/** What a recogniser's child process says to the relay: one JSON object a line on its standard output. */
import { z } from 'zod';

/** Engine time in samples. */
const time = z.int().nonnegative();
const word = z.object({
  text: z.string(),
  start: time,
  end: time,
  confidence: z.number().min(0).max(1).nullable(),
});
const result = {
  /** Counts finals; the partials before a final carry its number. */
  number: z.int().nonnegative(),
  start: time,
  end: time,
  /** Empty where the recogniser has no word times. */
  words: z.array(word),
};

export const hostMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  /** An empty text takes the partials of this number back. */
  z.object({ type: z.literal('partial'), text: z.string(), ...result }),
  z.object({ type: z.literal('final'), text: z.string().min(1), ...result }),
  /** How much audio is behind it, in samples since the start. */
  z.object({ type: z.literal('progress'), samples: time }),
  z.object({ type: z.literal('ended') }),
  /** It cannot start for a reason that a person can mend. */
  z.object({ type: z.literal('error'), code: z.string(), message: z.string(), hint: z.string() }),
]);

export type RecognisedWord = z.output<typeof word>;
export type HostMessage = z.output<typeof hostMessage>;
export type HostResult = Omit<Extract<HostMessage, { type: 'partial' }>, 'type'>;
