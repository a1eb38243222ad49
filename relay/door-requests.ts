import type { IncomingMessage } from 'node:http';
import { bearerToken, type Credentials, offeredToken, type Right } from './access.ts';
import { kitProtocol } from './kit-protocol.ts';
import { audioProtocol, captionsProtocol, liveProtocol } from './protocol.js';
import { badRequest, type Refusal } from './refusal.ts';
import { language } from './settings.ts';

export type DoorName = 'audio' | 'captions' | 'live' | 'kit' | 'legacyAudio' | 'legacyTranscript';

export interface CaptionsQuery {
  /** The last seq the reader has; null: the newest few. */
  readonly since: number | null;
  /** The log that seq belongs to; null: the present one. */
  readonly log: string | null;
  readonly partial: boolean;
  readonly late: boolean;
  /** How loud the room is. */
  readonly level: boolean;
}

export interface LegacyAudioQuery {
  /** BCP 47; null where none, or nothing of that form, was given. */
  readonly lang: string | null;
}

export interface LegacyTranscriptQuery {
  readonly partial: boolean;
}

export interface Door {
  readonly name: DoorName;
  readonly right: Right;
  /** The subprotocol it demands; null on the predecessor's doors. */
  readonly protocol: string | null;
}

export interface DoorRequest {
  readonly door: Door;
  /** null: of no room. */
  readonly room: string | null;
  readonly query: URLSearchParams;
  readonly protocols: readonly string[];
  readonly credentials: Credentials;
}

const doors: Readonly<Record<DoorName, Door>> = {
  audio: { name: 'audio', right: 'publish', protocol: audioProtocol },
  captions: { name: 'captions', right: 'read', protocol: captionsProtocol },
  live: { name: 'live', right: 'admin', protocol: liveProtocol },
  kit: { name: 'kit', right: 'kit', protocol: kitProtocol },
  legacyAudio: { name: 'legacyAudio', right: 'publish', protocol: null },
  legacyTranscript: { name: 'legacyTranscript', right: 'read', protocol: null },
};

// Matched against the path as sent: nothing is decoded, so nothing can hide in it.
const room = '([a-z0-9][a-z0-9-]{0,63})';
const paths: readonly (readonly [RegExp, DoorName])[] = [
  [new RegExp(`^()/api/rooms/${room}/audio$`), 'audio'],
  [new RegExp(`^()/api/rooms/${room}/captions$`), 'captions'],
  [/^\/api\/live$/, 'live'],
  [/^\/api\/kit$/, 'kit'],
  [new RegExp(`^(?:/t/([A-Za-z0-9_-]{1,128}))?/ws/audio/${room}$`), 'legacyAudio'],
  [new RegExp(`^(?:/t/([A-Za-z0-9_-]{1,128}))?/ws/transcript/${room}$`), 'legacyTranscript'],
];

/** Which door an upgrade asks for, and with what token; null where there is no such door. */
export function readDoorRequest({ url = '', headers }: IncomingMessage): DoorRequest | null {
  const [path = '', search = ''] = url.split(/\?(.*)/s, 2);
  for (const [pattern, name] of paths) {
    const match = pattern.exec(path);
    if (!match) continue;
    const door = doors[name];
    const query = new URLSearchParams(search);
    const protocols = (headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim());
    // Only clients that cannot do better may put a token into an address, which lands in access logs.
    const addressed = door.protocol === null ? (match[1] ?? query.get('token')) : null;
    const token = bearerToken(headers.authorization) ?? offeredToken(protocols) ?? addressed;
    const credentials = { token, cookie: headers.cookie, origin: headers.origin };
    return { door, room: match[2] ?? null, query, protocols, credentials };
  }
  return null;
}

/** What a reader asks for. Unknown parameters are left alone. */
export function readCaptionsQuery(query: URLSearchParams): CaptionsQuery | Refusal {
  const problems: string[] = [];
  const toggle = (name: string) => {
    const value = query.get(name);
    if (value !== null && value !== 'true' && value !== 'false') problems.push(`${name} must be true or false`);
    return value === 'true';
  };
  const partial = toggle('partial');
  const late = toggle('late');
  const level = toggle('level');
  const since = query.get('since');
  if (since !== null && !/^\d{1,15}$/.test(since)) problems.push('since must be the seq of a message');
  const log = query.get('log');
  if (log !== null && !/^[\w-]{1,64}$/.test(log)) problems.push('log must be the id that "hello" gave');
  if (problems.length > 0)
    return badRequest('query', problems.join('; '), 'captions?since=SEQ&log=ID&partial=true&late=false&level=false');
  return { since: since === null ? null : Number(since), log, partial, late, level };
}

/** The predecessor's parameters, read as leniently as it did. */
export function readLegacyAudioQuery(query: URLSearchParams): LegacyAudioQuery {
  const parsed = language.safeParse(query.get('lang') ?? '');
  return { lang: parsed.success ? parsed.data : null };
}

export function readLegacyTranscriptQuery(query: URLSearchParams): LegacyTranscriptQuery {
  return { partial: /^(true|1|yes|on)$/i.test(query.get('partial') ?? '') };
}
