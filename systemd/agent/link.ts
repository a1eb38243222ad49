import { WebSocket } from 'ws';
import { RetrySchedule } from '../../device/retry.ts';
import {
  type KitAssignment,
  type KitHealth,
  type KitMessage,
  type KitRelayMessage,
  type KitUpdate,
  kitLimits,
  kitProtocol,
  parseKitRelayMessage,
} from '../../relay/kit-protocol.ts';
import { closeCodes, WireError } from '../../relay/protocol.js';
import type { Explained } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { OfferedRelease } from './parts.ts';
import { explainFailure, keyInUse, keyRefused, networkLogin, relayTooOld, relayUnavailable } from './problems.ts';

export interface LinkListener {
  /** The relay answers. @param at room time */
  welcome(at: number): void;
  assigned(assignment: KitAssignment): void;
  /** null: none is offered any more. */
  release(release: OfferedRelease | null): void;
  idle(isIdle: boolean): void;
  identify(): void;
  /** `problem` or `connected` changed. */
  changed(): void;
}

export interface LinkOptions {
  /** `wss://HOST` or `ws://HOST:PORT`. */
  readonly relay: string;
  readonly version: string;
  readonly bootId: string;
  readonly health: () => KitHealth;
  readonly hasNetwork: () => boolean;
  readonly random: () => number;
  readonly log: Logger;
  readonly listener: LinkListener;
  readonly limits?: Partial<LinkLimits>;
}

export interface LinkLimits {
  readonly handshakeTimeoutMs: number;
  readonly pingIntervalMs: number;
  /** A line on which nothing is heard for so long is cut. */
  readonly deadAfterMs: number;
  readonly maxRetryMs: number;
  /** For a key that the relay does not accept: it may have been restored from its backup. */
  readonly refusedRetryMs: number;
  /** For a key that another machine has. */
  readonly inUseRetryMs: number;
  readonly closeTimeoutMs: number;
}

export const linkDefaults: LinkLimits = {
  handshakeTimeoutMs: 10_000,
  pingIntervalMs: 5000,
  deadAfterMs: 20_000,
  maxRetryMs: 10_000,
  refusedRetryMs: 60_000,
  inUseRetryMs: 30_000,
  closeTimeoutMs: 1000,
};

