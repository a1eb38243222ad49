import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Logger } from '../systemd/log.ts';
import type { Access, Admission, AdmittedKit, Right } from './access.ts';
import type { ClientAddress } from './addresses.ts';
import type { Audit } from './audit.ts';
import { DoorPlaces, defaultPlaceLimits, type Visitor } from './door-places.ts';
import {
  type CaptionsQuery,
  type Door,
  type DoorRequest,
  type LegacyAudioQuery,
  type LegacyTranscriptQuery,
  readCaptionsQuery,
  readDoorRequest,
  readLegacyAudioQuery,
  readLegacyTranscriptQuery,
} from './door-requests.ts';
import { keepHeartbeat } from './heartbeat.ts';
import { kitLimits } from './kit-protocol.ts';
import type { LiveRoom, LiveRooms } from './live.ts';
import { closeCodes, headerBytes, limits as wire } from './protocol.js';
import { RateLimit } from './rate.ts';
import { badRequest, errorBody, kitElsewhere, type Refusal, unavailable } from './refusal.ts';

export interface DoorHandlers {
  /** @param kit whose key opened it; null: a token of the room */
  audio(socket: WebSocket, room: LiveRoom, request: IncomingMessage, kit: AdmittedKit | null): void;
  /** @param line what the socket writes to */
  captions(socket: WebSocket, line: Duplex, room: LiveRoom, query: CaptionsQuery): void;
  /** All rooms, for organizers. */
  live(socket: WebSocket): void;
  /** A kit, of its own state. */
  kit(socket: WebSocket, kit: string): void;
  legacyAudio(socket: WebSocket, room: LiveRoom, query: LegacyAudioQuery): void;
  legacyTranscript(socket: WebSocket, line: Duplex, room: LiveRoom, query: LegacyTranscriptQuery): void;
}

export const defaultDoorLimits = {
  ...defaultPlaceLimits,
  /** A reader has nothing to say. */
  maxReaderPayloadBytes: 1024,
  maxAudioFrameBytes: 64 * 1024,
  readerPingMs: 15_000,
  readerDeadAfterMs: 37_500,
  audioPingMs: wire.pingIntervalMs,
  audioDeadAfterMs: wire.deadAfterMs,
  /** How long a peer has to answer a close before it is terminated. */
  closeTimeoutMs: 2000,
};
export type DoorLimits = { readonly [K in keyof typeof defaultDoorLimits]: number };

export interface DoorParts {
  readonly rooms: LiveRooms;
  readonly access: Access;
  readonly log: Logger;
  readonly handlers: DoorHandlers;
  /** Of organizers who come without a login. */
  readonly audit?: Pick<Audit, 'note'>;
  readonly limits?: Partial<DoorLimits>;
}

interface Guest {
  readonly door: Door;
  readonly visitor: Visitor;
  /** null: of no room. */
  readonly room: LiveRoom | null;
  readonly admission: Admission;
}

/** Where WebSockets come in: every refusal is made before the upgrade, as an HTTP status with the JSON error. */
export class Doors {
  readonly #rooms: LiveRooms;
  readonly #access: Access;
  readonly #log: Logger;
  readonly #handlers: DoorHandlers;
  readonly #limits: DoorLimits;
  readonly #servers: Readonly<Record<Right, WebSocketServer>>;
  readonly #guests = new Map<WebSocket, Guest>();
  readonly #places: DoorPlaces;
  readonly #audit: Pick<Audit, 'note'> | undefined;
  /** A program that comes back again and again must not push everything else out of the audit log. */
  readonly #noted = new RateLimit({ perMinute: 1 / 60, atOnce: 1 });
  /** How many sockets a room has, and what ends the watch for its deletion. */
  readonly #crowds = new Map<LiveRoom, { size: number; unwatch: () => void }>();
  readonly #refusals = new Map<string, number>();
  readonly #told = new Map<string, number>();
  #shut = false;
  #closing: Promise<void> | null = null;
  readonly #unlisten: () => void;

