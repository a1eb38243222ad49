import { WebSocket } from 'ws';
import { closeCodes, parseRelayMessage, type RelayMessage, WireError } from '../relay/protocol.js';
import { codeOf, type Explained, messageOf } from '../systemd/errors.ts';
import { type SessionOptions, UplinkSession } from './session.ts';
import { explainFailure } from './uplink-problems.ts';

export interface ConnectionLimits {
  readonly welcomeTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly deadAfterMs: number;
  /** Asked and not answered for this long, a line may be gone. */
  readonly silentAfterMs: number;
  readonly closeTimeoutMs: number;
  /** Streams for which a hello had no room wait at least this long for the next. */
  readonly helloIntervalMs: number;
}

export interface ConnectionClosed {
  readonly code: number;
  readonly refusal: Extract<RelayMessage, { type: 'refused' }> | null;
  /** What was noticed on this side. */
  readonly failure: Explained | null;
  /** How long it was welcome; null where it never was. */
  readonly lastedMs: number | null;
}

export interface ConnectionOptions extends Omit<SessionOptions, 'link' | 'limits'> {
  /** Open. */
  readonly socket: WebSocket;
  readonly limits: ConnectionLimits;
  readonly onWelcome: () => void;
  /** Nothing was heard for `silentAfterMs`; said once, until something is heard again. */
  readonly onSilent: () => void;
  readonly onHeard: () => void;
  readonly onClosed: (closed: ConnectionClosed) => void;
}

/** One open socket to the relay: greets, listens for whether the line lives, ends it where it does not. */
export class Connection {
  readonly session: UplinkSession;
  readonly #socket: WebSocket;
  readonly #options: ConnectionOptions;
  readonly #limits: ConnectionLimits;
  readonly #now: () => number;
  readonly #openedAtMs: number;
  #welcomedAtMs: number | null = null;
  #heardAtMs: number;
  #pingAtMs = Number.NEGATIVE_INFINITY;
  #silent = false;
  #rttMs: number | null = null;
  #beat: NodeJS.Timeout | undefined;
  #refusal: ConnectionClosed['refusal'] = null;
  #failure: Explained | null = null;
  /** Streams were found that this connection's hello did not know. */
  #revived = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.#limits = options.limits;
    this.#now = options.now;
    this.#openedAtMs = this.#heardAtMs = options.now();
    const { audio, device, takeover, delivers, health, now, log, onSettings } = options;
    this.session = new UplinkSession({
      ...{ link: this.#socket, audio, device, takeover, delivers, health, now, log, onSettings },
    });
  }

  get rttMs(): number | null {
    return this.#rttMs;
  }

  /** Says hello and keeps listening. */
  start(): void {
    const socket = this.#socket;
    socket.on('ping', () => this.#heard());
    socket.on('pong', () => {
      this.#heard();
      this.#rttMs = this.#heardAtMs - this.#pingAtMs;
    });
    socket.on('message', (data, isBinary) => {
      this.#heard();
      try {
        if (isBinary) throw new WireError('a relay sends no binary frames', closeCodes.unsupportedData);
        this.#message(parseRelayMessage(String(data)));
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        const hint = 'Update the device and the relay to one version.';
        this.#failure = { code: 'relay-protocol', message: error.message, hint };
        socket.close(error.closeCode, error.message.slice(0, 100));
      }
    });
    socket.on('error', (error) => {
      this.#failure ??= explainFailure(codeOf(error), messageOf(error));
    });
    socket.on('close', (code) => {
      this.#end();
      const lastedMs = this.#welcomedAtMs === null ? null : this.#now() - this.#welcomedAtMs;
      this.#options.onClosed({ code, refusal: this.#refusal, failure: this.#failure, lastedMs });
    });
    this.session.hello();
    this.#beat = setInterval(() => this.#look(), 250);
  }

  /** Its hello knew nothing of some streams; the next beat asks for a new one. */
  revived(): void {
    this.#revived = true;
  }

  /** Leaves the line without a word, and says nothing of it. */
  leave(): void {
    this.#end();
    this.#socket.removeAllListeners();
    this.#socket.on('error', () => {}); // of what was still on its way
    this.#socket.terminate();
  }

  /** Closes with 1001; a relay that does not answer is left after `closeTimeoutMs`. */
  async close(): Promise<void> {
    const socket = this.#socket;
    this.session.end();
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    if (socket.readyState === WebSocket.OPEN) socket.close(1001, 'the device stops');
    const expiry = setTimeout(() => socket.terminate(), this.#limits.closeTimeoutMs);
    await closed;
    clearTimeout(expiry);
  }

  #end(): void {
    clearInterval(this.#beat);
    this.session.end();
  }

  #heard(): void {
    this.#heardAtMs = this.#now();
    if (!this.#silent) return;
    this.#silent = false;
    this.#options.onHeard();
  }

  #message(message: RelayMessage): void {
    if (message.type === 'refused') this.#refusal = message;
    this.session.message(message);
    if (message.type !== 'welcome') return;
    this.#welcomedAtMs = this.#now();
    this.#options.onWelcome();
  }

  #look(): void {
    const { deadAfterMs, welcomeTimeoutMs, silentAfterMs, pingIntervalMs, helloIntervalMs } = this.#limits;
    const at = this.#now();
    const quietMs = at - this.#heardAtMs;
    if (quietMs > deadAfterMs) {
      this.#giveUp('nothing was heard');
      return;
    }
    if (this.#welcomedAtMs === null && at - this.#openedAtMs > welcomeTimeoutMs) {
      this.#giveUp('the relay did not answer the greeting');
      return;
    }
    // Where something is said all the time, quiet is worth a question of its own.
    const isAsked = this.#pingAtMs > this.#heardAtMs;
    if (at - this.#pingAtMs >= pingIntervalMs || (quietMs > silentAfterMs / 2 && !isAsked)) {
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping();
      this.#pingAtMs = at;
    } else if (quietMs > silentAfterMs && !this.#silent) {
      this.#silent = true;
      this.#options.onSilent();
    } else if (this.#isHelloDue(at, helloIntervalMs)) this.#socket.close(1001, 'more streams to report');
  }

  #isHelloDue(at: number, intervalMs: number): boolean {
    if (this.#welcomedAtMs === null) return false;
    return (this.#revived || at - this.#welcomedAtMs > intervalMs) && this.session.wantsNewHello;
  }

  #giveUp(reason: string): void {
    this.#failure = explainFailure('ETIMEDOUT', reason);
    this.#socket.terminate();
  }
}
