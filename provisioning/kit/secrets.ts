import { randomBytes, randomInt } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { z } from 'zod';
import { ConfigurationError, codeOf, messageOf } from '../../systemd/errors.ts';
import type { Kit, WifiProfile } from './inventory.ts';

const oneLine = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^[\x21-\x7e]+$/);
const enrolment = z.object({ token: oneLine(512), expiresMs: z.number() });

const kitFields = z.object({
  pin: z
    .string()
    .regex(/^\d{6}$/)
    .optional(),
  enrolment: enrolment.optional(),
  adminToken: oneLine(512).optional(),
  instanceId: oneLine(128).optional(),
});

const secretsFields = z.object({
  wifi: z.record(z.string(), z.string()).default({}),
  rooms: z.record(z.string(), z.object({ readToken: oneLine(512).optional() })).default({}),
  kits: z.record(z.string(), kitFields).default({}),
});

type Contents = z.output<typeof secretsFields>;
type KitFields = z.output<typeof kitFields>;

/** A one-time token by which a kit is enrolled. */
export type Enrolment = z.output<typeof enrolment>;

/** What only one kit and its builder know. */
export interface KitSecret {
  /** Null until `enrol` has asked the relay for it. */
  readonly enrolment: Enrolment | null;
  /** Six digits, for the buttons of the kit's status page. */
  readonly pin: string;
  /** Of a solo kit's own relay; the empty text for others. */
  readonly adminToken: string;
  /** What the card was seeded with last. */
  readonly instanceId: string | null;
  /** Pass phrases of the kit's Wi-Fi networks, by the names of their profiles; those that are known. */
  readonly wifi: Readonly<Record<string, string>>;
}

/** What chance decides; given, so that tests can. */
export interface SecretSource {
  /** Six digits. */
  pin(): string;
  token(): string;
}

export const randomSecrets: SecretSource = {
  pin: () => String(randomInt(1_000_000)).padStart(6, '0'),
  token: () => randomBytes(32).toString('base64url'),
};

/** The secrets' file of an inventory: `kits.secrets.json` of `kits.toml`. */
export const secretsFileOf = (inventoryFile: string): string =>
  join(dirname(inventoryFile), `${basename(inventoryFile, extname(inventoryFile))}.secrets.json`);

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/**
 * The secrets of an inventory's kits, in one file that only its owner can read; each change replaces the file at once.
 * What is not there yet is made when it is asked for.
 */
export class KitSecrets {
  readonly #file: string;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #source: SecretSource;

  constructor(file: string, env: Readonly<Record<string, string | undefined>>, source: SecretSource = randomSecrets) {
    this.#file = file;
    this.#env = env;
    this.#source = source;
  }

  /** A kit's secrets; makes its PIN and, for a solo kit, its admin token. */
  of(kit: Kit): KitSecret {
    const known = this.known(kit);
    const made = {
      pin: known.pin || this.#source.pin(),
      adminToken: known.adminToken || (kit.kind === 'solo' ? this.#source.token() : ''),
    };
    if (made.pin !== known.pin || made.adminToken !== known.adminToken)
      this.#set(kit.name, { pin: made.pin, ...(made.adminToken !== '' && { adminToken: made.adminToken }) });
    return { ...known, ...made };
  }

  /** What is there of a kit's secrets; the empty text for what is not made yet. */
  known(kit: Kit): KitSecret {
    const contents = this.#read();
    const { pin = '', adminToken = '', enrolment = null, instanceId = null } = contents.kits[kit.name] ?? {};
    const wifi = this.#wifi(contents, kit.network.wifi);
    return { pin, adminToken: kit.kind === 'solo' ? adminToken : '', enrolment, instanceId, wifi };
  }

  /** The token with which a room's captions are read, for codes on paper; null for a room that needs none. */
  readToken(room: string): string | null {
    return this.#read().rooms[room]?.readToken ?? null;
  }

  setReadToken(room: string, readToken: string): void {
    const contents = this.#read();
    this.#write({ ...contents, rooms: { ...contents.rooms, [room]: { readToken } } });
  }

  /** Notes what the relay gave for `kit`, in place of what it gave before. */
  setEnrolment(kit: string, enrolment: Enrolment): void {
    this.#set(kit, { enrolment });
  }

  /** Notes what a card of `kit` has been seeded with. */
  setInstanceId(kit: string, instanceId: string): void {
    this.#set(kit, { instanceId });
  }

  #set(kit: string, fields: Partial<KitFields>): void {
    const contents = this.#read();
    this.#write({ ...contents, kits: { ...contents.kits, [kit]: { ...contents.kits[kit], ...fields } } });
  }

  #wifi({ wifi }: Contents, profiles: readonly WifiProfile[]): Record<string, string> {
    const known = profiles.flatMap(({ name, passphraseEnv }) => {
      const text = (passphraseEnv === undefined ? undefined : this.#env[passphraseEnv]) ?? wifi[name];
      return text === undefined || text === '' ? [] : [[name, text]];
    });
    return Object.fromEntries(known);
  }

  #read(): Contents {
    const fault = (message: string) =>
      new ConfigurationError(
        [`${this.#file}: ${message}`],
        'Mend that file, or move it away: what can be made anew is made anew, the rest comes from enrol.',
      );
    try {
      if (!existsSync(this.#file)) return secretsFields.parse({});
      // Whoever made or copied it: others do not read it from here on.
      if ((statSync(this.#file).mode & 0o077) !== 0) chmodSync(this.#file, 0o600);
      const result = secretsFields.safeParse(JSON.parse(readFileSync(this.#file, 'utf8')));
      if (result.success) return result.data;
      // The path alone: the value is a secret.
      throw fault(result.error.issues.map(({ path }) => `${path.join('.')} is not what it should be`).join('; '));
    } catch (error) {
      if (error instanceof ConfigurationError) throw error;
      throw fault(error instanceof SyntaxError ? 'is not JSON' : messageOf(error));
    }
  }

  #write(contents: Contents): void {
    const temporary = `${this.#file}.new`;
    try {
      rmSync(temporary, { force: true });
      const handle = openSync(temporary, 'wx', 0o600);
      try {
        writeFileSync(handle, `${JSON.stringify(contents, null, 2)}\n`);
        fsyncSync(handle);
      } finally {
        closeSync(handle);
      }
      renameSync(temporary, this.#file);
      syncFolder(dirname(this.#file));
    } catch (error) {
      const hint = codeOf(error) === 'EACCES' ? 'Give this user the right to write there.' : 'Make room for it there.';
      throw new ConfigurationError([`${this.#file} cannot be written: ${messageOf(error)}`], hint);
    }
  }
}

/** What stands for a secret wherever something is shown; as long as a pass phrase must be. */
export const mask = '********';

/** A kit and its secrets with a mask in place of each secret, also of those that are not known yet: what is rendered of them holds none. */
export function masked(kit: Kit, { enrolment, instanceId }: KitSecret): { kit: Kit; secrets: KitSecret } {
  const { wifi, keyfiles } = kit.network;
  return {
    kit: {
      ...kit,
      network: { ...kit.network, keyfiles: keyfiles.map(({ name }) => ({ name, content: `# ${mask}\n` })) },
    },
    secrets: {
      enrolment: enrolment && { token: mask, expiresMs: enrolment.expiresMs },
      pin: mask,
      adminToken: kit.kind === 'solo' ? mask : '',
      instanceId,
      wifi: Object.fromEntries(wifi.map(({ name }) => [name, mask])),
    },
  };
}