  constructor(parts: DoorParts) {
    const { rooms, access, log, handlers, limits = {} } = parts;
    this.#rooms = rooms;
    this.#access = access;
    this.#log = log;
    this.#handlers = handlers;
    this.#audit = parts.audit;
    this.#limits = { ...defaultDoorLimits, ...limits };
    this.#places = new DoorPlaces(this.#limits);
    const server = (maxPayload: number) => {
      const made = new WebSocketServer({
        noServer: true,
        clientTracking: false,
        perMessageDeflate: false,
        maxPayload,
        // Without this the first one offered is echoed, which may be the token.
        handleProtocols: (_, request) => readDoorRequest(request)?.door.protocol ?? false,
      });
      made.on('wsClientError', (error, socket) =>
        this.#refuse(socket, badRequest('handshake', error.message, 'Send the headers of RFC 6455, version 13.')),
      );
      return made;
    };
    this.#servers = {
      // One ws limit for both kinds of frame: the larger one; audio frames are checked below.
      publish: server(Math.max(wire.maxTextBytes, this.#limits.maxAudioFrameBytes)),
      read: server(this.#limits.maxReaderPayloadBytes),
      admin: server(this.#limits.maxReaderPayloadBytes),
      kit: server(kitLimits.maxTextBytes),
    };
    const unlisteners = [
      access.onEnded((isOver) =>
        this.#closeWhere(({ admission }) => isOver(admission), closeCodes.unauthorized, 'the token or the login ended'),
      ),
      access.onMoved((kit, room) => this.#move(kit, room)),
    ];
    this.#unlisten = () => {
      for (const unlisten of unlisteners) unlisten();
    };
  }

  /** Refusals so far, by code. */
  get refusals(): ReadonlyMap<string, number> {
    return this.#refusals;
  }

  /** Why a reader of that room would find no place now; null where it would. Asking takes none. */
  full(room: string, from: ClientAddress): Refusal | null {
    return this.#places.full({ right: 'read', room, from });
  }

  /** Open sockets of a right, in all rooms. */
  count(right: Right): number {
    return this.#places.count(right);
  }

  /** The http server's `upgrade` listener; there must be no other. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy()); // a reset in the middle of this must not end the process
    try {
      const asked = readDoorRequest(request);
      const from = this.#access.addresses.of(request);
      const guest = asked ? this.#admit(asked, from) : this.#noDoor(from);
      if (!asked || 'status' in guest) this.#refuse(socket, 'status' in guest ? guest : noSuchDoor, asked);
      else this.#upgrade(guest, asked, request, socket, head);
    } catch (error) {
      this.#log.error({ err: error }, 'an upgrade failed');
      this.#refuse(socket, {
        status: 500,
        code: 'internal',
        message: 'The relay could not open this door',
        hint: 'The relay logged why; try again.',
      });
    }
  }

  /** Admits no more; who is inside stays until `closeAll`. */
  shut(): void {
    this.#shut = true;
  }

  /** Closes every socket and admits no more; resolves when none is left. Idempotent. */
  closeAll(code: number = closeCodes.restart, reason = 'the relay restarts'): Promise<void> {
    this.#shut = true;
    this.#closing ??= this.#close(code, reason);
    return this.#closing;
  }

  async #close(code: number, reason: string): Promise<void> {
    this.#unlisten();
    const gone = [...this.#guests.keys()].map((socket) => new Promise<void>((done) => socket.once('close', done)));
    this.#closeWhere(() => true, code, reason);
    await Promise.all(gone);
  }

  #admit({ door, room: name, query, protocols, credentials }: DoorRequest, from: ClientAddress): Guest | Refusal {
    if (this.#shut) return restarting(this.#limits.retryAfterSeconds);
    const room = name === null ? undefined : this.#rooms.get(name);
    const asked = name === null ? null : { name, public: room?.record.settings.public === true };
    const visitor: Visitor = { right: door.right, room: name, from };
    const admission = this.#access.decide({ ...credentials, from, acts: true }, door.right, asked);
    const opensAs = 'status' in admission ? null : (admission.tokenId ?? admission.actor);
    const hurried = this.#places.asked(visitor, opensAs);
    if (hurried) return hurried;
    if ('status' in admission) return admission;
    if (!room && name !== null) return noSuchRoom(name);
    if (admission.kit?.isFormer && door.name !== 'audio') return kitElsewhere;
    if (door.protocol && !protocols.includes(door.protocol)) return missingProtocol(door.protocol);
    const query400 = door.name === 'captions' ? readCaptionsQuery(query) : null;
    if (query400 && 'status' in query400) return query400;
    const inside = { ...visitor, isFormer: admission.kit?.isFormer ?? false };
    return this.#places.full(inside) ?? { door, visitor: inside, room: room ?? null, admission };
  }

  #noDoor(from: ClientAddress): Refusal {
    return this.#places.asked({ right: 'publish', room: null, from }, null) ?? noSuchDoor;
  }

  #upgrade(guest: Guest, asked: DoorRequest, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { door, room } = guest;
    this.#servers[door.right].handleUpgrade(request, socket, head, (opened) => {
      // ws closes the socket itself on a violation, with 1002, 1007 or 1009; the listener keeps that from being fatal.
      opened.on('error', (error) => this.#log.debug({ err: error, room: room?.record.name }, 'socket error'));
      this.#enter(opened, guest);
      this.#guard(opened, guest);
      this.#note(guest);
      try {
        this.#hand(opened, socket, guest, asked, request);
      } catch (error) {
        this.#log.error({ err: error, room: room?.record.name, door: door.name }, 'a door failed');
        this.#end(opened, closeCodes.restart, 'the relay could not go on');
      }
    });
  }

