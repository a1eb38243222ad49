import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  audioProtocol,
  type DeviceMessage,
  decodeAudioFrame,
  type Hello,
  type Hole,
  parseDeviceMessage,
  type RangeSet,
  type RelayMessage,
  type StreamReport,
  union,
} from '../../relay/protocol.js';
import { lastingPort } from './ports.ts';

export interface ReceivedFrame {
  readonly stream: string;
  readonly from: number;
  readonly to: number;
  readonly live: boolean;
  readonly atMs: number;
  /** Which connection, counted from 0. */
  readonly connection: number;
}

export interface RelayStream {
  report: StreamReport;
  received: RangeSet;
  stored: RangeSet;
  holes: Hole[];
  /** Samples by position, for streams of one channel; -1 frames are never overwritten with other samples. */
  readonly audio: Map<number, Int16Array>;
}

/** A relay that speaks the wire, keeps what it gets in memory, and fails when told to. */
export class FakeRelay {
  /** Its disk's name; a new one makes it an empty relay. */
  id: string = randomUUID();
  /** Answers the upgrade with this status; null to take the connection. */
  refuseStatus: number | null = null;
  refuseHeaders: Record<string, string> = {};
  /** The same for the doors whose path has this in it alone. */
  refusePath: string | null = null;
  /** Closes with this code instead of a welcome; null to welcome. */
  refuseHello: { code: number; retryAfterMs?: number; reason?: string } | null = null;
  /** Whether it confirms and stores what it gets. */
  receives = true;
  stores = true;
  /** Milliseconds from a frame's arrival to its confirmation. */
  ackDelayMs = 0;
  maxBacklogRate = 100;
  readonly streams = new Map<string, RelayStream>();
  readonly hellos: { readonly hello: Hello; readonly atMs: number }[] = [];
  readonly frames: ReceivedFrame[] = [];
  readonly messages: DeviceMessage[] = [];
  readonly closes: number[] = [];
  upgrades: { readonly atMs: number; readonly authorization: string; readonly path: string }[] = [];
  readonly #events = new EventEmitter().setMaxListeners(100);
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(audioProtocol) ? audioProtocol : false),
  });
  #connections = 0;

  constructor() {
    this.#server = createServer((_, response) => response.writeHead(404).end());
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  async start(port = 0): Promise<void> {
    const lasting = port || (await lastingPort());
    await new Promise<void>((resolve) => this.#server.listen(lasting, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Breaks every connection without a word. */
  cut(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  /** Takes nothing any more and says nothing, with every connection open: a line that died without a word. */
  freeze(): void {
    for (const socket of this.#sockets.clients) socket.pause();
  }

  close(code: number): void {
    for (const socket of this.#sockets.clients) socket.close(code);
  }

  /** Forgets everything, as a replaced relay would, and breaks the connections. */
  replace(): void {
    this.id = randomUUID();
    this.streams.clear();
    this.cut();
  }

  say(message: RelayMessage): void {
    for (const socket of this.#sockets.clients) socket.send(JSON.stringify(message));
  }

  /** Stores what was received and not stored yet, and says so. */
  storeAll(): void {
    for (const stream of this.streams.values()) {
      stream.stored = union(stream.stored, stream.received);
      this.say({ type: 'stored', index: stream.report.index, ranges: stream.stored });
    }
  }

  /** Resolves when `condition` holds; it is looked at after everything that happens here. */
  async until(condition: () => boolean, what = 'the condition', timeoutMs = 20_000): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const expiry = setTimeout(() => {
        this.#events.off('event', check);
        reject(new Error(`${what} did not come about within ${timeoutMs} ms`));
      }, timeoutMs);
      const check = () => {
        if (!condition()) return;
        clearTimeout(expiry);
        this.#events.off('event', check);
        resolve();
      };
      this.#events.on('event', check);
    });
  }

  /** The samples of a stream of one channel, holes and missing ones as zeros. */
  samples(id: string): Int16Array {
    const stream = this.streams.get(id);
    const end = stream?.received.at(-1)?.[1] ?? 0;
    const out = new Int16Array(end);
    for (const [position, samples] of stream?.audio ?? []) out.set(samples, position);
    return out;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { authorization = '' } = request.headers;
    this.upgrades.push({ atMs: performance.now(), authorization, path: request.url ?? '' });
    socket.on('error', () => socket.destroy());
    const isRefused = this.refusePath === null || request.url?.includes(this.refusePath);
    if (this.refuseStatus !== null && isRefused) {
      const headers = Object.entries(this.refuseHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.end(`HTTP/1.1 ${this.refuseStatus} Refused\r\n${headers.join('')}content-length: 0\r\n\r\n`);
      this.#events.emit('event');
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (client) => this.#serve(client, this.#connections++));
  }

  #serve(client: WebSocket, connection: number): void {
    const byIndex = new Map<number, RelayStream>();
    const answer = (message: RelayMessage) => client.send(JSON.stringify(message));
    client.on('error', () => client.terminate());
    client.on('close', (code) => {
      this.closes.push(code);
      this.#events.emit('event');
    });
    client.on('message', (data, isBinary) => {
      const bytes = Buffer.isBuffer(data) ? data : Buffer.from(String(data));
      if (isBinary) this.#frame(bytes, byIndex, connection, answer);
      else this.#text(String(bytes), byIndex, client, answer);
      this.#events.emit('event');
    });
  }

  #text(
    text: string,
    byIndex: Map<number, RelayStream>,
    client: WebSocket,
    answer: (message: RelayMessage) => void,
  ): void {
    const message = parseDeviceMessage(text);
    this.messages.push(message);
    if (message.type === 'hello') {
      this.hellos.push({ hello: message, atMs: performance.now() });
      if (this.refuseHello) {
        const { code, retryAfterMs, reason = 'test' } = this.refuseHello;
        const refused = { type: 'refused', code: reason, message: 'not now' } as const;
        answer(retryAfterMs === undefined ? refused : { ...refused, retryAfterMs });
        client.close(code);
        return;
      }
      for (const report of message.streams) this.#announce(report, byIndex);
      answer({
        type: 'welcome',
        relay: this.id,
        room: 'aula',
        roomTime: Date.now(),
        streams: [...byIndex].map(([index, { received, stored }]) => ({ index, received, stored })),
        settings: {},
        limits: { maxBacklogRate: this.maxBacklogRate, maxLiveRate: 1.1 },
      });
      for (const [index, stream] of byIndex) this.#store(index, stream, answer);
    } else if (message.type === 'stream') {
      this.#announce(message.stream, byIndex);
    } else if (message.type === 'hole') {
      const stream = byIndex.get(message.index);
      if (!stream) return;
      stream.holes.push({ from: message.from, to: message.to, reason: message.reason });
      stream.received = union(stream.received, [[message.from, message.to]]);
      this.#store(message.index, stream, answer);
    } else if (message.type === 'ended') {
      const stream = byIndex.get(message.index);
      if (stream) stream.report = { ...stream.report, ended: true, edge: message.edge };
    }
  }

  #announce(report: StreamReport, byIndex: Map<number, RelayStream>): void {
    const known = this.streams.get(report.id);
    const stream: RelayStream = known ?? { report, received: [], stored: [], holes: [], audio: new Map() };
    stream.report = report;
    stream.holes.push(...report.holes);
    stream.received = union(
      stream.received,
      report.holes.map(({ from, to }): [number, number] => [from, to]),
    );
    this.streams.set(report.id, stream);
    byIndex.set(report.index, stream);
  }

  #frame(
    bytes: Buffer,
    byIndex: Map<number, RelayStream>,
    connection: number,
    answer: (message: RelayMessage) => void,
  ): void {
    const { index, position, live, audio } = decodeAudioFrame(bytes);
    const stream = byIndex.get(index);
    if (!stream) throw new Error(`a frame of the unknown stream ${index}`);
    const samples = new Int16Array(audio.buffer.slice(audio.byteOffset, audio.byteOffset + audio.byteLength));
    const to = position + samples.length / stream.report.format.channels;
    this.frames.push({ stream: stream.report.id, from: position, to, live, atMs: performance.now(), connection });
    stream.audio.set(position, samples);
    stream.received = union(stream.received, [[position, to]]);
    if (!this.receives) return;
    const confirm = () => {
      answer({ type: 'received', index, ranges: [[position, to]] });
      this.#store(index, stream, answer);
    };
    if (this.ackDelayMs > 0) setTimeout(confirm, this.ackDelayMs);
    else confirm();
  }

  #store(index: number, stream: RelayStream, answer: (message: RelayMessage) => void): void {
    if (!this.stores) return;
    stream.stored = stream.received;
    if (stream.stored.length > 0) answer({ type: 'stored', index, ranges: stream.stored });
  }
}
