import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP, type Socket } from 'node:net';
import type { Health } from '../relay/protocol.js';
import { messageOf } from '../systemd/errors.ts';
import type { Logger } from '../systemd/log.ts';
import type { AgentLine } from './agent-line.ts';
import { GuestRate } from './guest-rate.ts';
import type { KitFile } from './kit-file.ts';
import type { PastProblem } from './last-problem.ts';
import { addressKey, type PinDoor } from './pin-door.ts';

export interface KitStatus {
  readonly room: string;
  readonly relay: string;
  readonly health: Health;
  /** The language the room is captioned in, where the relay said it. */
  readonly language: string | null;
  readonly uptimeMs: number;
  /** What was wrong last, also when it is over. */
  readonly lastProblem: PastProblem | null;
  /** What the kit's agent says of the kit; null: there is none. */
  readonly kit: KitFile | null;
}

/** What the page may do, for whoever knows the PIN. */
export interface StatusButtons {
  readonly door: PinDoor;
  /** Null: this is no kit. */
  readonly agent: AgentLine | null;
  /** Null: nobody would start the device again. */
  readonly restart: (() => void) | null;
}

export interface StatusPageOptions {
  readonly host: string;
  readonly port: number;
  /** Where `kit.html` and what belongs to it are; ends with a slash. */
  readonly pages: URL;
  readonly status: () => KitStatus;
  /** Null: the page changes nothing. */
  readonly buttons?: StatusButtons | null;
  /** This machine, as the network calls it. */
  readonly hostNames?: readonly string[];
  readonly log?: Pick<Logger, 'info' | 'warn'>;
  readonly limits?: Partial<StatusPageLimits>;
  /** Whether an address is this machine's. */
  readonly isOwn?: (address: string) => boolean;
}

export const statusPageLimits = {
  /** Of other machines; this one's own agent always gets in. */
  maxConnections: 40,
  maxConnectionsOfAddress: 10,
  /** Of an address: capture runs in the same program, and must not wait until thousands have been answered. */
  maxRequestsPerSecond: 10,
  maxRequestsAtOnce: 60,
  maxBodyBytes: 256,
  requestTimeoutMs: 5000,
};
export type StatusPageLimits = { readonly [K in keyof typeof statusPageLimits]: number };

const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

const script = 'text/javascript; charset=utf-8';
const json = 'application/json; charset=utf-8';
const pageTypes = new Map([
  ['/', { file: 'kit.html', type: 'text/html; charset=utf-8' }],
  ['/kit.css', { file: 'kit.css', type: 'text/css; charset=utf-8' }],
  ['/kit.js', { file: 'kit.js', type: script }],
  ['/kit-buttons.js', { file: 'kit-buttons.js', type: script }],
]);
const cookieName = 'sala-status';

/** What is answered instead of what was asked for. */
class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, code: string, message: string, hint: string, retryAfterMs?: number) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
    this.retryAfterMs = retryAfterMs;
  }
}

const isLoopback = (address: string) => /^(127\.|::1$|::ffff:127\.)/.test(address);

/** The kit's own page for whoever stands beside it: it shows how the kit is to all, and holds no secret. Its buttons need the PIN. */
export class StatusPage {
  readonly #options: StatusPageOptions;
  readonly #limits: StatusPageLimits;
  readonly #server: Server;
  readonly #guests = new Map<Socket, string>();
  readonly #rate: GuestRate;
  #stopping: Promise<void> | null = null;

  constructor(options: StatusPageOptions) {
    this.#options = options;
    this.#limits = { ...statusPageLimits, ...options.limits };
    const { requestTimeoutMs, maxRequestsPerSecond, maxRequestsAtOnce } = this.#limits;
    this.#rate = new GuestRate({ perSecond: maxRequestsPerSecond, atOnce: maxRequestsAtOnce });
    const take = (request: IncomingMessage, response: ServerResponse) => {
      if (this.#isHurried(request.socket)) request.socket.destroy();
      else this.#serve(request, response).catch(() => response.destroy());
    };
    this.#server = createServer(
      {
        ...{ requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs, keepAliveTimeout: 5000 },
        ...{ maxHeaderSize: 8192, connectionsCheckingInterval: 2000 },
      },
      take,
    );
    // Node answers these by itself, as many as come.
    this.#server.on('checkExpectation', take);
    this.#server.on('connection', (socket) => this.#admit(socket));
  }

