import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { audioProtocol, limits } from '../relay/protocol.js';
import { codeOf, messageOf } from '../systemd/errors.ts';
import { Names } from './names.ts';
import { type ConnectionEnd, explainNoAnswer, explainStatus } from './uplink-problems.ts';

export interface DialLimits {
  readonly handshakeTimeoutMs: number;
  /** Attempts under way at once. */
  readonly maxAttempts: number;
  readonly maxErrorBytes: number;
}

export interface DialOptions {
  readonly url: string;
  readonly room: string;
  readonly limits: DialLimits;
  readonly onOpen: (socket: WebSocket) => void;
  /** One attempt is over; others may be under way. */
  readonly onFailed: (end: ConnectionEnd) => void;
}

/**
 * Attempts to connect, several at once where one hangs: on a line that came back a packet lost before waits for TCP to send
 * it again, seconds later, while a new attempt opens at once. The first that opens wins, the others are dropped.
 */
export class Dial {
  readonly #options: DialOptions;
  readonly #names = new Names();
  /** Oldest first. */
  #attempts: WebSocket[] = [];

  constructor(options: DialOptions) {
    this.#options = options;
  }

  /** Begins an attempt. Of too many the youngest makes way, so that a line with seconds of delay has its full time. */
  attempt(token: string): void {
    const { url, limits: own } = this.#options;
    if (this.#attempts.length >= own.maxAttempts) this.#drop(this.#attempts.pop());
    const socket = new WebSocket(url, [audioProtocol], {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
      lookup: this.#names.lookup,
      handshakeTimeout: own.handshakeTimeoutMs,
      maxPayload: limits.maxTextBytes,
    });
    this.#attempts.push(socket);
    let end: ConnectionEnd | null = null;
    socket.once('open', () => {
      socket.removeAllListeners();
      this.#attempts = this.#attempts.filter((each) => each !== socket);
      this.drop();
      this.#options.onOpen(socket);
    });
    socket.on('unexpected-response', (request, response) => {
      this.#readRefusal(response).then(
        (text) => {
          const { statusCode = 0, headers } = response;
          end = explainStatus(statusCode, headers['retry-after'], text, this.#options.room);
          request.destroy();
          socket.terminate();
        },
        () => socket.terminate(),
      );
    });
    socket.on('error', (error) => {
      end ??= explainNoAnswer(codeOf(error), messageOf(error));
    });
    socket.on('close', () => {
      this.#attempts = this.#attempts.filter((each) => each !== socket);
      this.#options.onFailed(end ?? explainNoAnswer('', 'the connection was closed'));
    });
  }

  /** Gives up all that is under way; nothing is said of it. */
  drop(): void {
    for (const socket of this.#attempts.splice(0)) this.#drop(socket);
  }

  #drop(socket: WebSocket | undefined): void {
    socket?.removeAllListeners();
    socket?.on('error', () => {}); // of the handshake that is broken off here
    socket?.terminate();
  }

  async #readRefusal(response: IncomingMessage): Promise<string> {
    let text = '';
    for await (const part of response) {
      text += String(part);
      if (text.length > this.#options.limits.maxErrorBytes) break;
    }
    return text;
  }
}
