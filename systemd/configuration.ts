import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parse as parseToml } from 'smol-toml';
import { z } from 'zod';
import { ConfigurationError, messageOf } from './errors.ts';

/** One zod object per program is the source of its flags, environment names, TOML keys, defaults and help.
 * A key `dataDir` is `--data-dir`, `SALA_DATA_DIR` and `data-dir = …`; its `.describe()` is its line of help. */
export type Settings = z.ZodObject<z.core.$ZodLooseShape>;

export interface ProgramText {
  /** How the program is started: `npm run relay --`. */
  readonly usage: string;
  /** What it is, in a sentence or two. */
  readonly summary: string;
}

export type Invocation<S extends Settings> = { readonly help: string } | { readonly settings: z.output<S> };

const kebab = (key: string) => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const variable = (key: string) => `SALA_${kebab(key).replaceAll('-', '_').toUpperCase()}`;

/** A yes/no setting; text from the environment and TOML booleans alike. */
export const toggle = (fallback: boolean) =>
  z
    .preprocess(
      (value) => (value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : value),
      z.boolean(),
    )
    .default(fallback);

/** `HOST:PORT` or `[IPv6]:PORT`; port 0 takes any free one. */
export const address = z.string().transform((text, context) => {
  const match = /^(?:\[([0-9a-f:]+)\]|([^:]+)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535) {
    context.addIssue({ code: 'custom', message: 'must be HOST:PORT, for example 127.0.0.1:8080' });
    return z.NEVER;
  }
  return { host: match[1] ?? match[2] ?? '', port };
});

function isToggle(schema: z.core.$ZodType): boolean {
  return schema instanceof z.ZodDefault && typeof schema.def.defaultValue === 'boolean';
}

function helpOf(schema: Settings, { usage, summary }: ProgramText): string {
  const rows = Object.entries(schema.shape).map(([key, each]) => {
    const placeholder = isToggle(each) ? '' : ` ${String(z.globalRegistry.get(each)?.placeholder ?? 'VALUE')}`;
    const fallback = each instanceof z.ZodDefault && !isToggle(each) ? ` [${String(each.def.defaultValue)}]` : '';
    const needed = each.safeParse(undefined).success ? '' : ' (required)';
    return [`  --${kebab(key)}${placeholder}`, `${z.globalRegistry.get(each)?.description ?? ''}${fallback}${needed}`];
  });
  rows.push(
    ['  --config FILE', 'the same settings as TOML, without the dashes: data-dir = "…"'],
    ['  --help', 'this text'],
  );
  const width = Math.max(...rows.map(([flag]) => flag?.length ?? 0)) + 2;
  const lines = rows.map(([flag = '', text]) => `${flag.padEnd(width)}${text}`);
  return `${summary}\n\nUsage: ${usage} [settings]\n\n${lines.join('\n')}\n\nEach setting may also come from the environment (--data-dir is SALA_DATA_DIR) or from the file; flags win, then the environment.\n`;
}

function readToml(path: string): Record<string, unknown> {
  try {
    return parseToml(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ConfigurationError([`--config ${path}: ${messageOf(error)}`], 'Give the path of a readable TOML file.');
  }
}

/**
 * Reads flags over environment over TOML file, all by `schema`.
 * @throws {ConfigurationError} with every mistake at once, each named by the flag, variable or file it came from
 */
export function readConfiguration<S extends Settings>(
  schema: S,
  text: ProgramText,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): Invocation<S> {
  const keys = Object.keys(schema.shape);
  const options = Object.fromEntries([
    ...keys.map(
      (key) => [kebab(key), { type: isToggle(schema.shape[key] ?? z.never()) ? 'boolean' : 'string' }] as const,
    ),
    ['config', { type: 'string' }] as const,
    ['help', { type: 'boolean' }] as const,
  ]);
  const { tokens } = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    allowNegative: true,
    tokens: true,
  });
  const problems: string[] = [];
  const flags = new Map<string, unknown>();
  for (const token of tokens) {
    if (token.kind === 'positional') problems.push(`"${token.value}" is not a setting`);
    if (token.kind !== 'option') continue;
    const option = options[token.name];
    if (!option) problems.push(`--${token.name} is not a setting`);
    else if (option.type === 'string' && token.value === undefined) problems.push(`--${token.name} needs a value`);
    else
      flags.set(
        token.name,
        option.type === 'boolean' ? (token.value ?? !token.rawName.startsWith('--no-')) : token.value,
      );
  }
  if (flags.has('help')) return { help: helpOf(schema, text) };

  const configPath = flags.get('config') ?? env.SALA_CONFIG;
  const file = typeof configPath === 'string' ? readToml(configPath) : {};
  for (const name of Object.keys(file))
    if (!keys.some((key) => kebab(key) === name)) problems.push(`${configPath}: "${name}" is not a setting`);

  const origin = new Map<string, string>();
  const given: Record<string, unknown> = {};
  for (const key of keys) {
    const found = [
      { from: `--${kebab(key)}`, value: flags.get(kebab(key)) },
      { from: variable(key), value: env[variable(key)] },
      { from: `${configPath}: ${kebab(key)}`, value: file[kebab(key)] },
    ].find(({ value }) => value !== undefined);
    origin.set(key, found?.from ?? `--${kebab(key)}`);
    if (found) given[key] = found.value;
  }
  const result = schema.safeParse(given);
  if (!result.success) {
    for (const issue of result.error.issues) {
      const key = String(issue.path[0] ?? '');
      const missing = !(key in given);
      problems.push(`${origin.get(key) ?? key}: ${missing ? 'is required' : issue.message}`);
    }
  }
  if (!result.success || problems.length > 0) throw new ConfigurationError(problems);
  return { settings: result.data };
}
