import { parseArgs } from 'node:util';
import { SalaError } from '../../systemd/errors.ts';
import { explain } from '../../systemd/program.ts';
import { type Command, type CommandCall, type CommandContext, parsedOptions } from './command.ts';
import { didYouMean } from './nearest.ts';

/** Exit status of a command line that cannot be understood. */
export const exitUsage = 2;
/** Exit status after Ctrl-C, as shells have it. */
export const exitInterrupted = 130;

const usage = 'npm run kit --';

/** The command line itself is wrong. */
class UsageError extends SalaError {
  constructor(message: string, command?: string) {
    super(message, {
      code: 'usage',
      hint: `${usage} ${command === undefined ? '--help lists the commands' : `${command} --help says what it takes`}.`,
    });
  }
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}\n`).join('');
}

function helpOfAll(commands: readonly Command[]): string {
  const rows = commands.map(({ name, operands, summary }) => [`${name} ${operands}`.trim(), summary] as const);
  return `Prepares the kits of an event from one inventory file.\n\nUsage: ${usage} COMMAND …\n\n${table(rows)}\n${usage} COMMAND --help says more of one. Begin with a copy of provisioning/kit/inventory.example.toml.\n`;
}

function helpOf({ name, summary, operands, options }: Command): string {
  const rows = Object.entries(options).map(([key, { short, value, help }]) => {
    const flag = `${short === undefined ? '' : `-${short}, `}--${key}${value === undefined ? '' : ` ${value}`}`;
    return [flag, help] as const;
  });
  return `${summary}\n\nUsage: ${usage} ${[name, operands].join(' ').trim()}${rows.length > 0 ? ' [options]' : ''}\n\n${table([...rows, ['--help', 'this text']])}`;
}

/** How many operands `INVENTORY [KIT…]` takes. */
function operandCount(operands: string): { least: number; most: number } {
  const words = operands.split(/\s+/).filter((word) => word !== '');
  return {
    least: words.filter((word) => !word.startsWith('[')).length,
    most: operands.includes('…') ? Number.POSITIVE_INFINITY : words.length,
  };
}

function readCall(command: Command, args: readonly string[]): CommandCall | 'help' {
  const end = args.indexOf('--');
  if (args.slice(0, end < 0 ? args.length : end).some((each) => each === '--help' || each === '-h')) return 'help';
  const options = parsedOptions(command.options);
  const { tokens, values, positionals } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const fault = (message: string) => new UsageError(`${command.name}: ${message}`, command.name);
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (!option) throw fault(`${token.rawName} is not an option${didYouMean(token.name, Object.keys(options))}`);
    if (option.type === 'string' && token.value === undefined) throw fault(`${token.rawName} needs a value`);
    if (option.type === 'boolean' && token.value !== undefined) throw fault(`${token.rawName} takes no value`);
  }
  const { least, most } = operandCount(command.operands);
  if (positionals.length < least) throw fault(`it takes ${command.operands}`);
  if (positionals.length > most) throw fault(`"${positionals[most]}" is one too many`);
  const texts = Object.entries(values).map(([key, value]) => [
    key,
    // The loop above saw to it that a list holds texts alone.
    Array.isArray(value) ? value.filter((each) => typeof each === 'string') : value,
  ]);
  return { values: Object.fromEntries(texts), positionals };
}

/**
 * Runs one command of `sala-kit` to its end.
 * @param args what follows the program's name @returns the exit status: 0, 1 it did not work, 2 called wrongly,
 * 78 the inventory is wrong, 130 ended by Ctrl-C
 */
export async function runCommandLine(
  args: readonly string[],
  commands: readonly Command[],
  context: CommandContext,
): Promise<number> {
  try {
    const [name, ...rest] = args;
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      (name === undefined ? context.stderr : context.stdout).write(helpOfAll(commands));
      return name === undefined ? exitUsage : 0;
    }
    const command = commands.find((each) => each.name === name);
    if (!command) {
      const names = commands.map((each) => each.name);
      throw new UsageError(`"${name}" is not a command${didYouMean(name, names)}`);
    }
    const call = readCall(command, rest);
    if (call === 'help') {
      context.stdout.write(helpOf(command));
      return 0;
    }
    const status = await command.run(call, context);
    return context.signal.aborted ? exitInterrupted : status;
  } catch (error) {
    // What breaks off because of Ctrl-C needs no explanation.
    if (context.signal.aborted) return exitInterrupted;
    const { text, status } = explain(error);
    context.stderr.write(`${text}\n`);
    return error instanceof UsageError ? exitUsage : status;
  }
}
