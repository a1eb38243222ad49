import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import {
  audioProtocol,
  closeCodes,
  limits,
  parseRelayMessage,
  type RelayMessage,
  type RoomSettingsForDevice,
  WireError,
} from '../relay/protocol.js';
import { codeOf, type Explained, messageOf } from '../systemd/errors.ts';
import type { AudioBuffer, BufferListener } from './buffer.ts';
import { RetrySchedule } from './retry.ts';
import { type SessionOptions, UplinkSession } from './session.ts';
import { explainClose, explainFailure, explainStatus, tokenRetryMs, tokenUnreadable } from './uplink-problems.ts';

export interface UplinkWaits {
  readonly handshakeTimeoutMs: number;
  readonly welcomeTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly deadAfterMs: number;
  /** A relay that names a longer wait is asked again after this. */
  readonly maxRetryMs: number;
  readonly closeTimeoutMs: number;
  /** Streams for which a hello had no room wait at least this long for the next. */
  readonly helloIntervalMs: number;
  readonly maxErrorBytes: number;
}

export const uplinkDefaults: UplinkWaits = {
  handshakeTimeoutMs: 10_000,
  welcomeTimeoutMs: 10_000,
  pingIntervalMs: limits.pingIntervalMs,
  deadAfterMs: limits.deadAfterMs,
  maxRetryMs: 300_000,
  closeTimeoutMs: 1000,
  helloIntervalMs: 10_000,
  maxErrorBytes: 8192,
};

export type UplinkState = 'connecting' | 'connected' | 'waiting' | 'other-source' | 'refused' | 'stopped';

export interface UplinkHealth {
  readonly state: UplinkState;
  /** What a person should know about it; null where all is well or nothing is known yet. */
  readonly problem: Explained | null;
  readonly rttMs: number | null;
  /** Connections made, less the first. */
  readonly reconnects: number;
  readonly settings: RoomSettingsForDevice;
}

export interface UplinkOptions extends Pick<SessionOptions, 'device' | 'health' | 'now' | 'log'> {
  /** ws:// or wss://, without the path of the door. */
  readonly relay: string;
  readonly room: string;
  /** Read anew for each attempt, so that a replaced file is noticed. @throws where it cannot be read */
  readonly token: () => string;
  readonly buffer: AudioBuffer;
  readonly random: () => number;
  /** Something worth telling at once. */
  readonly onChange: () => void;
  readonly waits?: Partial<UplinkWaits>;
}

/** Where the door for a room's audio is. */
export function audioUrl(relay: string, room: string): string {
  return `${relay.replace(/\/+$/, '')}/api/rooms/${room}/audio`;
}

/** Keeps one connection to the relay, for ever: connects, notices a dead line, waits as long as the cause asks for. */
export class Uplink implements BufferListener {
  readonly #options: UplinkOptions;
  readonly #waits: UplinkWaits;
  readonly #retry: RetrySchedule;
  #socket: WebSocket | null = null;
  #session: UplinkSession | null = null;
  #timer: NodeJS.Timeout | undefined;
  #beat: NodeJS.Timeout | undefined;
  #state: UplinkState = 'connecting';
  #problem: Explained | null = null;
  #rttMs: number | null = null;
  #connections = 0;
  #settings: RoomSettingsForDevice = {};
  /** Another source took the room: only ask, do not push it out. */
  #displaced = false;
  /** Streams were found that the running connection's hello did not know. */
  #revived = false;
  #refusal: Extract<RelayMessage, { type: 'refused' }> | null = null;
  #stopping: Promise<void> | null = null;

  constructor(options: UplinkOptions) {
    this.#options = options;
    this.#waits = { ...uplinkDefaults, ...options.waits };
    this.#retry = new RetrySchedule({ random: options.random });
  }

  start(): void {
    this.#connect();
  }

  /** Closes with 1001; a relay that does not answer is left after `closeTimeoutMs`. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#session?.end();
    if (socket && socket.readyState !== WebSocket.CLOSED) {
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      if (socket.readyState === WebSocket.OPEN) socket.close(1001, 'the device stops');
      else socket.terminate();
      const expiry = setTimeout(() => socket.terminate(), this.#waits.closeTimeoutMs);
      await closed;
      clearTimeout(expiry);
    }
    clearInterval(this.#beat);
    this.#set('stopped', null);
  }

  health(): UplinkHealth {
    return {
      state: this.#state,
      problem: this.#problem,
      rttMs: this.#rttMs,
      reconnects: Math.max(0, this.#connections - 1),
      settings: this.#settings,
    };
  }

  /** Tells the relay how the device is, where it listens. */
  report(): void {
    this.#session?.health(this.#options.health());
  }

  // ---------------------------------------------------------------------------------------------- from the buffer

  started: BufferListener['started'] = (stream) => this.#session?.started(stream);
  frame: BufferListener['frame'] = (stream, position, audio) => this.#session?.frame(stream, position, audio);
  ended: BufferListener['ended'] = (stream) => this.#session?.ended(stream);
  hole: BufferListener['hole'] = (stream, hole) => this.#session?.hole(stream, hole);
  anchor: BufferListener['anchor'] = (stream, anchor) => this.#session?.anchor(stream, anchor);
  /** The running connection's hello knew nothing of them; the next beat asks for a new one. */
  revived: BufferListener['revived'] = () => {
    this.#revived = true;
  };

  // ----------------------------------------------------------------------------------------------- the connection

