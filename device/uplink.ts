import type { WebSocket } from 'ws';
import { closeCodes, limits, type RoomSettingsForDevice } from '../relay/protocol.js';
import { type Explained, messageOf, SalaError } from '../systemd/errors.ts';
import type { HeldAudio } from './buffer.ts';
import type { BufferListener } from './buffer-options.ts';
import { Connection, type ConnectionClosed, type ConnectionLimits } from './connection.ts';
import { Dial, type DialLimits } from './dial.ts';
import { RetrySchedule } from './retry.ts';
import type { SessionOptions } from './session.ts';
import {
  type ConnectionEnd,
  explainClose,
  explainMoved,
  kitElsewhereCode,
  noKeyRetryMs,
  tokenRetryMs,
  tokenUnreadable,
} from './uplink-problems.ts';

export interface UplinkWaits extends DialLimits, ConnectionLimits {
  /** An attempt that hangs for this long, and up to a quarter more, is overtaken by another. */
  readonly overtakeAfterMs: number;
  /** Between attempts that nobody answers. Words are to be on the page 3 s after the line is back. */
  readonly maxUnansweredRetryMs: number;
  /** A relay that names a longer wait is asked again after this. */
  readonly maxRetryMs: number;
}

export const uplinkDefaults: UplinkWaits = {
  handshakeTimeoutMs: 10_000,
  maxAttempts: 3,
  overtakeAfterMs: 1000,
  maxUnansweredRetryMs: 1200,
  welcomeTimeoutMs: 10_000,
  pingIntervalMs: limits.pingIntervalMs,
  silentAfterMs: 3000,
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
  readonly audio: HeldAudio;
  /** Only hands in what was captured for the room while the kit served it. */
  readonly delivers?: boolean;
  /** The kit has a key of its own, and hears of another room by another way: a relay that sends it away is asked again soon. */
  readonly isKit?: boolean;
  readonly random: () => number;
  /** Something worth telling at once. */
  readonly onChange: () => void;
  readonly waits?: Partial<UplinkWaits>;
}

/** Where the door for a room's audio is. */
export function audioUrl(relay: string, room: string): string {
  return `${relay.replace(/\/+$/, '')}/api/rooms/${room}/audio`;
}

/** Keeps one connection to the relay, for ever: connects, leaves a dead line, waits as long as the cause asks for. */
export class Uplink implements BufferListener {
  readonly #options: UplinkOptions;
  readonly #waits: UplinkWaits;
  readonly #dial: Dial;
  /** For a relay that answers and does not take us; and for nobody at all. */
  readonly #retry: RetrySchedule;
  readonly #retryUnanswered: RetrySchedule;
  #connection: Connection | null = null;
  #timer: NodeJS.Timeout | undefined;
  #state: UplinkState = 'connecting';
  #problem: Explained | null = null;
  #connections = 0;
  #settings: RoomSettingsForDevice = {};
  /** Another source took the room: only ask, do not push it out. */
  #displaced = false;
  #stopping: Promise<void> | null = null;

