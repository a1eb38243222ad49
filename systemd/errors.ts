/** What a program says when it cannot go on: a stable code, plain words, and what to do about it. */
export interface Explained {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export interface SalaErrorOptions {
  /** Stable name of the fault, `like-this`, for programs and documentation. */
  readonly code: string;
  /** One sentence for the person who can mend it. */
  readonly hint: string;
  readonly cause?: unknown;
}

/** An error an operator can meet. One place per program turns it into words. */
export class SalaError extends Error implements Explained {
  readonly code: string;
  readonly hint: string;

  constructor(message: string, { code, hint, cause }: SalaErrorOptions) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = hint;
  }
}

/** Reading the configuration alone shows that the program cannot run: exit status 78 (EX_CONFIG of sysexits.h). */
export class ConfigurationError extends SalaError {
  /** @param problems every mistake found, each with its path */
  constructor(problems: readonly string[], hint = 'Correct the settings named above; --help lists them all.') {
    super(problems.join('\n'), { code: 'configuration', hint });
  }
}

/** `error` as one sentence, without its stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a system or Sala error, `''` where it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
