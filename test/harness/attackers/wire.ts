import { type ClientRequestArgs, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type ClientOptions, WebSocket } from 'ws';
import { audioProtocol, bearerPrefix, captionsProtocol, liveProtocol } from '../../../relay/protocol.js';

/** What an attacker is told. */
export interface Prey {
  readonly port: number;
  /** A room of its own, and another one. */
  readonly room: string;
  readonly otherRoom: string;
  /** By name; all of the room unless they say otherwise. */
  readonly tokens: Readonly<
    Record<'publish' | 'read' | 'admin' | 'otherPublish' | 'otherRead' | 'revoked' | 'expired', string>
  >;
  readonly seconds: number;
}

/** How often each case got each answer. */
export type Answers = Record<string, Record<string, number>>;

export class Tally {
  readonly answers: Answers = {};

  note(what: string, answer: string): void {
    this.answers[what] ??= {};
    const counts = this.answers[what];
    counts[answer] = (counts[answer] ?? 0) + 1;
  }
}

/** One part of 127/8 for each process, by its number; the test's own has the first. */
const network = 16 + Number(process.env.SALA_TEST_ATTACKER ?? 0);
let addresses = 0;
/** Every attacker's own: what one is banned for must not be another's answer. The whole of 127/8 is this machine. */
export const nextAddress = () => `127.${network}.${(++addresses >> 8) & 255}.${addresses & 255}`;

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const answerTimeoutMs = 10_000;

async function answerOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) if (text.length < 65_536) text += chunk;
  const code = /"code":"([\w-]+)"/.exec(text)?.[1] ?? '';
  return `${response.statusCode} ${code}`.trim();
}

/** One HTTP request, its path as it is given: the status and the code of the error. */
export function ask(
  { port }: Pick<Prey, 'port'>,
  method: string,
  path: string,
  { body, ...options }: ClientRequestArgs & { body?: string | Buffer } = {},
): Promise<string> {
  return new Promise((resolve) => {
    const asked = request({
      ...{ host: '127.0.0.1', port, method, path, agent: false, localAddress: nextAddress() },
      ...{ timeout: answerTimeoutMs },
      ...options,
    });
    asked.on('response', (response) => answerOf(response).then(resolve, () => resolve('cut')));
    asked.on('error', () => resolve('cut'));
    asked.on('timeout', () => asked.destroy());
    asked.end(body);
  });
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

export type DoorName = 'audio' | 'captions' | 'live' | 'legacyAudio' | 'legacyTranscript';
export const doorNames: readonly DoorName[] = ['audio', 'captions', 'live', 'legacyAudio', 'legacyTranscript'];

const paths: Readonly<Record<DoorName, (room: string) => string>> = {
  audio: (room) => `/api/rooms/${room}/audio`,
  captions: (room) => `/api/rooms/${room}/captions`,
  live: () => '/api/live',
  legacyAudio: (room) => `/ws/audio/${room}`,
  legacyTranscript: (room) => `/ws/transcript/${room}`,
};
const protocols: Readonly<Partial<Record<DoorName, string>>> = {
  audio: audioProtocol,
  captions: captionsProtocol,
  live: liveProtocol,
};

/** A socket at a door; the token goes as browsers send it where the door takes that. */
export function knock(prey: Prey, door: DoorName, token: string | null, options: ClientOptions = {}): WebSocket {
  const protocol = protocols[door];
  const offered = protocol ? [protocol, ...(token === null ? [] : [bearerPrefix + token])] : [];
  const query = !protocol && token !== null ? `?token=${token}` : '';
  const socket = new WebSocket(`ws://127.0.0.1:${prey.port}${paths[door](prey.room)}${query}`, offered, {
    ...{ localAddress: nextAddress(), perMessageDeflate: false, handshakeTimeout: answerTimeoutMs },
    ...options,
  });
  socket.on('error', () => {});
  return socket;
}

/** What an upgrade is answered: `open`, or the refusal. */
export function admission(socket: WebSocket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('open', () => resolve('open'));
    socket.once('unexpected-response', (_, response) => void answerOf(response).then(resolve, () => resolve('cut')));
    socket.once('close', () => resolve('cut'));
  });
}

/** The close code that a socket which is open gets in time; `alive` where none comes. */
export async function end(socket: WebSocket, timeoutMs = answerTimeoutMs): Promise<string> {
  const closed = new Promise<string>((resolve) => socket.once('close', (code) => resolve(`closed ${code}`)));
  const answer = await Promise.race([closed, pause(timeoutMs).then(() => 'alive')]);
  socket.terminate();
  return answer;
}

/** A bare connection. */
export function dial({ port }: Pick<Prey, 'port'>, localAddress = nextAddress()): Socket {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => {});
  return socket;
}
