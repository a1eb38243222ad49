import { readFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Health } from '../relay/protocol.js';

export interface KitStatus {
  readonly room: string;
  readonly relay: string;
  readonly health: Health;
  /** The language the room is captioned in, where the relay said it. */
  readonly language: string | null;
  readonly uptimeMs: number;
}

export interface StatusPageOptions {
  readonly host: string;
  readonly port: number;
  /** Where `kit.html` and `kit.js` are; ends with a slash. */
  readonly pages: URL;
  readonly status: () => KitStatus;
  readonly maxConnections?: number;
}

const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

const pageTypes = new Map([
  ['/', { file: 'kit.html', type: 'text/html; charset=utf-8' }],
  ['/kit.js', { file: 'kit.js', type: 'text/javascript; charset=utf-8' }],
]);

/** The kit's own page for whoever stands beside it: it reads, it shows, it changes nothing, and it holds no secret. */
export class StatusPage {
  readonly #options: StatusPageOptions;
  readonly #server: Server;
  #stopping: Promise<void> | null = null;

  constructor(options: StatusPageOptions) {
    this.#options = options;
    this.#server = createServer(
      { requestTimeout: 5000, headersTimeout: 5000, keepAliveTimeout: 5000, maxHeaderSize: 8192 },
      (request, response) => {
        this.#answer(request.method ?? '', request.url ?? '/', response).catch(() => response.destroy());
      },
    );
    this.#server.maxConnections = options.maxConnections ?? 20;
  }

  /** @returns the port it listens on. @throws the system's error where the address is taken */
  start(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, this.#options.host, () => {
        this.#server.off('error', reject);
        const address = this.#server.address();
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

  async #answer(method: string, url: string, response: ServerResponse): Promise<void> {
    const path = url.replace(/\?.*$/s, '');
    const send = (status: number, type: string, body: string | Buffer) => {
      response.writeHead(status, { ...securityHeaders, 'content-type': type });
      response.end(method === 'HEAD' ? undefined : body);
    };
    const page = pageTypes.get(path);
    const json = 'application/json; charset=utf-8';
    if (method !== 'GET' && method !== 'HEAD') {
      send(405, json, errorBody('method', 'This page can only be read', 'Use GET.'));
    } else if (page) {
      send(200, page.type, await readFile(new URL(page.file, this.#options.pages)));
    } else if (path === '/status.json') {
      send(200, json, JSON.stringify(this.#options.status()));
    } else if (path === '/healthz') {
      send(200, json, JSON.stringify({ state: this.#options.status().health.state }));
    } else {
      send(404, json, errorBody('not-found', 'There is no such page', 'Open / instead.'));
    }
  }
}

function errorBody(code: string, message: string, hint: string): string {
  return JSON.stringify({ error: { code, message, hint } });
}
