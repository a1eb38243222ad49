import { chmod, chown, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';

export interface AgentDoorOptions {
  /** Path of the socket. */
  readonly socket: string;
  /** Who alone may open it, besides root: a user of this machine. */
  readonly user: string;
  readonly passwd?: string;
  readonly identify: () => void;
  readonly diagnostics: () => Promise<string>;
  readonly log: Pick<Logger, 'warn' | 'info'>;
}

/** What is asked for at the most in a minute. */
const maxPerMinute = 10;

/**
 * Where the device asks the agent for what only root may do: to blink the light, and to make a bundle of diagnostics. Nothing
 * can be said with it but these two words, so that a device that was broken into gains nothing by it.
 */
export class AgentDoor {
  readonly #options: AgentDoorOptions;
  readonly #server: Server;
  #asked: number[] = [];
  #making = false;
  #stopping: Promise<void> | null = null;

  constructor(options: AgentDoorOptions) {
    this.#options = options;
    this.#server = createServer(
      { requestTimeout: 5000, headersTimeout: 5000, maxHeaderSize: 4096 },
      (request, response) => {
        this.#answer(request, response).catch(() => response.destroy());
      },
    );
    this.#server.maxConnections = 10;
  }

  /** Without it the kit works all the same: never throws. */
  async start(): Promise<void> {
    const { socket, user, passwd = '/etc/passwd', log } = this.#options;
    try {
      await rm(socket, { force: true });
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen(socket, () => resolve());
      });
      await chmod(socket, 0o600);
      const line = (await readFile(passwd, 'utf8')).split('\n').find((each) => each.startsWith(`${user}:`));
      const [, , uid, gid] = line?.split(':') ?? [];
      if (uid !== undefined && gid !== undefined) await chown(socket, Number(uid), Number(gid));
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'the status page has no buttons: the agent’s door cannot be opened');
    }
  }

  /** Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    return this.#stopping;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { identify, diagnostics, log } = this.#options;
    const end = (status: number, body = '') => {
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
      response.end(body);
    };
    request.resume();
    const asked = `${request.method} ${request.url}`;
    if (asked !== 'POST /identify' && asked !== 'GET /diagnostics') return end(404);
    const now = performance.now();
    this.#asked = this.#asked.filter((atMs) => now - atMs < 60_000);
    if (this.#asked.length >= maxPerMinute || (this.#making && asked === 'GET /diagnostics')) return end(429);
    this.#asked.push(now);
    if (asked === 'POST /identify') {
      identify();
      return end(204);
    }
    this.#making = true;
    try {
      const text = await diagnostics();
      log.info({ event: 'diagnostics', bytes: text.length }, 'A bundle of diagnostics was made');
      end(200, text);
    } finally {
      this.#making = false;
    }
  }
}
