import { z } from 'zod';

const engines = ['transcribe', 'pocketsphinx', 'sherpa', 'script:NAME'];

/** BCP 47, in its canonical form: `it-it` becomes `it-IT`. */
export const language = z
  .string()
  .max(35)
  .transform((text, context) => {
    try {
      const [canonical] = Intl.getCanonicalLocales(text);
      if (canonical) return canonical;
    } catch {} // what it throws says less than the sentence below
    context.addIssue({ code: 'custom', message: 'must be a BCP 47 language tag, for example it-IT or en-US' });
    return z.NEVER;
  });

/** The name of an engine; what it can do with a language is asked of the engine itself. */
export const engineName = z.string().superRefine((text, context) => {
  if (/^(transcribe|pocketsphinx|sherpa|script:[a-z0-9][a-z0-9_-]{0,63})$/.test(text)) return;
  context.addIssue({ code: 'custom', message: `must be one of ${engines.join(', ')}` });
});
