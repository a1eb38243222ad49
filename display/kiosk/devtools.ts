import type { Readable, Writable } from 'node:stream';
import { SalaError } from '../../systemd/errors.ts';

type Parameters = Readonly<Record<string, unknown>>;

/** What the browser says by itself. */
export interface DevToolsEvent {
  readonly method: string;
  /** Of a page; absent: of the browser itself. */
  readonly sessionId?: string;
  readonly params: Parameters;
}

export interface DevToolsOptions {
  /** Of one message; a page that makes it larger is cut off with all of its browser. */
  readonly maxMessageBytes?: number;
  /** Commands that wait for their answer. */
  readonly maxPending?: number;
}

interface Pending {
  readonly resolve: (result: Parameters) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

const failure = (message: string, code: string) =>
  new SalaError(message, { code, hint: 'Nothing to do: the browser is started again by itself.' });

const isObject = (value: unknown): value is Parameters =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The DevTools protocol over two pipes (`--remote-debugging-pipe`): JSON messages that end with a zero byte. Nothing
 * listens on any port, so that no page and no neighbour can reach it.
 */
export class DevTools {
  readonly #to: Writable;
  readonly #pending = new Map<number, Pending>();
  readonly #maxMessageBytes: number;
  readonly #maxPending: number;
  #parts: Buffer[] = [];
  #bytes = 0;
  #id = 0;
  #closed: Error | null = null;
  /** Called with each event; throws nothing. */
  onEvent: (event: DevToolsEvent) => void = () => undefined;
  /** Called once, when the pipe has ended. */
  onClosed: (why: string) => void = () => undefined;

  constructor(to: Writable, from: Readable, { maxMessageBytes = 16e6, maxPending = 64 }: DevToolsOptions = {}) {
    this.#to = to;
    this.#maxMessageBytes = maxMessageBytes;
    this.#maxPending = maxPending;
    from.on('data', (data: Buffer) => this.#take(data));
    from.on('close', () => this.#close('the pipe to the browser was closed'));
    for (const stream of [to, from]) stream.on('error', ({ message }) => this.#close(message));
  }

  /**
   * @param sessionId of a page; absent: the browser itself
   * @throws {SalaError} `devtools-refused`, `devtools-timeout`, `devtools-closed`
   */
  send(method: string, params: Parameters, timeoutMs: number, sessionId?: string): Promise<Parameters> {
    if (this.#closed) return Promise.reject(this.#closed);
    if (this.#pending.size >= this.#maxPending)
      return Promise.reject(failure(`${method}: too many commands wait`, 'devtools-timeout'));
    const id = ++this.#id;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(failure(`${method}: no answer within ${timeoutMs} ms`, 'devtools-timeout'));
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#to.write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}\0`);
    });
  }

  /** Ends it from this side; commands that wait are refused. */
  close(): void {
    this.#close('the browser was ended');
  }

  #take(data: Buffer): void {
    let from = 0;
    for (let end = data.indexOf(0); end !== -1; end = data.indexOf(0, from)) {
      this.#parts.push(data.subarray(from, end));
      const text = Buffer.concat(this.#parts).toString('utf8');
      this.#parts = [];
      this.#bytes = 0;
      from = end + 1;
      this.#receive(text);
    }
    this.#parts.push(data.subarray(from));
    this.#bytes += data.length - from;
    if (this.#bytes > this.#maxMessageBytes) this.#close('a message of the browser is too large');
  }

  #receive(text: string): void {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      this.#close('the browser does not speak its protocol');
      return;
    }
    if (!isObject(message)) return;
    const { id, method, sessionId, params, result, error } = message;
    if (typeof method === 'string')
      this.onEvent({
        method,
        params: isObject(params) ? params : {},
        ...(typeof sessionId === 'string' && { sessionId }),
      });
    if (typeof id !== 'number') return;
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (isObject(error)) pending.reject(failure(`the browser refused: ${String(error.message)}`, 'devtools-refused'));
    else pending.resolve(isObject(result) ? result : {});
  }

  #close(why: string): void {
    if (this.#closed) return;
    this.#closed = failure(why, 'devtools-closed');
    this.#parts = [];
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(this.#closed);
    }
    this.#pending.clear();
    this.#to.destroy();
    this.onClosed(why);
  }
}
