import { z } from 'zod';

/** When a fault strikes: at the start, right after the first event, once this much audio has come, at the client's end. */
const when = z.union([z.enum(['start', 'first-event', 'end']), z.object({ audioMs: z.number().min(0) })]);

/** What can go wrong with one stream. */
export const faultSchema = z.discriminatedUnion('kind', [
  /** An exception frame; with `http`, at the start, a plain HTTP refusal with that status instead. */
  z.object({ kind: z.literal('exception'), name: z.string(), message: z.string(), when, http: z.number().optional() }),
  /** RST_STREAM with INTERNAL_ERROR. */
  z.object({ kind: z.literal('reset'), when }),
  /** The TCP connection dies. */
  z.object({ kind: z.literal('destroy'), when }),
  /** END_STREAM and no more finals: unasked, or in answer to the client's end. */
  z.object({ kind: z.literal('end'), when }),
  /** Takes no more bytes from the connection. */
  z.object({ kind: z.literal('stop-reading'), when }),
  /** Goes on hearing, says nothing more, does not even answer the end; with `endsWell` that alone. */
  z.object({ kind: z.literal('silent'), when, endsWell: z.boolean().optional() }),
  /** Everything it says comes this much later. */
  z.object({ kind: z.literal('delay'), when: z.literal('start').default('start'), ms: z.number() }),
]);

export type Fault = z.input<typeof faultSchema>;
export type When = z.infer<typeof when>;
