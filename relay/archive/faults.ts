import { codeOf, type Explained, messageOf, SalaError } from '../../systemd/errors.ts';

export const diskTakesNothing = () =>
  new SalaError("The relay's disk takes nothing", {
    code: 'disk',
    hint: "Make room on the relay's disk. It is tried again by itself.",
  });

/** Why a recording cannot be made, for organizers. */
export function explain(error: unknown): Explained {
  if (error instanceof SalaError) return { code: error.code, message: error.message, hint: error.hint };
  const hint = 'See to the disk of the relay. It is tried again by itself.';
  return { code: codeOf(error) || 'recording-failed', message: messageOf(error), hint };
}
