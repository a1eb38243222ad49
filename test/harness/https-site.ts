import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { type FetchPorts, fetchPorts } from '../../relay/schedule/fetch.ts';
import { temporaryFolder } from './programs.ts';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** An https site on loopback, with an authority of its own for `talks.test`; the test says what it answers. */
export class HttpsSite {
  readonly folder = temporaryFolder();
  readonly ca: string;
  readonly asked: IncomingMessage[] = [];
  answer: Answer = (_, response) => response.writeHead(404).end();
  readonly #server;

  constructor() {
    const [key, cert] = [join(this.folder.path, 'key.pem'), join(this.folder.path, 'cert.pem')];
    const made = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      cert,
    ];
    const subject = ['-subj', '/CN=talks.test', '-addext', 'subjectAltName=DNS:talks.test,DNS:other.test'];
    execFileSync('openssl', ['req', '-x509', ...made, ...subject], { stdio: 'ignore' });
    this.ca = readFileSync(cert, 'utf8');
    this.#server = createServer({ key: readFileSync(key), cert: this.ca }, (request, response) => {
      this.asked.push(request);
      this.answer(request, response);
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return this;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  url(path = '/schedule.json', host = 'talks.test'): string {
    return `https://${host}:${this.port}${path}`;
  }

  /** Ports that trust this site and find it under any name; the guard is lifted for loopback alone. */
  ports(change: Partial<FetchPorts> = {}): FetchPorts {
    return {
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
      mayConnect: (address) => address === '127.0.0.1' || fetchPorts.mayConnect(address),
      port: this.port,
      ca: this.ca,
      ...change,
    };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((done) => this.#server.close(() => done()));
    this.folder.remove();
  }
}
