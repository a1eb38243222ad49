/** Relays that kits enrol at: a stand-in that can be told what to do wrong, and the real one, with the same handles. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  type KitMessage,
  type KitRelayMessage,
  kitKeyPattern,
  kitProtocol,
  parseKitMessage,
} from '../../relay/kit-protocol.ts';
import { enrolmentToken } from './kit-agent.ts';
import { lastingPort } from './ports.ts';
import { remember, TestRelay, temporaryFolder } from './programs.ts';

export interface KitRelay {
  /** `ws://HOST:PORT` */
  readonly url: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Makes a room with that title. */
  room(name: string, title: string): Promise<void>;
  /** Makes a kit. @returns its enrolment token */
  make(kit: string, kind: 'device' | 'display', room: string): Promise<string>;
  /** Another enrolment token for it. */
  renew(kit: string): Promise<string>;
  assign(kit: string, room: string): Promise<void>;
  revoke(kit: string): Promise<void>;
  identify(kit: string): Promise<void>;
  /** What the kit said of itself last, while it is connected; null where it is not. */
  health(kit: string): Promise<{ state: string } | null>;
}

export class RealKitRelay implements KitRelay {
  readonly #folder = temporaryFolder();
  #relay: TestRelay | null = null;

  async start(): Promise<void> {
    this.#relay = await TestRelay.start({ dataDir: join(this.#folder.path, 'relay') });
  }

  async stop(): Promise<void> {
    await this.#relay?.stop();
    this.#folder.remove();
  }

  get url(): string {
    return this.#there.url.replace('http', 'ws');
  }

  get adminToken(): string {
    return this.#there.adminToken;
  }

  /** A room as organizers see it. */
  roomSettings(name: string): Promise<{ name: string; language: string }> {
    return this.#there.call('GET', `/api/rooms/${name}`);
  }

  get #there(): TestRelay {
    if (!this.#relay) throw new Error('not started');
    return this.#relay;
  }

  async room(name: string, title: string): Promise<void> {
    await this.#there.call('PUT', `/api/rooms/${name}`, { name: title });
  }

  async make(name: string, kind: string, room: string): Promise<string> {
    return remember((await this.#there.call<{ token: string }>('POST', '/api/kits', { name, kind, room })).token);
  }

  async renew(kit: string): Promise<string> {
    return remember((await this.#there.call<{ token: string }>('POST', `/api/kits/${kit}/enrolment`)).token);
  }

  async assign(kit: string, room: string): Promise<void> {
    await this.#there.call('PUT', `/api/kits/${kit}/room`, { room });
  }

  async revoke(kit: string): Promise<void> {
    await this.#there.call('DELETE', `/api/kits/${kit}`);
  }

  async identify(kit: string): Promise<void> {
    await this.#there.call('POST', `/api/kits/${kit}/identify`);
  }

  async health(kit: string): Promise<{ state: string } | null> {
    const seen = await this.#there.call<{ state: string; health: { state: string } | null }>('GET', `/api/kits/${kit}`);
    return seen.state === 'online' ? seen.health : null;
  }
}

interface StandInKit {
  readonly kind: string;
  room: string;
  /** By token: the key that it was exchanged for, null before. */
  readonly tokens: Map<string, string | null>;
  key: string | null;
  socket: WebSocket | null;
  health: { state: string } | null;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export class StandInKitRelay implements KitRelay {
  /** Answers calls instead of the relay: what a network may put before it. */
  instead: Answer | null = null;
  /** Room time, as it tells it. */
  at = () => Date.now();
  readonly heard: KitMessage[] = [];
  calls = 0;
  readonly #rooms = new Map<string, string>();
  readonly #kits = new Map<string, StandInKit>();
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, handleProtocols: () => kitProtocol });

  constructor() {
    this.#server = createServer((request, response) => {
      this.calls++;
      if (this.instead) this.instead(request, response);
      else void this.#enrol(request, response);
    });
    this.#server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => socket.destroy()); // a client that is refused may reset the line
      const kit = [...this.#kits].find(([, { key }]) => key !== null && key === bearer(request));
      if (this.instead || !kit) socket.end(`HTTP/1.1 ${this.instead ? 503 : 401} No\r\n\r\n`);
      else this.#sockets.handleUpgrade(request, socket, head, (opened) => this.#serve(opened, kit[0]));
    });
  }