  #hand(
    socket: WebSocket,
    line: Duplex,
    { door, room, admission }: Guest,
    { query }: DoorRequest,
    request: IncomingMessage,
  ): void {
    if (door.name === 'kit') this.#handlers.kit(socket, admission.kit?.name ?? '');
    else if (!room) this.#handlers.live(socket);
    else if (door.name === 'audio') this.#handlers.audio(socket, room, request, admission.kit);
    else if (door.name === 'legacyAudio') this.#handlers.legacyAudio(socket, room, readLegacyAudioQuery(query));
    else if (door.name === 'legacyTranscript')
      this.#handlers.legacyTranscript(socket, line, room, readLegacyTranscriptQuery(query));
    else {
      const asked = readCaptionsQuery(query);
      if (!('status' in asked)) this.#handlers.captions(socket, line, room, asked);
    }
  }

  #enter(socket: WebSocket, guest: Guest): void {
    this.#guests.set(socket, guest);
    const leave = this.#places.take(guest.visitor);
    socket.once('close', () => {
      this.#guests.delete(socket);
      leave();
    });
    if (guest.room) this.#crowd(socket, guest.room);
  }

  #crowd(socket: WebSocket, room: LiveRoom): void {
    let crowd = this.#crowds.get(room);
    if (!crowd) {
      const deleted = () => this.#closeWhere((each) => each.room === room, closeCodes.roomGone, 'the room was deleted');
      const ignored = () => {};
      const unwatch = room.listen({ logged: ignored, partial: ignored, status: ignored, deleted });
      crowd = { size: 0, unwatch };
      this.#crowds.set(room, crowd);
    }
    crowd.size++;
    const entered = crowd;
    socket.once('close', () => {
      if (--entered.size > 0) return;
      entered.unwatch();
      this.#crowds.delete(room);
    });
  }

  #guard(socket: WebSocket, { door, room, admission }: Guest): void {
    const limits = this.#limits;
    if (door.right === 'publish' || door.right === 'kit') {
      keepHeartbeat(socket, { intervalMs: limits.audioPingMs, deadAfterMs: limits.audioDeadAfterMs }, () =>
        this.#access.use(admission),
      );
      // The predecessor's clients send pieces of any size; what they hold is bounded by `maxPayload` alone.
      if (door.name === 'audio')
        socket.on('message', (data, isBinary) => {
          if (isBinary && byteLength(data) > limits.maxAudioFrameBytes + headerBytes)
            this.#end(socket, closeCodes.tooBig, 'an audio frame is too long');
        });
      return;
    }
    keepHeartbeat(socket, { intervalMs: limits.readerPingMs, deadAfterMs: limits.readerDeadAfterMs }, () => {
      this.#access.use(admission);
      if (admission.anonymous && room?.record.settings.public === false)
        this.#end(socket, closeCodes.unauthorized, 'the room needs a token now');
    });
    // The predecessor ignored what its displays sent, and some send; ours have no reason to.
    if (door.name === 'captions' || door.name === 'live')
      socket.on('message', () => this.#end(socket, closeCodes.unsupportedData, 'readers send nothing'));
  }

  /** Whoever came in for the room that a kit serves no longer: it asks again where it belongs. What it hands in of before goes on. */
  #move(name: string, to: string | null): void {
    this.#closeWhere(
      ({ admission: { kit }, room }) => kit?.name === name && !kit.isFormer && room !== null && room.record.name !== to,
      closeCodes.forbidden,
      'the kit serves another room now',
    );
  }

  #closeWhere(matches: (guest: Guest) => boolean, code: number, reason: string): void {
    for (const [socket, guest] of [...this.#guests]) if (matches(guest)) this.#end(socket, code, reason);
  }

  /** A peer that reads nothing never answers a close: it is terminated soon after. */
  #end(socket: WebSocket, code: number, reason: string): void {
    if (socket.readyState !== socket.OPEN) return;
    socket.close(code, reason);
    const timer = setTimeout(() => socket.terminate(), this.#limits.closeTimeoutMs);
    socket.once('close', () => clearTimeout(timer));
  }

  #refuse(socket: Duplex, refusal: Refusal, asked: DoorRequest | null = null): void {
    this.#refusals.set(refusal.code, (this.#refusals.get(refusal.code) ?? 0) + 1);
    this.#tell(refusal, asked);
    const body = JSON.stringify(errorBody(refusal));
    const headers = {
      connection: 'close',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      ...refusal.headers,
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.once('finish', () => socket.destroy());
    socket.end(`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n${lines.join('')}\r\n${body}`);
  }

  /** An admin page has its login in the audit log; a token that opens a door by itself is noted here. */
  #note({ door, admission: { actor, sessionId }, visitor: { from } }: Guest): void {
    if (door.right !== 'admin' || sessionId !== null || this.#noted.take(`${actor} ${from.address}`) > 0) return;
    this.#audit?.note({ actor, address: from.address, act: 'opened the live view', room: null, detail: {} });
  }

  /** Each kind of refusal of a room once a minute: a kit that knocks for ever must not fill the journal. */
  #tell({ code }: Refusal, asked: DoorRequest | null): void {
    const fields = { door: asked?.door.name, room: asked?.room, code };
    const key = `${fields.door} ${fields.room} ${code}`;
    const now = performance.now();
    if (now - (this.#told.get(key) ?? Number.NEGATIVE_INFINITY) < refusalLogIntervalMs) return;
    if (this.#told.size >= maxRefusalsRemembered) this.#told.clear();
    this.#told.set(key, now);
    this.#log.info(fields, 'refused a WebSocket');
  }
}

const refusalLogIntervalMs = 60_000;
const maxRefusalsRemembered = 256;

const noSuchDoor: Refusal = {
  status: 404,
  code: 'not-found',
  message: 'There is no WebSocket here',
  hint: 'The sockets are /api/rooms/ROOM/audio and /api/rooms/ROOM/captions.',
};

const noSuchRoom = (name: string): Refusal => ({
  status: 404,
  code: 'room-unknown',
  message: `There is no room "${name}"`,
  hint: 'Create it with PUT /api/rooms/NAME, or correct the name.',
});

const missingProtocol = (protocol: string) =>
  badRequest('subprotocol', `This socket speaks ${protocol}`, `Offer the WebSocket subprotocol "${protocol}".`);

const restarting = (retryAfterSeconds: number) =>
  unavailable('stopping', 'The relay is stopping', 'Connect again in a few seconds.', retryAfterSeconds);

function byteLength(data: Buffer | ArrayBuffer | Buffer[]): number {
  return Array.isArray(data) ? data.reduce((sum, each) => sum + each.length, 0) : data.byteLength;
}
