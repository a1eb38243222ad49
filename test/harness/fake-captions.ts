/**
 * A relay's pages and captions without a relay: serves display/ and the wire under the relay's own security header and
 * speaks the captions protocol, said by the test. It keeps to the contract by its own few lines, so that it can also
 * break it: cut lines, refuse, fall silent, begin another log.
 */
import { EventEmitter, once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { pagePolicy } from '../../display/page-files.ts';
import { packageFiles } from '../../display/page-packages.ts';
import type { Caption, CaptionsMessage, LogMessage, Partial, RoomState, Talk } from '../../relay/protocol.js';
import { bearerPrefix, captionsProtocol } from '../../relay/protocol.js';
import { lastingPort } from './ports.ts';

const mediaTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

const library = packageFiles(new URL('../../display', import.meta.url).pathname);

/** What a page asked for when it connected. */
export interface ReaderRequest {
  readonly room: string;
  readonly since: number | null;
  readonly log: string | null;
  readonly partial: boolean;
  readonly late: boolean;
  readonly level: boolean;
  readonly token: string;
  readonly protocols: readonly string[];
}

interface Reader {
  readonly socket: WebSocket;
  readonly request: ReaderRequest;
}

export class FakeCaptions {
  readonly room: string;
  readonly title: string;
  /** Every connection that was opened, oldest first. */
  readonly requests: ReaderRequest[] = [];
  /** What `/config.json` answers; null: there is none. */
  config: unknown = null;
  /** What a kit's launcher finds on the way to the relay. */
  link: { refusal: string | null; reason: string | null } = { refusal: null, reason: null };
  /** HTTP status that connections and transcripts are refused with; null: they are welcome. */
  refusal: number | null = null;
  /** The code of its error. */
  refusalCode = '';
  /** Transcripts are answered with 500. */
  failTranscripts = false;
  /** How many transcripts and pages of them were asked for. */
  transcripts = 0;
  /** Every `Authorization` that a transcript was asked for with; empty: none. */
  readonly authorizations = new Set<string>();
  #transcriptsHeld = Promise.resolve();
  #releaseTranscripts = () => {};
  /** A relay says at least this often that it is there; 0: never. */
  heartbeatMs = 5000;
  /** What a relay says the time is when it greets; null: nothing, like one of before. */
  roomTime: number | null = null;
  #log = 'log-1';
  #logs = 1;
  #seq = 0;
  #clockMs = Date.UTC(2026, 0, 10, 9);
  #history: LogMessage[] = [];
  #talk: Talk | null = null;
  #status: { state: RoomState; message: string } = { state: 'waiting', message: '' };
  readonly #readers = new Set<Reader>();
  readonly #events = new EventEmitter();
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(captionsProtocol) ? captionsProtocol : false),
  });
  #timer: NodeJS.Timeout | null = null;

  constructor({ room = 'aula-magna', title = 'Aula Magna' } = {}) {
    this.room = room;
    this.title = title;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  async start(port = 0): Promise<void> {
    this.#server.listen(port || (await lastingPort()), '127.0.0.1');
    await once(this.#server, 'listening');
    this.#beat();
  }

  /** Idempotent; lines are cut, not closed. */
  async stop(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.cut();
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  get port(): number {
    const address: AddressInfo | string | null = this.#server.address();
    if (typeof address !== 'object' || !address) throw new Error('the fake captions server is not listening');
    return address.port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The page's address. @param parameters e.g. `{ partial: 'true' }` */
  url(parameters: Record<string, string> = {}, token = ''): string {
    const search = new URLSearchParams(parameters).toString();
    return `${this.origin}/rooms/${this.room}${search && `?${search}`}${token && `#token=${token}`}`;
  }

  /** How many pages are connected now. */
  get readers(): number {
    return this.#readers.size;
  }

  /** Resolves when `count` connections in all have been opened; at once if they have. */
  async connected(count: number, timeoutMs = 20_000): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    while (this.requests.length < count) await once(this.#events, 'connected', { signal });
  }

  /** Publishes a final. Room time goes on by three seconds, unless `start` is given. */
  say(
    text: string,
    given: globalThis.Partial<Pick<Caption, 'start' | 'end' | 'language' | 'speaker' | 'late'>> = {},
  ): Caption {
    const start = given.start ?? this.#clockMs;
    if (given.start === undefined) this.#clockMs += 3000;
    const caption: Caption = {
      type: 'caption',
      seq: ++this.#seq,
      final: true,
      text,
      language: given.language ?? 'en-US',
      start,
      end: given.end ?? start + 2800,
      speaker: given.speaker ?? null,
      late: given.late ?? false,
      stream: '00000000-0000-4000-8000-000000000001',
      from: 0,
      to: 0,
    };
    this.#publish(caption);
    return caption;
  }

  /** Says what is being said, as the unfinished part of the next final. @param stable how much of it will stay */
  partial(text: string, language = 'en-US', stable = 0): void {
    const message: Partial = { type: 'partial', text, language, start: this.#clockMs, speaker: null, stable };
    this.#broadcast(message, ({ partial }) => partial);
  }

  amend(of: number, text: string | null): void {
    this.#publish({ type: 'amend', seq: ++this.#seq, of, text, at: this.#clockMs });
  }

  clear(): LogMessage {
    const message: LogMessage = { type: 'clear', seq: ++this.#seq, at: this.#clockMs };
    this.#publish(message);
    return message;
  }

  pause(): void {
    this.#publish({ type: 'pause', seq: ++this.#seq, at: this.#clockMs });
    this.status('paused');
  }

  resume(): void {
    this.#publish({ type: 'resume', seq: ++this.#seq, at: this.#clockMs });
    this.status('listening');
  }

  /** What is on, by the schedule; readers are told at once. */
  talk(talk: Talk | null): void {
    this.#talk = talk;
    this.#broadcast({ type: 'talk', talk });
  }

  /** How loud the room is, for readers that asked for it. */
  level(rmsDbfs: number): void {
    this.#broadcast({ type: 'level', rmsDbfs }, ({ level }) => level);
  }

  /** Transcripts that are asked for from now on wait. */
  holdTranscripts(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#transcriptsHeld = promise;
    this.#releaseTranscripts = resolve;
  }

  releaseTranscripts(): void {
    this.#releaseTranscripts();
  }

  /** What a transcript of everything said so far holds, in the order spoken. */
  transcript(): Caption[] {
    const amended = new Map(this.#history.flatMap((each) => (each.type === 'amend' ? [[each.of, each.text]] : [])));
    return this.#history
      .flatMap((each) => (each.type === 'caption' ? [each] : []))
      .map((each) => ({ ...each, text: amended.has(each.seq) ? (amended.get(each.seq) ?? '') : each.text }))
      .filter(({ text }) => text !== '')
      .sort((a, b) => a.start - b.start || a.seq - b.seq);
  }

  status(state: RoomState, message = ''): void {
    this.#status = { state, message };
    this.#broadcast({ type: 'status', ...this.#status });
  }

  /** Sends these bytes as they are. */
  raw(text: string): void {
    for (const { socket } of this.#readers) socket.send(text);
  }

  /** Sends a message of the log once more, as a confused relay might. */
  repeat(message: LogMessage): void {
    this.#broadcast(message);
  }

  /** Another log begins, as after a relay lost its disk; readers learn it when they come back. */
  newLog(): void {
    this.#log = `log-${++this.#logs}`;
    this.#seq = 0;
    this.#history = [];
  }

  /** Goes back to the first `count` messages under the same name, as after a disk was restored from a copy. */
  rewind(count: number): void {
    this.#history = this.#history.slice(0, count);
    this.#seq = this.#history.at(-1)?.seq ?? 0;
  }

  /** Cuts every line without a word. */
  cut(): void {
    for (const { socket } of this.#readers) socket.terminate();
    this.#readers.clear();
  }

  /** Closes every line with a code. */
  close(code: number): void {
    for (const { socket } of this.#readers) socket.close(code);
    this.#readers.clear();
  }

  #beat(): void {
    this.#timer = setTimeout(() => {
      if (this.heartbeatMs > 0) this.#broadcast({ type: 'status', ...this.#status });
      this.#beat();
    }, this.heartbeatMs || 1000);
  }

  #publish(message: LogMessage): void {
    this.#history.push(message);
    this.#broadcast(message, ({ late }) => late || message.type !== 'caption' || !message.late);
  }

  #broadcast(message: CaptionsMessage, isFor: (request: ReaderRequest) => boolean = () => true): void {
    const text = JSON.stringify(message);
    for (const { socket, request } of this.#readers) if (isFor(request)) socket.send(text);
  }

  /** `transcript.json` with `limit`, `spokenBefore=START,SEQ` and `spokenAfter=START,SEQ`. */
  #page(query: URLSearchParams): object {
    const bound = (name: string) => query.get(name)?.split(',').map(Number);
    const [before, after] = [bound('spokenBefore'), bound('spokenAfter')];
    const isBefore = (a: readonly number[], b: readonly number[]) =>
      (a[0] ?? 0) < (b[0] ?? 0) || (a[0] === b[0] && (a[1] ?? 0) < (b[1] ?? 0));
    const all = this.transcript().filter(
      ({ start, seq }) => (!before || isBefore([start, seq], before)) && (!after || isBefore(after, [start, seq])),
    );
    const limit = Number(query.get('limit') ?? all.length);
    const captions = after && !before ? all.slice(0, limit) : all.slice(-limit);
    return { room: this.room, log: this.#log, captions, truncated: captions.length < all.length };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.origin);
    const answer = (status: number, type: string, body: string | Uint8Array) => {
      response.writeHead(status, {
        'content-type': type,
        'content-security-policy': pagePolicy,
        'x-content-type-options': 'nosniff',
      });
      response.end(body);
    };
    if (pathname.startsWith('/api/')) {
      this.transcripts++;
      this.authorizations.add(request.headers.authorization ?? '');
      await this.#transcriptsHeld;
      const status = this.failTranscripts ? 500 : (this.refusal ?? 200);
      if (status !== 200) answer(status, 'application/json', JSON.stringify({ error: { code: this.refusalCode } }));
      else if (pathname.endsWith('.txt'))
        answer(
          status,
          'text/plain; charset=utf-8',
          this.transcript()
            .map(({ text }) => `${text}\n`)
            .join(''),
        );
      else answer(status, 'application/json', JSON.stringify(this.#page(searchParams)));
      return;
    }
    if (pathname === '/config.json' && this.config !== null) {
      answer(200, 'application/json', JSON.stringify(this.config));
      return;
    }
    if (pathname === '/link.json' && this.config !== null) {
      answer(200, 'application/json', JSON.stringify(this.link));
      return;
    }
    const isPage = pathname === '/' || pathname === `/rooms/${this.room}`;
    const file = isPage
      ? 'display/caption.html'
      : /^\/(display\/(?:[a-z-]+\/)?[a-z-]+\.(?:js|css|svg)|relay\/protocol\.js)$/.exec(pathname)?.[1];
    const packaged = library.get(/^\/display\/lib\/([a-z0-9.-]+)$/.exec(pathname)?.[1] ?? '');
    try {
      if (!file && !packaged) throw new Error('no such file');
      const body = await readFile(packaged ?? new URL(`../../${file}`, import.meta.url));
      answer(200, mediaTypes[extname(packaged ?? file ?? '')] ?? 'application/octet-stream', body);
    } catch {
      answer(404, 'text/plain', 'not found');
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const url = new URL(request.url ?? '/', this.origin);
    const room = /^\/api\/rooms\/([^/]+)\/captions$/.exec(url.pathname)?.[1];
    if (!room || this.refusal !== null) {
      socket.end(`HTTP/1.1 ${this.refusal ?? 404} Refused\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim());
    const since = url.searchParams.get('since');
    const token = protocols.find((each) => each.startsWith(bearerPrefix))?.slice(bearerPrefix.length) ?? '';
    const wanted: ReaderRequest = {
      room,
      since: since === null ? null : Number(since),
      log: url.searchParams.get('log'),
      partial: url.searchParams.get('partial') === 'true',
      late: url.searchParams.get('late') === 'true',
      level: url.searchParams.get('level') === 'true',
      token,
      protocols,
    };
    this.#sockets.handleUpgrade(request, socket, head, (opened) => this.#greet({ socket: opened, request: wanted }));
  }

  #greet(reader: Reader): void {
    const { socket, request } = reader;
    const send = (message: CaptionsMessage) => socket.send(JSON.stringify(message));
    const room = { name: this.room, title: this.title };
    const at = this.roomTime === null ? {} : { at: this.roomTime };
    send({ type: 'hello', log: this.#log, seq: this.#seq, room, talk: this.#talk, ...at });
    const readable = this.#history.filter((each) => request.late || each.type !== 'caption' || !each.late);
    const { since } = request;
    if (since === null) for (const each of readable.slice(-20)) send(each);
    else if (request.log === this.#log) for (const each of readable.filter(({ seq }) => seq > since)) send(each);
    else {
      send({ type: 'reset' });
      for (const each of readable) send(each);
    }
    send({ type: 'status', ...this.#status });
    this.#readers.add(reader);
    socket.on('close', () => this.#readers.delete(reader));
    this.requests.push(request);
    this.#events.emit('connected');
  }
}
