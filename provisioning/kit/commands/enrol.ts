import { readFileSync } from 'node:fs';
import { ConfigurationError, messageOf } from '../../../systemd/errors.ts';
import type { Command, CommandCall } from '../command.ts';
import { enrolKits } from '../enrolment.ts';
import { EventRelay } from '../event-relay.ts';
import { type Inventory, type Kit, readInventory } from '../inventory.ts';
import { didYouMean } from '../nearest.ts';
import { KitSecrets, secretsFileOf } from '../secrets.ts';

const defaultTimeoutSeconds = 10;
const maxTimeoutSeconds = 300;

/** Rooms and kits of the inventory at the relay, and a token for each card. */
export const enrol: Command = {
  name: 'enrol',
  summary: 'makes rooms and kits at the relay, and a one-time token for each card',
  operands: 'INVENTORY [KIT…]',
  options: {
    'admin-token-file': {
      type: 'string',
      value: 'FILE',
      help: 'the relay’s admin token, or one made on the admin page [SALA_ADMIN_TOKEN]',
    },
    renew: {
      type: 'string',
      multiple: true,
      value: 'KIT',
      help: 'another token, for a kit whose card is to be written anew or was lost',
    },
    timeout: {
      type: 'string',
      value: 'SECONDS',
      help: `how long the relay may take to answer [${defaultTimeoutSeconds}]`,
    },
  },
  async run({ values, positionals }, { stdout, stderr, env, now, signal }) {
    const [file, ...names] = positionals;
    if (file === undefined) throw new ConfigurationError(['The inventory is missing'], 'sala-kit enrol INVENTORY');
    const inventory = readInventory(file);
    const renewed = listIn(values.renew);
    const chosen = kitsOf(inventory, [...names, ...renewed], names.length > 0);
    const kits = chosen.filter(({ kind }) => kind !== 'solo');
    for (const { name } of chosen.filter(({ kind }) => kind === 'solo'))
      stdout.write(`${name}: enrols itself at the relay of its own\n`);
    if (kits.length === 0) return 0;
    if (!inventory.relay)
      throw new ConfigurationError([`${file}: relay.url is missing`], 'Name the relay that the kits are enrolled at.');
    const { url } = inventory.relay;
    const relay = new EventRelay({ url, adminToken: adminToken(values, env), timeoutMs: timeoutOf(values), signal });
    const secrets = new KitSecrets(secretsFileOf(inventory.file), env);
    const failures = await enrolKits(
      { inventory, kits, renewed: new Set(renewed) },
      { relay, secrets, now, done: ({ name, words }) => stdout.write(`${name}: ${words}\n`) },
    );
    for (const { name, error } of failures) stderr.write(`${name}: ${error.message}\n  ${error.hint}\n`);
    return failures.length === 0 ? 0 : 1;
  },
};

type Values = CommandCall['values'];

const listIn = (value: Values[string]): string[] => (Array.isArray(value) ? value.map(String) : []);

/** @param isSome only those named; else all */
function kitsOf({ kits }: Inventory, names: readonly string[], isSome: boolean): Kit[] {
  const known = kits.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new ConfigurationError(
      unknown.map((name) => `There is no kit "${name}" in the inventory${didYouMean(name, known)}`),
      'Correct the name, or leave all names out for all kits.',
    );
  return isSome ? kits.filter(({ name }) => names.includes(name)) : [...kits];
}

/** Never an argument: those are seen by every user of the machine, and kept by the shell. */
export function adminToken(values: Values, env: NodeJS.ProcessEnv): string {
  const file = values['admin-token-file'];
  const token = typeof file === 'string' ? textIn(file) : (env.SALA_ADMIN_TOKEN ?? '');
  if (/^[\x21-\x7e]{1,512}$/.test(token.trim())) return token.trim();
  throw new ConfigurationError(
    [typeof file === 'string' ? `${file} holds no token` : 'The relay’s admin token is missing'],
    'Name its file with --admin-token-file, or put it into the environment as SALA_ADMIN_TOKEN.',
  );
}

function textIn(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigurationError([`${file} cannot be read: ${messageOf(error)}`], 'Name the file of the admin token.');
  }
}

function timeoutOf({ timeout }: Values): number {
  const seconds = timeout === undefined ? defaultTimeoutSeconds : Number(timeout);
  if (seconds > 0 && seconds <= maxTimeoutSeconds) return seconds * 1000;
  throw new ConfigurationError([`--timeout ${timeout}: seconds, at most ${maxTimeoutSeconds}`]);
}
