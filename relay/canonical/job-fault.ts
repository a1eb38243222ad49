import { ConfigurationError, codeOf, messageOf, SalaError } from '../../systemd/errors.ts';
import { ChainError } from './chain/chain-error.ts';

/** Exit statuses of the job, after sysexits.h; whoever starts it decides by them whether to start it again. */
export const exits = {
  done: 0,
  /** The recording cannot be transcribed: it is told in `failed.json`, and no further attempt makes it better. */
  bad: 65,
  /** A mistake in the program, told likewise. */
  mistake: 70,
  /** Another attempt may work. */
  again: 75,
  /** This machine or its configuration lacks what it takes. */
  machine: 78,
} as const;
export type Exit = (typeof exits)[keyof typeof exits];

/** Why a job did not come to a transcript. */
export class JobFault extends SalaError {
  readonly exit: Exit;

  constructor(exit: Exit, code: string, message: string, hint: string, cause?: unknown) {
    super(message, { code, hint, cause });
    this.exit = exit;
  }

  /** No attempt at any place would end otherwise. */
  get isFinal(): boolean {
    return this.exit === exits.bad || this.exit === exits.mistake;
  }
}

const of = (exit: Exit, { code, message, hint }: SalaError) => new JobFault(exit, code, message, hint);

/** Of a store: what asking again does not mend. */
const hopeless = new Set(['store-too-large', 'store-key']);

/** What an error means for the job. */
export function faultOf(error: unknown): JobFault {
  if (error instanceof JobFault) return error;
  if (error instanceof ConfigurationError) return of(exits.machine, error);
  if (error instanceof ChainError) return of(exits.bad, error);
  if (error instanceof SalaError) return of(hopeless.has(error.code) ? exits.bad : exits.again, error);
  // Of this machine: its disk, its memory, its processes.
  const system = error instanceof Error ? codeOf(error) || codeOf(error.cause) : '';
  if (/^E[A-Z0-9]+$/.test(system))
    return new JobFault(
      exits.again,
      'machine',
      `This machine cannot go on: ${messageOf(error)}`,
      system === 'ENOSPC' ? 'Make room on the disk of --work-dir.' : 'Look at its disk and memory.',
      error,
    );
  const hint = 'This is a mistake in the program: report it with the line before this one.';
  return new JobFault(exits.mistake, 'unexpected', `It ended by a mistake (${nameOf(error)})`, hint, error);
}

/** Without its message, which may hold what was said. */
const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);
