import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { toggle } from '../../systemd/configuration.ts';
import { recordingOf } from './contract.ts';

const text = z.string().min(1, 'must not be empty');
/** Also as templates write it. */
const yesOrNo = (fallback: 'yes' | 'no') =>
  z
    .preprocess((value) => (typeof value === 'string' ? value.toLowerCase() : value), z.enum(['yes', 'no']))
    .default(fallback);

/** Everything that the program `canonical` can be told. */
export const jobSettings = z.object({
  store: text.meta({
    description: 'where recordings and transcripts are: s3://BUCKET[/PREFIX] or folder:/PATH',
    placeholder: 'ADDRESS',
  }),
  endpoint: text.optional().meta({ description: 'of another service than AWS that speaks S3', placeholder: 'URL' }),
  region: text.optional().meta({ description: 'of the store', placeholder: 'REGION' }),
  kmsKey: text.optional().meta({ description: 'of AWS KMS, to encrypt transcripts by', placeholder: 'KEY' }),
  manifest: text
    .refine((key) => recordingOf(key) !== null, 'must be recordings/v1/EVENT/ROOM/TALK/[rN/]manifest.json')
    .optional()
    .meta({ description: 'the recording to transcribe', placeholder: 'KEY' }),
  all: toggle(false).meta({ description: 'every recording that has no canonical transcript' }),
  watch: toggle(false).meta({ description: 'those, and from then on every one that comes' }),
  watchSeconds: z.coerce
    .number()
    .min(1)
    .max(86_400)
    .default(60)
    .meta({ description: 'how often --watch looks', placeholder: 'SECONDS' }),
  engine: z
    .string()
    .regex(/^(parakeet|whisper|pocketsphinx|recorded:.+)$/, 'must be parakeet, whisper or pocketsphinx')
    .default('parakeet')
    .meta({ description: 'parakeet, whisper or pocketsphinx, where a room asks for none', placeholder: 'NAME' }),
  model: text.optional().meta({ description: 'of that engine', placeholder: 'PATH' }),
  streaming: yesOrNo('yes').meta({
    description: 'no: a recording goes through the engine as a whole, where it can',
    placeholder: 'yes|no',
  }),
  turns: yesOrNo('no').meta({ description: 'tell speakers apart', placeholder: 'yes|no' }),
  turnsModel: text.optional().meta({ description: 'of speakers’ turns', placeholder: 'PATH' }),
  engineTime: z.coerce.number().positive().max(100).optional().meta({
    description:
      'an engine may take this many times as long as the recording, but at least 15 min [0.25, pocketsphinx 6]',
    placeholder: 'FACTOR',
  }),
  replace: toggle(false).meta({
    description: 'by --engine whatever the room asks for, also where a better transcript counts or it failed before',
  }),
  attempts: z.coerce
    .number()
    .int()
    .min(1)
    .max(10)
    .optional()
    .meta({ description: 'how often AWS Batch starts it: the last one leaves word of what failed', placeholder: 'N' }),
  python: text.default('python3').meta({ description: 'Python 3.11 or newer', placeholder: 'PROGRAM' }),
  workDir: text
    .default(join(tmpdir(), 'sala-canonical'))
    .meta({ description: 'where recordings are while they are worked on', placeholder: 'DIR' }),
  logLevel: z
    .enum(['error', 'warn', 'info', 'debug'])
    .default('info')
    .meta({ description: 'error, warn, info or debug', placeholder: 'LEVEL' }),
});
export type JobSettings = z.output<typeof jobSettings>;
