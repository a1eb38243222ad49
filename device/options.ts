import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { roomPattern } from '../relay/protocol.js';
import { address, toggle } from '../systemd/configuration.ts';
import { codeOf, messageOf, SalaError } from '../systemd/errors.ts';

/** What keeps `path` from being a folder we can write into, made first if need be; null where nothing does.
 * A file system that is read-only now is not a mistake of the configuration: captions go on without the disk. */
function folderProblem(path: string): string | null {
  let folder = resolve(path);
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  try {
    if (!statSync(folder).isDirectory()) return `${folder} is not a folder`;
    accessSync(folder, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    if (codeOf(error) === 'EROFS' && folder === resolve(path)) return null;
    return `cannot be written (${messageOf(error)}); give this user the right to it or choose another folder`;
  }
}

/** What a kit's units have for a key before there is one. */
const notEnrolled = 'not-enrolled';

/** The token in `path`. @throws where it cannot be read or is empty; SalaError `not-enrolled` where a kit has no key yet */
export function readToken(path: string): string {
  const token = readFileSync(path, 'utf8').trim();
  if (token === notEnrolled)
    throw new SalaError('This kit is not enrolled yet; sound is kept here meanwhile', {
      code: notEnrolled,
      hint: 'It enrols by itself once it reaches the relay: check the network, and the kit on the admin page.',
    });
  if (token === '') throw new Error(`${path} is empty`);
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Error(`${path} holds more than one token`);
  return token;
}

function tokenProblem(path: string): string | null {
  try {
    readToken(path);
    return null;
  } catch (error) {
    if (codeOf(error) === notEnrolled) return null;
    return `the publish token cannot be read: ${messageOf(error)}`;
  }
}

/** The PIN of the status page's buttons; null where the kit's unit has none to give. @throws where it is none */
export function readPin(path: string): string | null {
  const pin = readFileSync(path, 'utf8').trim();
  if (pin === 'none') return null;
  if (!/^\d{6}$/.test(pin)) throw new Error('a PIN has six digits');
  return pin;
}

function pinProblem(path: string): string | null {
  try {
    readPin(path);
    return null;
  } catch (error) {
    return `the PIN cannot be read: ${messageOf(error)}`;
  }
}

/** Whether every account of this machine can read `path`. */
export function isWorldReadable(path: string): boolean {
  return (statSync(path).mode & 0o004) !== 0;
}

const path = z.string().min(1, 'must not be empty');
const checked = (problemOf: (value: string) => string | null) =>
  path.superRefine((value, context) => {
    const problem = problemOf(value);
    if (problem) context.addIssue({ code: 'custom', message: problem });
  });

const relayUrl = z.string().refine((text) => {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return /^wss?:$/.test(url.protocol) && url.search === '' && url.hash === '' && url.username === '';
}, 'must be ws://HOST:PORT or wss://HOST, without a query or a user name');

const channels = z
  .string()
  .regex(/^(mix|[1-9]\d?(,[1-9]\d?){0,7})$/, 'must be mix, or channel numbers from 1 on: 1 or 1,2')
  .transform((text): 'mix' | number[] => (text === 'mix' ? 'mix' : text.split(',').map(Number)));

const rate = z.coerce.number().int().min(8000).max(192_000);

/** Every setting of the device. */
export const deviceSettings = z.object({
  relay: relayUrl.meta({ description: 'the relay', placeholder: 'wss://HOST' }),
  room: z
    .string()
    .regex(roomPattern, 'must be a room name: small letters, digits and dashes, at most 64')
    .meta({ description: 'the room whose sound this is', placeholder: 'ROOM' }),
  assignmentFile: path.optional().meta({
    description: 'a kit’s: names the room instead of --room, and is watched',
    placeholder: 'FILE',
  }),
  deviceId: z
    .string()
    .regex(/^[\w.-]{1,128}$/, 'must be letters, digits, dots, dashes or underscores, at most 128')
    .optional()
    .meta({ description: 'how the relay names this kit [the host name]', placeholder: 'NAME' }),
  tokenFile: checked(tokenProblem).meta({ description: 'holds the publish token of the room', placeholder: 'FILE' }),
  dataDir: checked(folderProblem).meta({ description: 'where sound waits for the relay', placeholder: 'DIR' }),
  source: z
    .string()
    .regex(/^(tone|mixer:.*\S.*|wav:.+)$/, 'must be mixer:NAME, wav:FILE, wav:FILE?loop=1 or tone')
    .meta({ description: 'where the sound comes from', placeholder: 'mixer:NAME|wav:FILE|tone' }),
  listSources: toggle(false).meta({ description: 'print the mixers that are plugged in, and end' }),
  statusListen: address
    .optional()
    .meta({ description: 'serve the kit’s own status page there', placeholder: 'HOST:PORT' }),
  statusPinFile: checked(pinProblem)
    .optional()
    .meta({ description: 'holds the six digits that open the buttons of that page', placeholder: 'FILE' }),
  kitFile: path.optional().meta({ description: 'a kit’s: where its agent tells how it is', placeholder: 'FILE' }),
  agentSocket: path.optional().meta({ description: 'a kit’s: where its agent listens', placeholder: 'FILE' }),
  channels: channels
    .prefault('mix')
    .meta({ description: 'the mixer’s channels to take: mix (all), 1, or 1,2 [mix]', placeholder: 'LIST' }),
  stereo: toggle(false).meta({ description: 'keep two channels apart instead of mixing them' }),
  sourceRate: rate.optional().meta({ description: 'open the mixer at this rate', placeholder: 'HZ' }),
  sourceChannels: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .optional()
    .meta({ description: 'open the mixer with this many channels', placeholder: 'N' }),
  maxBufferHours: z.coerce
    .number()
    .positive()
    .max(1000)
    .default(24)
    .meta({ description: 'hours of sound kept for a relay that does not answer', placeholder: 'HOURS' }),
  maxBufferBytes: z.coerce
    .number()
    .int()
    .min(1_000_000)
    .default(4e9)
    .meta({ description: 'size of the buffer on disk', placeholder: 'BYTES' }),
  logLevel: z
    .enum(['error', 'warn', 'info', 'debug', 'silent'])
    .default('info')
    .meta({ description: 'how much is logged', placeholder: 'LEVEL' }),
});

/** With `--list-sources` nothing else is needed. */
export const listSettings = deviceSettings.partial({
  relay: true,
  room: true,
  tokenFile: true,
  dataDir: true,
  source: true,
});

export type DeviceSettings = z.output<typeof deviceSettings>;
