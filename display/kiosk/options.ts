import { existsSync } from 'node:fs';
import { z } from 'zod';
import { roomPattern } from '../../relay/protocol.js';
import { address } from '../../systemd/configuration.ts';

const path = z.string().min(1, 'must not be empty');

export const relayAddress = z.string().refine((text) => {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return /^(ws|http)s?:$/.test(url.protocol) && url.search === '' && url.hash === '' && url.username === '';
}, 'must be wss://HOST or ws://HOST:PORT, without a query or a user name');

export const roomName = z
  .string()
  .regex(roomPattern, 'must be a room name: small letters, digits and dashes, at most 64');

const loopback = address.refine(
  ({ host }) => host === '127.0.0.1' || host === '::1',
  'must be 127.0.0.1 or [::1]: what is served there holds this kit’s key',
);

const browsers = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/chromium-headless-shell'];

/** Every setting of the kiosk. */
export const kioskSettings = z.object({
  relay: relayAddress.meta({ description: 'the relay', placeholder: 'wss://HOST' }),
  room: roomName.optional().meta({ description: 'the room, until the assignment names one', placeholder: 'ROOM' }),
  assignmentFile: path
    .optional()
    .meta({ description: 'names the room this screen is assigned to, at any time', placeholder: 'FILE' }),
  tokenFile: path
    .optional()
    .meta({ description: 'holds this kit’s key; it may come later [none: a room open to all]', placeholder: 'FILE' }),
  readersTokenFile: path
    .optional()
    .meta({ description: 'holds the token that a QR code hands to the audience', placeholder: 'FILE' }),
  parameters: z
    .string()
    .max(500)
    .default('')
    .meta({ description: 'of the caption page: partial=true&lines=6&qr=corner&lang=it', placeholder: 'QUERY' }),
  listen: loopback
    .prefault('127.0.0.1:8082')
    .meta({ description: 'serve the page there, to this machine alone [127.0.0.1:8082]', placeholder: 'HOST:PORT' }),
  browser: path
    .prefault(browsers.find((each) => existsSync(each)) ?? '/usr/bin/chromium')
    .meta({ description: 'the browser [Debian’s Chromium]', placeholder: 'FILE' }),
  browserSwitches: z
    .string()
    .max(2000)
    .default('')
    .meta({ description: 'more switches of the browser, with spaces between', placeholder: '"--a --b"' }),
  profileDir: path.optional().meta({
    description: 'where the browser’s profile is made, in RAM [$XDG_RUNTIME_DIR, else /dev/shm]',
    placeholder: 'DIR',
  }),
  stateFile: path
    .optional()
    .meta({ description: 'where it is written how the screen is, for the agent', placeholder: 'FILE' }),
  maxMemory: z.coerce
    .number()
    .int()
    .min(200)
    .max(100_000)
    .default(900)
    .meta({ description: 'a browser that takes more than this is started again, MiB', placeholder: 'MIB' }),
  logLevel: z
    .enum(['error', 'warn', 'info', 'debug', 'silent'])
    .default('info')
    .meta({ description: 'how much is logged', placeholder: 'LEVEL' }),
});

export type KioskSettings = z.output<typeof kioskSettings>;