  async start(): Promise<void> {
    const port = await lastingPort();
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get url(): string {
    const address = this.#server.address();
    return `ws://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  }

  /** Breaks every line without a word. */
  cut(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  close(code: number): void {
    for (const socket of this.#sockets.clients) socket.close(code);
  }

  say(kit: string, message: KitRelayMessage | Record<string, unknown>): void {
    this.#kit(kit).socket?.send(JSON.stringify(message));
  }

  async room(name: string, title: string): Promise<void> {
    this.#rooms.set(name, title);
  }

  async make(name: string, kind: string, room: string): Promise<string> {
    this.#kits.set(name, { kind, room, tokens: new Map(), key: null, socket: null, health: null });
    return this.renew(name);
  }

  async renew(kit: string): Promise<string> {
    const token = remember(enrolmentToken());
    this.#kit(kit).tokens.set(token, null);
    return token;
  }

  async assign(kit: string, room: string): Promise<void> {
    this.#kit(kit).room = room;
    this.say(kit, { type: 'assignment', ...this.#assignment(kit) });
  }

  async revoke(kit: string): Promise<void> {
    this.#kit(kit).key = null;
    this.#kit(kit).socket?.close(4401);
  }

  async identify(kit: string): Promise<void> {
    this.say(kit, { type: 'identify' });
  }

  async health(kit: string): Promise<{ state: string } | null> {
    return this.#kit(kit).socket ? this.#kit(kit).health : null;
  }

  #kit(name: string): StandInKit {
    const kit = this.#kits.get(name);
    if (!kit) throw new Error(`there is no kit ${name}`);
    return kit;
  }

  #assignment(kit: string): { room: string; title: string } {
    const { room } = this.#kit(kit);
    return { room, title: this.#rooms.get(room) ?? room };
  }

  async #enrol(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const part of request) text += String(part);
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const refuse = (status: number, code: string) =>
      answer(status, { error: { code, message: `It is ${code}`, hint: 'No.' } });
    if (request.url !== '/api/enrolment') return refuse(404, 'not-found');
    const { key }: { key: string } = JSON.parse(text);
    if (!kitKeyPattern.test(key)) return refuse(400, 'invalid');
    const token = bearer(request);
    const found = [...this.#kits].find(([, { tokens }]) => tokens.has(token));
    if (!found) return refuse(401, 'enrolment-unknown');
    const [name, kit] = found;
    const before = kit.tokens.get(token) ?? null;
    if (before !== null && before !== key) return refuse(409, 'enrolment-used');
    kit.tokens.set(token, key);
    kit.key = key;
    const { room, title } = this.#assignment(name);
    answer(200, { kit: { name, kind: kit.kind }, room: { name: room, title }, at: this.at() });
  }

  #serve(socket: WebSocket, name: string): void {
    const kit = this.#kit(name);
    kit.socket?.close(4409);
    kit.socket = socket;
    socket.on('message', (data) => {
      const message = parseKitMessage(String(data));
      this.heard.push(message);
      if (message.type !== 'update') kit.health = message.health;
      if (message.type === 'hello')
        this.say(name, { type: 'welcome', at: this.at(), assignment: this.#assignment(name), idle: false });
    });
    socket.on('close', () => {
      if (kit.socket === socket) kit.socket = null;
    });
  }
}

const bearer = (request: IncomingMessage) => (request.headers.authorization ?? '').replace(/^Bearer /, '');
