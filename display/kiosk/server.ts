import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';
import { addPageFiles, type PageFiles, page, unframedPolicy } from '../page-files.ts';
import type { Placing } from './placing.ts';
import type { LinkFault } from './relay-link.ts';

export interface KioskServerOptions extends PageFiles {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly place: () => Promise<Placing>;
  readonly linkFault: (place: Placing) => Promise<LinkFault>;
  readonly maxConnections?: number;
}

/**
 * The page and all its files, from this kit's own disk to this kit's own browser: it listens on the loopback address
 * alone, and answers only to its own name. A page of anybody else that had its name point here would ask by that name.
 */
export class KioskServer {
  readonly #options: KioskServerOptions;
  readonly #server: Server;
  #authority = '';
  #stopping: Promise<void> | null = null;

  constructor(options: KioskServerOptions) {
    this.#options = options;
    this.#server = createServer(
      { requestTimeout: 5000, headersTimeout: 5000, keepAliveTimeout: 5000, maxHeaderSize: 8192 },
      getRequestListener(this.#app().fetch),
    );
    this.#server.maxConnections = options.maxConnections ?? 32;
  }

  /** Of the page, without a path. */
  get origin(): string {
    return `http://${this.#authority}`;
  }

  /** @throws the system's error where the address is taken */
  start(): Promise<void> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        const address = this.#server.address();
        const taken = typeof address === 'object' && address !== null ? address.port : port;
        this.#authority = `${host.includes(':') ? `[${host}]` : host}:${taken}`;
        resolve();
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

  #app(): Hono {
    const { pagesDir, place, linkFault } = this.#options;
    const app = new Hono();
    app.use(async (context, next) => {
      context.header('x-content-type-options', 'nosniff');
      context.header('x-frame-options', 'DENY');
      context.header('referrer-policy', 'no-referrer');
      context.header('cross-origin-resource-policy', 'same-origin');
      if (context.req.header('host') !== this.#authority)
        return context.json(refusal('host', 'This address answers only to its own name', `Open ${this.origin}/.`), 421);
      if (!['GET', 'HEAD'].includes(context.req.method))
        return context.json(refusal('method', 'This page can only be read', 'Use GET.'), 405);
      await next();
    });
    const unkept = (path: string, answer: () => Promise<Placing | LinkFault>): void => {
      app.get(path, async (context) => {
        context.header('cache-control', 'no-store');
        return context.json(await answer());
      });
    };
    app.get('/', page(unframedPolicy), serveStatic({ path: join(pagesDir, 'caption.html') }));
    unkept('/config.json', place);
    unkept('/link.json', async () => linkFault(await place()));
    addPageFiles(app, this.#options);
    app.notFound((context) => context.json(refusal('not-found', 'There is no such page', 'Open / instead.'), 404));
    return app;
  }
}

const refusal = (code: string, message: string, hint: string) => ({ error: { code, message, hint } });
