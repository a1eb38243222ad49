import WebSocket from 'ws';
import { z } from 'zod';
import { captionsProtocol } from '../relay/protocol.js';

const message = z.discriminatedUnion('type', [
  z.object({ type: z.literal('caption'), text: z.string(), start: z.number() }),
  z.object({ type: z.literal('partial'), text: z.string() }),
  z.object({ type: z.literal('status'), state: z.string(), message: z.string().default('') }),
]);

export interface Terminal {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const clearLine = '\r\x1b[K';
/** Captions come from a relay that is believed, but a terminal obeys control characters. */
const printable = (text: string) => text.replace(/\p{Cc}/gu, ' ');

/** Prints a room's captions as they come: a line each, on a terminal with the words still open below. */
export class CaptionPrinter {
  readonly #url: string;
  readonly #terminal: Terminal;
  #socket: WebSocket | null = null;
  #state = '';

  /** @param base the relay, `http://HOST:PORT` @param room one readable without a token */
  constructor(base: string, room: string, terminal: Terminal) {
    this.#url = `${base.replace(/^http/, 'ws')}/api/rooms/${room}/captions?partial=true`;
    this.#terminal = terminal;
  }

  start(): void {
    const socket = new WebSocket(this.#url, captionsProtocol, { maxPayload: 256 * 1024 });
    this.#socket = socket;
    socket.on('error', (error) => this.#line(`(no captions here: ${error.message}; the page may still have them)`));
    socket.on('message', (data, isBinary) => {
      if (!isBinary) this.#print(String(data));
    });
  }

  stop(): void {
    this.#socket?.terminate();
    if (this.#terminal.isTTY) this.#terminal.write(clearLine);
  }

  #print(text: string): void {
    const parsed = message.safeParse(parseJson(text));
    if (!parsed.success) return;
    const given = parsed.data;
    if (given.type === 'caption')
      this.#line(`${new Date(given.start).toLocaleTimeString('en-GB')}  ${printable(given.text)}`);
    else if (given.type === 'partial') this.#tail(printable(given.text));
    else if (given.state !== this.#state) {
      this.#state = given.state;
      this.#line(`(${printable(given.message || given.state)})`);
    }
  }

  #line(text: string): void {
    this.#terminal.write(`${this.#terminal.isTTY ? clearLine : ''}${text}\n`);
  }

  #tail(text: string): void {
    if (!this.#terminal.isTTY) return;
    const room = (this.#terminal.columns ?? 80) - 12;
    this.#terminal.write(`${clearLine}${text === '' ? '' : `       …  ${text.slice(-room)}`}`);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
