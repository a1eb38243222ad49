import { z } from 'zod';
import { roomPattern } from '../../relay/protocol.js';

const path = z.string().startsWith('/', 'must be a whole path');

const relayUrl = z.string().refine((text) => {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return /^(wss?|https?):$/.test(url.protocol) && url.search === '' && url.hash === '' && url.username === '';
}, 'must be wss://HOST, without a query or a user name');

/** Every setting of the agent; a kit has them in `/etc/sala/kit.toml`. */
export const agentSettings = z.object({
  relay: relayUrl.meta({ description: 'the relay', placeholder: 'wss://HOST' }),
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be a host name: small letters, digits and dashes, at most 63')
    .meta({ description: 'the kit’s name, which is its host name', placeholder: 'NAME' }),
  kind: z.enum(['device', 'display', 'solo']).meta({ description: 'device, display or solo', placeholder: 'KIND' }),
  room: z
    .string()
    .regex(roomPattern, 'must be a room name: small letters, digits and dashes, at most 64')
    .meta({ description: 'the room it serves until the relay says otherwise', placeholder: 'ROOM' }),
  title: z.string().max(200).optional().meta({ description: 'solo: what people call the room', placeholder: 'TEXT' }),
  language: z
    .string()
    .max(64)
    .optional()
    .meta({ description: 'solo: the language that is spoken there', placeholder: 'xx-XX' }),
  dataDir: path.default('/var/lib/sala').meta({ description: 'the data partition', placeholder: 'DIR' }),
  runDir: path.default('/run/sala').meta({ description: 'where the kit tells how it is', placeholder: 'DIR' }),
  bootDir: path.default('/boot/firmware').meta({ description: 'the boot partition', placeholder: 'DIR' }),
  cloudDir: path
    .default('/var/lib/cloud')
    .meta({ description: 'where cloud-init keeps its copies', placeholder: 'DIR' }),
  releaseKey: path
    .default('/etc/sala/release-key.pub')
    .meta({ description: 'releases must be signed by this key (PEM)', placeholder: 'FILE' }),
  adminTokenFile: path
    .default('/etc/sala/admin-token')
    .meta({ description: 'solo: the admin token of its own relay', placeholder: 'FILE' }),
  deviceStatus: z
    .url()
    .default('http://127.0.0.1:8081/status.json')
    .meta({ description: 'where the device tells how it is', placeholder: 'URL' }),
  displayStatus: path
    .default('/run/sala/display.json')
    .meta({ description: 'where the display tells how it is', placeholder: 'FILE' }),
  notBefore: z.iso
    .datetime()
    .optional()
    .meta({ description: 'when the card was written: it cannot be earlier than that', placeholder: 'TIME' }),
  logLevel: z
    .enum(['error', 'warn', 'info', 'debug', 'silent'])
    .default('info')
    .meta({ description: 'how much is logged', placeholder: 'LEVEL' }),
});

export type AgentSettings = z.output<typeof agentSettings>;
export type KitKind = AgentSettings['kind'];
