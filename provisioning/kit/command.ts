import type { ParseArgsConfig } from 'node:util';

export interface CommandOption {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in `--help`: `FILE`. */
  readonly value?: string;
  readonly help: string;
}

export interface CommandCall {
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly positionals: readonly string[];
}

/** What a command has of the terminal and the machine; given, so that tests can play all of it. */
export interface CommandContext {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: NodeJS.WritableStream;
  readonly env: NodeJS.ProcessEnv;
  readonly now: () => number;
  /** Ctrl-C. */
  readonly signal: AbortSignal;
}

/** One command of `sala-kit`. */
export interface Command {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** What follows the name: `INVENTORY [KIT…]`. */
  readonly operands: string;
  readonly options: Readonly<Record<string, CommandOption>>;
  /** @returns the exit status: 0, or 1 where it did not work. @throws SalaError told to the user with its hint */
  run(call: CommandCall, context: CommandContext): Promise<number>;
}

/** The commands' options as `parseArgs` takes them. */
export const parsedOptions = (options: Command['options']): NonNullable<ParseArgsConfig['options']> =>
  Object.fromEntries(
    Object.entries(options).map(([name, { type, short, multiple = false }]) => [
      name,
      { type, multiple, ...(short !== undefined && { short }) },
    ]),
  );