  /** @returns the port it listens on. @throws the system's error where the address is taken */
  start(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, this.#options.host, () => {
        this.#server.off('error', reject);
        const address: AddressInfo | string | null = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : this.#options.port);
      });
    });
  }

  stop(): Promise<void> {
    this.#stopping ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    return this.#stopping;
  }

  /** Guests never take the place of this machine's own agent, which asks here whether the device works. */
  #admit(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const { isOwn = isLoopback } = this.#options;
    if (isOwn(address)) return;
    const { maxConnections, maxConnectionsOfAddress } = this.#limits;
    const ofAddress = [...this.#guests.values()].filter((each) => each === address).length;
    if (this.#guests.size >= maxConnections || ofAddress >= maxConnectionsOfAddress) {
      socket.destroy();
      return;
    }
    this.#guests.set(socket, address);
    socket.once('close', () => this.#guests.delete(socket));
  }

  /** Whether a guest asks faster than any page does; also what came along after it was cut off. */
  #isHurried(socket: Socket): boolean {
    const address = this.#guests.get(socket);
    return socket.destroyed || (address !== undefined && !this.#rate.take(addressKey(address)));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (
      status: number,
      type: string,
      body: string | Buffer,
      headers: Readonly<Record<string, string>> = {},
    ) => {
      response.writeHead(status, { ...securityHeaders, 'content-type': type, ...headers });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    try {
      this.#checkHost(request);
      await this.#answer(request, send);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { status, code, message, hint, retryAfterMs } = error;
      const retryAfter = retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) };
      send(status, json, JSON.stringify({ error: { code, message, hint, retryAfterMs } }), {
        ...retryAfter,
        // What was sent with it is not read.
        ...(status === 413 && { connection: 'close' }),
      });
    }
  }

  /** A page of elsewhere whose name turns to this address is another origin to us, but not to its browser. */
  #checkHost({ headers }: IncomingMessage): void {
    const host = (headers.host ?? '').toLowerCase();
    const name = host.replace(/:\d+$/, '');
    const bare = name.replace(/^\[(.*)\]$/, '$1');
    const { hostNames = [] } = this.#options;
    const ours = ['localhost', ...hostNames.flatMap((each) => [each.toLowerCase(), `${each.toLowerCase()}.local`])];
    if (isIP(bare) !== 0 || ours.includes(name)) return;
    throw new Refusal(421, 'host', 'This page is not opened by that name', 'Open it by the kit’s own address or name.');
  }

  async #answer(
    request: IncomingMessage,
    send: (status: number, type: string, body: string | Buffer, headers?: Readonly<Record<string, string>>) => void,
  ): Promise<void> {
    const { pages, status, buttons = null } = this.#options;
    const path = (request.url ?? '/').replace(/\?.*$/s, '');
    const asked = `${request.method === 'HEAD' ? 'GET' : request.method} ${path}`;
    const page = pageTypes.get(path);
    switch (asked) {
      case 'GET /status.json':
        return send(200, json, JSON.stringify(status()));
      case 'GET /healthz':
        return send(200, json, JSON.stringify({ state: status().health.state }));
      case 'GET /session':
        return send(200, json, JSON.stringify(this.#session(request)));
      case 'POST /session':
        return this.#logIn(request, send);
      case 'DELETE /session':
        this.#checkOrigin(request);
        buttons?.door.close(sessionOf(request));
        return send(204, json, '', { 'set-cookie': `${cookieName}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict` });
      case 'POST /identify':
        await this.#agent(request, (agent) => agent.identify());
        return send(204, json, '');
      case 'POST /restart':
        this.#restart(request);
        return send(202, json, JSON.stringify({}));
      case 'GET /diagnostics.txt': {
        const text = await this.#agent(request, (agent) => agent.diagnostics());
        const name = `sala-${(status().kit?.name ?? 'kit').replace(/[^a-z0-9-]/gi, '')}.txt`;
        return send(200, 'text/plain; charset=utf-8', text, {
          'content-disposition': `attachment; filename="${name}"`,
        });
      }
    }
    if (page && asked.startsWith('GET ')) return send(200, page.type, await readFile(new URL(page.file, pages)));
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw new Refusal(405, 'method', 'This page can only be read', 'Use GET.');
    throw new Refusal(404, 'not-found', 'There is no such page', 'Open / instead.');
  }

  /** Which buttons there are, and whether they are open to whoever asks. */
  #session(request: IncomingMessage) {
    const { buttons = null } = this.#options;
    if (!buttons) return { buttons: [], open: false };
    const names = [buttons.agent && 'identify', buttons.agent && 'diagnostics', buttons.restart && 'restart'];
    return { buttons: names.filter((name) => name !== null), open: buttons.door.isOpen(sessionOf(request)) };
  }

  async #logIn(
    request: IncomingMessage,
    send: (status: number, type: string, body: string, headers?: Readonly<Record<string, string>>) => void,
  ): Promise<void> {
    this.#checkOrigin(request);
    const { door } = this.#buttons();
    const pin = pinOf(await bodyOf(request, this.#limits.maxBodyBytes));
    const answer = door.open(request.socket.remoteAddress ?? '', pin);
    if ('session' in answer) {
      this.#options.log?.info({ event: 'status-opened' }, 'The buttons of the status page were opened by the PIN');
      const cookie = `${cookieName}=${answer.session}; Path=/; HttpOnly; SameSite=Strict`;
      return send(204, json, '', { 'set-cookie': cookie });
    }
    const { waitMs } = answer;
    if (waitMs === 0)
      throw new Refusal(401, 'pin-wrong', 'That is not the PIN', 'It stands on the sheet of this room: six digits.');
    throw new Refusal(
      429,
      'pin-wait',
      `Too many wrong PINs: try again in ${Math.ceil(waitMs / 1000)} s`,
      'The right one stands on the sheet of this room. The page itself needs none.',
      waitMs,
    );
  }

  /** Cookies come along with whatever another page makes a browser send; its origin tells. */
  #checkOrigin({ headers, method }: IncomingMessage): void {
    const { origin, host, 'sec-fetch-site': site, 'content-type': type = '' } = headers;
    const isForeign = origin !== undefined && origin !== `http://${host}`;
    const isElsewhere = site !== undefined && site !== 'same-origin' && site !== 'none';
    // A form of another page cannot send JSON.
    if (isForeign || isElsewhere || (method === 'POST' && !/^application\/json\b/.test(type)))
      throw new Refusal(
        403,
        'origin',
        'Only the kit’s own page may do that',
        'Open the kit’s page and use its buttons.',
      );
  }

  #buttons(): StatusButtons {
    const { buttons = null } = this.#options;
    if (buttons) return buttons;
    throw new Refusal(
      404,
      'no-buttons',
      'This page has no buttons',
      'Give the device --status-pin-file, or sala-kit status = true.',
    );
  }

  #checkSession(request: IncomingMessage): StatusButtons {
    if (request.method !== 'GET') this.#checkOrigin(request);
    const buttons = this.#buttons();
    if (buttons.door.isOpen(sessionOf(request))) return buttons;
    throw new Refusal(401, 'pin-needed', 'This needs the PIN', 'It stands on the sheet of this room: six digits.');
  }

  async #agent<T>(request: IncomingMessage, work: (agent: AgentLine) => Promise<T>): Promise<T> {
    const { agent } = this.#checkSession(request);
    try {
      if (agent) return await work(agent);
    } catch (error) {
      this.#options.log?.warn({ reason: messageOf(error) }, 'the agent of this kit does not do it');
    }
    throw new Refusal(
      503,
      'agent',
      'The kit cannot do that at the moment',
      'Try again in a minute; restart the kit if it stays so.',
    );
  }

  #restart(request: IncomingMessage): void {
    const { restart } = this.#checkSession(request);
    if (!restart)
      throw new Refusal(503, 'restart', 'Nobody would start this device again', 'Restart it where it was started.');
    this.#options.log?.info({ event: 'restart-asked' }, 'The device is restarted by a button of its page');
    restart();
  }
}

function sessionOf({ headers }: IncomingMessage): string {
  const cookies = (headers.cookie ?? '').split(';').map((each) => each.trim());
  return cookies.find((each) => each.startsWith(`${cookieName}=`))?.slice(cookieName.length + 1) ?? '';
}

async function bodyOf(request: IncomingMessage, maxBytes: number): Promise<string> {
  // Without a length, or with a larger one, it is not read at all.
  if (!(Number(request.headers['content-length']) <= maxBytes))
    throw new Refusal(413, 'body', 'That is too long', 'A PIN has six digits.');
  let body = '';
  for await (const piece of request) body += String(piece);
  return body;
}

function pinOf(body: string): string {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && 'pin' in value && typeof value.pin === 'string')
      return value.pin.replace(/\s/g, '');
  } catch {
    // Told below.
  }
  throw new Refusal(400, 'body', 'There is no PIN in it', 'Send {"pin": "000000"}.');
}