  constructor(options: UplinkOptions) {
    const { relay, room, random } = options;
    this.#options = options;
    this.#waits = { ...uplinkDefaults, ...options.waits };
    this.#retry = new RetrySchedule({ random });
    this.#retryUnanswered = new RetrySchedule({ random, maxMs: this.#waits.maxUnansweredRetryMs });
    this.#dial = new Dial({
      url: audioUrl(relay, room),
      room,
      limits: this.#waits,
      onOpen: (socket) => this.#opened(socket),
      onFailed: (end) => this.#failed(end),
    });
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
    this.#dial.drop();
    await this.#connection?.close();
    this.#set('stopped', null);
  }

  health(): UplinkHealth {
    return {
      state: this.#state,
      problem: this.#problem,
      rttMs: this.#connection?.rttMs ?? null,
      reconnects: Math.max(0, this.#connections - 1),
      settings: this.#settings,
    };
  }

  /** Tells the relay how the device is, where it listens. */
  report(): void {
    this.#connection?.session.health(this.#options.health());
  }

  // ---------------------------------------------------------------------------------------------- from the buffer

  started: BufferListener['started'] = (stream) => this.#connection?.session.started(stream);
  frame: BufferListener['frame'] = (stream, position, audio) =>
    this.#connection?.session.frame(stream, position, audio);
  ended: BufferListener['ended'] = (stream) => this.#connection?.session.ended(stream);
  hole: BufferListener['hole'] = (stream, hole) => this.#connection?.session.hole(stream, hole);
  anchor: BufferListener['anchor'] = (stream, anchor) => this.#connection?.session.anchor(stream, anchor);
  revived: BufferListener['revived'] = () => this.#connection?.revived();

  // ----------------------------------------------------------------------------------------------- the connection

  /** Begins an attempt, and another where it hangs. */
  #connect(): void {
    if (this.#stopping !== null) return;
    const { token, random } = this.#options;
    let read: string;
    try {
      read = token();
    } catch (error) {
      if (this.#connection) return;
      if (error instanceof SalaError) this.#wait(noKeyRetryMs, 'refused', error);
      else this.#wait(tokenRetryMs, 'refused', tokenUnreadable(messageOf(error)));
      return;
    }
    this.#dial.attempt(read);
    this.#connectAfter(this.#waits.overtakeAfterMs * (1 + random() / 4));
  }

  #connectAfter(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), ms);
  }

  #stopConnecting(): void {
    clearTimeout(this.#timer);
    this.#dial.drop();
  }

  #opened(socket: WebSocket): void {
    clearTimeout(this.#timer);
    const { audio, delivers = false, device, health, now, log } = this.#options;
    if (this.#connection) log.info('a line on which nothing was heard is left for another one');
    this.#connection?.leave();
    this.#connection = new Connection({
      ...{ socket, audio, delivers, device, health, now, log, takeover: !this.#displaced, limits: this.#waits },
      onSettings: (settings) => {
        this.#settings = settings;
        this.#options.onChange();
      },
      onWelcome: () => {
        this.#displaced = false;
        this.#connections++;
        this.#set('connected', null);
      },
      // Were the line back, its TCP would try again only after as long as it was gone: another is there sooner.
      onSilent: () => this.#connect(),
      onHeard: () => this.#stopConnecting(),
      onClosed: (closed) => this.#closed(closed),
    });
    this.#connection.start();
  }

  #failed(failure: ConnectionEnd): void {
    const end = this.#options.isKit && failure.problem?.code === kitElsewhereCode ? explainMoved : failure;
    if (!end.unanswered) this.#stopConnecting();
    if (!this.#connection) this.#wait(this.#delay(null, end), end.state, end.problem);
    else if (end.unanswered) this.#connectAfter(this.#retryUnanswered.next());
  }

  #closed({ code, refusal, failure, lastedMs }: ConnectionClosed): void {
    this.#connection = null;
    if (this.#stopping !== null) return;
    this.#retry.ended(lastedMs ?? 0);
    this.#retryUnanswered.ended(lastedMs ?? 0);
    const isMoved = this.#options.isKit && code === closeCodes.forbidden;
    const end = isMoved ? explainMoved : explainClose(code, refusal, failure, this.#options.room);
    // One that had nothing to send yet was not pushed out by anybody: it takes over once it has.
    if (end.state === 'other-source') this.#displaced = refusal?.code !== 'no-audio-yet';
    if (!end.unanswered) this.#dial.drop();
    this.#wait(this.#delay(code, { ...end, unanswered: end.unanswered && lastedMs !== null }), end.state, end.problem);
  }

  #delay(code: number | null, { delayMs, unanswered }: ConnectionEnd): number {
    const { random } = this.#options;
    if (delayMs !== null) return Math.min(this.#waits.maxRetryMs, Math.max(250, delayMs)) + random() * 250;
    if (code === closeCodes.restart) return 500 + random() * 1500;
    return (unanswered ? this.#retryUnanswered : this.#retry).next();
  }

  #wait(ms: number, state: UplinkState, problem: Explained | null): void {
    this.#set(state, problem);
    this.#connectAfter(ms);
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
}
