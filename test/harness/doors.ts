import { createServer, type Server } from 'node:http';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import WebSocket, { type ClientOptions } from 'ws';
import { AdminToken } from '../../relay/admin-token.ts';
import type { ReaderLimits } from '../../relay/audience.ts';
import { httpServerOptions } from '../../relay/connections.ts';
import { type DoorHandlers, type DoorLimits, Doors } from '../../relay/doors.ts';
import { KitDoor, type KitDoorLimits, noReleases, type Releases } from '../../relay/kit-door.ts';
import { LegacyReaders } from '../../relay/legacy-readers.ts';
import { Origins } from '../../relay/origins.ts';
import { captionsProtocol } from '../../relay/protocol.js';
import { Readers } from '../../relay/publish.ts';
import { Rights } from '../../relay/rights.ts';
import type { Tokens } from '../../relay/tokens.ts';
import type { Logger } from '../../systemd/log.ts';
import { FakeRooms } from './fake-rooms.ts';

export const adminSecret = 'the-organizers-own-secret';

/** Everything that is logged, down to trace, as lines. */
export function captureLog(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return { log: pino({ level: 'trace' }, sink), lines };
}

export interface HouseOptions {
  readonly doors?: Partial<DoorLimits>;
  readonly readers?: Partial<ReaderLimits>;
  readonly handlers?: Partial<DoorHandlers>;
  readonly kits?: Partial<KitDoorLimits>;
  readonly releases?: Releases;
  readonly idleAfterMs?: number;
}

/** The doors and readers of a relay on a loopback port, with rooms that the test speaks in. */
export class House {
  readonly rooms = new FakeRooms();
  readonly captured = captureLog();
  readonly origins = new Origins();
  readonly rights: Rights;
  readonly tokens: Tokens;
  readonly readers: Readers;
  readonly doors: Doors;
  readonly kitDoor: KitDoor;
  readonly server: Server;
  readonly #sockets = new Set<WebSocket>();

  constructor({
    doors,
    readers,
    handlers,
    kits = {},
    releases = noReleases,
    idleAfterMs = 300_000,
  }: HouseOptions = {}) {
    this.rights = new Rights({
      db: this.rooms.db,
      adminToken: new AdminToken(adminSecret),
      origins: this.origins,
      log: this.captured.log,
    });
    this.tokens = this.rights.tokens;
    this.readers = new Readers(readers);
    const legacy = new LegacyReaders(this.readers);
    this.kitDoor = new KitDoor({
      ...{ kits: this.rights.kits, rooms: this.rooms, log: this.captured.log },
      ...{ releases, limits: kits, idleAfterMs },
    });
    this.doors = new Doors({
      rooms: this.rooms,
      access: this.rights.access,
      log: this.captured.log,
      audit: this.rights.audit,
      handlers: {
        audio: () => {},
        live: () => {},
        kit: (socket, name) => this.kitDoor.serve(socket, name),
        legacyAudio: () => {},
        captions: (socket, line, room, query) => this.readers.serve(socket, line, room, query),
        legacyTranscript: (socket, line, room, query) => legacy.serve(socket, line, room, query),
        ...handlers,
      },
      ...(doors ? { limits: doors } : {}),
    });
    this.server = createServer(httpServerOptions(), (_, response) => response.writeHead(404).end());
    this.server.on('upgrade', (request, socket, head) => this.doors.upgrade(request, socket, head));
  }

  async start(): Promise<this> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', done));
    this.origins.listening(`http://127.0.0.1:${this.port}`);
    this.rights.start();
    this.kitDoor.start();
    return this;
  }

  get port(): number {
    const address = this.server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  connect(path: string, protocols: string[] = [], options: ClientOptions = {}): Reading {
    const url = `ws://127.0.0.1:${this.port}${path}`;
    const socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
    this.#sockets.add(socket);
    return new Reading(socket);
  }

  /** A reader of the room with a token of its own. */
  read(room: string, query = ''): Reading {
    const { token } = this.tokens.create(room, 'read', '');
    return this.connect(`/api/rooms/${room}/captions${query}`, [captionsProtocol], bearer(token));
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.terminate();
    await this.doors.closeAll();
    this.kitDoor.stop();
    this.rights.stop();
    await new Promise<void>((done) => this.server.close(() => done()));
    this.rooms.remove();
  }
}

export const bearer = (token: string): ClientOptions => ({ headers: { authorization: `Bearer ${token}` } });

export type Message = Readonly<Record<string, unknown>>;

function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null;
}

/** A client's socket and all it was told. */
export class Reading {
  readonly socket: WebSocket;
  readonly messages: Message[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly opened: Promise<void>;
  /** The answer to an upgrade that was refused. */
  readonly refused: Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: Message }>;
  readonly #waiting = new Set<() => void>();

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('message', (data) => {
      const value: unknown = JSON.parse(String(data));
      if (isMessage(value)) this.messages.push(value);
      for (const look of [...this.#waiting]) look();
    });
    this.closed = new Promise((done) => socket.once('close', (code, reason) => done({ code, reason: String(reason) })));
    this.opened = new Promise((done) => socket.once('open', done));
    this.refused = new Promise((done) =>
      socket.once('unexpected-response', (_, response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += String(chunk);
        });
        response.on('end', () => {
          const body: unknown = JSON.parse(text);
          done({ status: response.statusCode ?? 0, headers: response.headers, body: isMessage(body) ? body : {} });
        });
      }),
    );
  }

  of(type: string): Message[] {
    return this.messages.filter((each) => each.type === type);
  }

  seqs(): number[] {
    return this.messages.flatMap(({ seq, type }) => (typeof seq === 'number' && type !== 'hello' ? [seq] : []));
  }

  lastSeq(): number | undefined {
    const last = this.messages.findLast(({ seq, type }) => typeof seq === 'number' && type !== 'hello');
    return typeof last?.seq === 'number' ? last.seq : undefined;
  }

  /** Waits until what was told so far satisfies `done`. */
  until(done: (reading: this) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!done(this)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }
}