/** The line on which the relay tells the kit its room and its releases: kept for ever, with whichever key it is given. */
export class KitLink {
  readonly #options: LinkOptions;
  readonly #limits: LinkLimits;
  readonly #retry: RetrySchedule;
  #key: string | null = null;
  #socket: WebSocket | null = null;
  #timer: NodeJS.Timeout | undefined;
  #beat: NodeJS.Timeout | undefined;
  #welcomedAtMs: number | null = null;
  #heardAtMs = 0;
  #healthAtMs = 0;
  #problem: Explained | null = null;
  #stopped = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#limits = { ...linkDefaults, ...options.limits };
    this.#retry = new RetrySchedule({ minMs: 500, maxMs: this.#limits.maxRetryMs, random: options.random });
  }

  /** The relay said welcome, and the line lives. */
  get connected(): boolean {
    return this.#welcomedAtMs !== null;
  }

  get problem(): Explained | null {
    return this.#problem;
  }

  /** Connects with this key from now on; the same one again does nothing. */
  use(key: string): void {
    if (this.#stopped || key === this.#key) return;
    this.#key = key;
    this.#problem = null;
    this.#drop();
    this.#connect();
  }

  /** Tells the relay how the kit is, now and not only with the next beat. */
  tell(): void {
    if (!this.connected) return;
    this.#healthAtMs = performance.now();
    this.#say({ type: 'health', health: this.#options.health() });
  }

  updated(update: KitUpdate): void {
    if (this.connected) this.#say({ type: 'update', ...update });
  }

  /** Closes with 1001; a relay that does not answer is left. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    if (!socket || socket.readyState === WebSocket.CLOSED) return;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    if (socket.readyState === WebSocket.OPEN) socket.close(1001, 'the kit stops');
    else socket.terminate();
    const expiry = setTimeout(() => socket.terminate(), this.#limits.closeTimeoutMs);
    await closed;
    clearTimeout(expiry);
  }

  #connect(): void {
    clearTimeout(this.#timer);
    const key = this.#key;
    if (this.#stopped || key === null) return;
    const socket = new WebSocket(`${this.#options.relay}/api/kit`, [kitProtocol], {
      headers: { authorization: `Bearer ${key}` },
      perMessageDeflate: false,
      handshakeTimeout: this.#limits.handshakeTimeoutMs,
      maxPayload: kitLimits.maxTextBytes,
    });
    this.#socket = socket;
    let problem: Explained | null = null;
    let refusedStatus: number | null = null;
    socket.on('open', () => this.#opened(socket));
    socket.on('message', (data, isBinary) => this.#message(isBinary ? null : String(data)));
    socket.on('ping', () => this.#heard());
    socket.on('pong', () => this.#heard());
    socket.on('unexpected-response', (request, { statusCode = 0 }) => {
      refusedStatus = statusCode;
      problem = explainStatus(statusCode);
      request.destroy();
      socket.terminate();
    });
    socket.on('error', (error) => {
      problem ??= explainFailure(error, this.#options.hasNetwork());
    });
    socket.on('close', (code) => this.#closed(refusedStatus ?? code, problem));
  }

  #opened(socket: WebSocket): void {
    this.#heard();
    const { version, bootId, health } = this.#options;
    this.#healthAtMs = performance.now();
    this.#say({ type: 'hello', version, bootId, health: health() });
    let pingAtMs = performance.now();
    clearInterval(this.#beat);
    this.#beat = setInterval(() => {
      const now = performance.now();
      if (now - this.#heardAtMs > this.#limits.deadAfterMs) socket.terminate();
      else if (now - pingAtMs >= this.#limits.pingIntervalMs && socket.readyState === WebSocket.OPEN) {
        pingAtMs = now;
        socket.ping();
      }
      if (now - this.#healthAtMs >= kitLimits.healthIntervalMs) this.tell();
    }, 1000);
  }

  #heard(): void {
    this.#heardAtMs = performance.now();
  }

  #message(text: string | null): void {
    this.#heard();
    let message: KitRelayMessage;
    try {
      if (text === null) throw new WireError('a relay sends no binary frames');
      message = parseKitRelayMessage(text);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      // A newer relay may say more than this kit understands.
      this.#options.log.debug({ reason: error.message }, 'a message was passed over');
      return;
    }
    const { listener } = this.#options;
    if (message.type === 'welcome') {
      this.#welcomedAtMs = performance.now();
      this.#set(null);
      listener.welcome(message.at);
      if (message.assignment) listener.assigned(message.assignment);
      listener.idle(message.idle);
    } else if (message.type === 'assignment') listener.assigned({ room: message.room, title: message.title });
    else if (message.type === 'identify') listener.identify();
    else if (message.type === 'withdrawn') listener.release(null);
    else {
      const { type: _, idle, ...release } = message;
      listener.release(release);
      listener.idle(idle);
    }
  }

  #closed(code: number, failure: Explained | null): void {
    clearInterval(this.#beat);
    this.#socket = null;
    const lastedMs = this.#welcomedAtMs === null ? 0 : performance.now() - this.#welcomedAtMs;
    this.#welcomedAtMs = null;
    this.#retry.ended(lastedMs);
    if (this.#stopped) return;
    const { refusedRetryMs, inUseRetryMs } = this.#limits;
    const isRefused = [401, 403, closeCodes.unauthorized, closeCodes.forbidden].includes(code);
    const isInUse = code === closeCodes.otherSource;
    const { random, hasNetwork } = this.#options;
    if (isRefused) this.#wait(refusedRetryMs + random() * 1000, keyRefused);
    else if (isInUse) this.#wait(inUseRetryMs + random() * 1000, keyInUse);
    else if (code === closeCodes.restart) this.#wait(500 + random() * 1500, null);
    else this.#wait(this.#retry.next(), failure ?? explainFailure(new Error('the line broke'), hasNetwork()));
  }

  #wait(ms: number, problem: Explained | null): void {
    this.#set(problem);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), ms);
  }

  #drop(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#beat);
    const socket = this.#socket;
    this.#socket = null;
    this.#welcomedAtMs = null;
    if (!socket) return;
    socket.removeAllListeners();
    socket.on('error', () => {}); // of what was still on its way
    socket.terminate();
  }

  #say(message: KitMessage): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Says a change once. */
  #set(problem: Explained | null): void {
    const { log, listener } = this.#options;
    if (problem && problem.code !== this.#problem?.code)
      log.warn({ code: problem.code, reason: problem.message }, 'the line to the relay');
    else if (!problem && this.connected) log.info({ event: 'connected' }, 'The relay answers');
    this.#problem = problem;
    listener.changed();
  }
}

function explainStatus(status: number): Explained {
  if (status === 401 || status === 403) return keyRefused;
  if (status === 404) return relayTooOld;
  return status < 400 ? networkLogin(status) : relayUnavailable(status);
}