  #connect(): void {
    if (this.#stopping !== null) return;
    let token: string;
    try {
      token = this.#options.token();
    } catch (error) {
      this.#wait(tokenRetryMs, 'refused', tokenUnreadable(messageOf(error)));
      return;
    }
    const socket = new WebSocket(audioUrl(this.#options.relay, this.#options.room), [audioProtocol], {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
      handshakeTimeout: this.#waits.handshakeTimeoutMs,
      maxPayload: limits.maxTextBytes,
    });
    this.#socket = socket;
    this.#refusal = null;
    this.#rttMs = null;
    const openedAtMs = { hello: Number.POSITIVE_INFINITY, welcome: Number.POSITIVE_INFINITY };
    let heardAtMs = 0;
    let pingAtMs = 0;
    let answered: { delayMs: number | null; state: UplinkState; problem: Explained } | null = null;
    let failure: Explained | null = null;
    const now = this.#options.now;

    socket.on('open', () => {
      openedAtMs.hello = now();
      heardAtMs = now();
      this.#session = new UplinkSession({
        link: socket,
        audio: this.#options.buffer,
        device: this.#options.device,
        takeover: !this.#displaced,
        health: this.#options.health,
        now,
        log: this.#options.log,
        onSettings: (settings) => {
          this.#settings = settings;
          this.#options.onChange();
        },
      });
      this.#revived = false;
      this.#session.hello();
      this.#beat = setInterval(beat, 250);
    });
    const beat = () => {
      const at = now();
      if (at - heardAtMs > this.#waits.deadAfterMs) {
        failure = explainFailure('ETIMEDOUT', 'nothing was heard');
        socket.terminate();
      } else if (!this.#session?.welcomed && at - openedAtMs.hello > this.#waits.welcomeTimeoutMs) {
        failure = explainFailure('ETIMEDOUT', 'the relay did not answer the greeting');
        socket.terminate();
      } else if (at - pingAtMs >= this.#waits.pingIntervalMs && socket.readyState === WebSocket.OPEN) {
        pingAtMs = at;
        socket.ping();
      } else if (
        (this.#revived || at - openedAtMs.welcome > this.#waits.helloIntervalMs) &&
        this.#session?.wantsNewHello
      ) {
        socket.close(1001, 'more streams to report');
      }
    };
    socket.on('ping', () => {
      heardAtMs = now();
    });
    socket.on('pong', () => {
      heardAtMs = now();
      this.#rttMs = heardAtMs - pingAtMs;
    });
    socket.on('message', (data, isBinary) => {
      heardAtMs = now();
      try {
        if (isBinary) throw new WireError('a relay sends no binary frames', closeCodes.unsupportedData);
        const message = parseRelayMessage(String(data));
        if (message.type === 'refused') this.#refusal = message;
        this.#session?.message(message);
        if (message.type !== 'welcome') return;
        openedAtMs.welcome = now();
        this.#displaced = false;
        this.#connections++;
        this.#set('connected', null);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        failure = {
          code: 'relay-protocol',
          message: error.message,
          hint: 'Update the device and the relay to one version.',
        };
        socket.close(error.closeCode, error.message.slice(0, 100));
      }
    });
    socket.on('unexpected-response', (request, response) => {
      this.#readRefusal(response).then(
        (text) => {
          answered = explainStatus(response.statusCode ?? 0, response.headers['retry-after'], text, this.#options.room);
          request.destroy();
          socket.terminate();
        },
        () => socket.terminate(),
      );
    });
    socket.on('error', (error) => {
      failure ??= explainFailure(codeOf(error), messageOf(error));
    });
    socket.on('close', (code) => {
      clearInterval(this.#beat);
      this.#session?.end();
      this.#session = null;
      this.#socket = null;
      if (this.#stopping !== null) return;
      this.#retry.ended(now() - openedAtMs.welcome);
      const end = answered ?? explainClose(code, this.#refusal, failure, this.#options.room);
      // One that had nothing to send yet was not pushed out by anybody: it takes over once it has.
      if (end.state === 'other-source') this.#displaced = this.#options.buffer.offered().some(({ ended }) => !ended);
      this.#wait(this.#delay(code, end.delayMs), end.state, end.problem);
    });
  }

  #delay(code: number, asked: number | null): number {
    const { random } = this.#options;
    if (asked !== null) return Math.min(this.#waits.maxRetryMs, Math.max(250, asked)) + random() * 250;
    if (code === closeCodes.restart) return 500 + random() * 1500;
    return this.#retry.next();
  }

  #wait(ms: number, state: UplinkState, problem: Explained | null): void {
    this.#set(state, problem);
    this.#timer = setTimeout(() => this.#connect(), ms);
  }

  /** Says a change once; the same trouble again is only for whoever debugs. */
  #set(state: UplinkState, problem: Explained | null): void {
    const changed = state !== this.#state || problem?.code !== this.#problem?.code;
    const { log } = this.#options;
    const fields = problem ? { state, code: problem.code, reason: problem.message } : { state };
    if (!changed) log.debug(fields, 'uplink');
    else if (problem) log.warn(fields, 'uplink');
    else log.info(fields, 'uplink');
    this.#state = state;
    this.#problem = problem;
    if (changed) this.#options.onChange();
  }

  async #readRefusal(response: IncomingMessage): Promise<string> {
    let text = '';
    for await (const part of response) {
      text += String(part);
      if (text.length > this.#waits.maxErrorBytes) break;
    }
    return text;
  }
}
