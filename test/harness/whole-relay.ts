/** The relay's doors and calls on one loopback port, with one set of rights, over fake rooms. */
import { getRequestListener } from '@hono/node-server';
import { TestApi } from './api.ts';
import { House, type HouseOptions } from './doors.ts';

export class WholeRelay {
  readonly house: House;
  readonly api: TestApi;

  constructor(options: HouseOptions = {}) {
    this.house = new House(options);
    this.api = new TestApi({ rooms: this.house.rooms, rights: this.house.rights });
    this.house.server.removeAllListeners('request');
    this.house.server.on('request', getRequestListener(this.api.app.fetch));
  }

  async start(): Promise<this> {
    await this.house.start();
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${this.house.port}`;
  }

  /** A call over the socket, with these headers alone. */
  async call(method: string, path: string, headers: Record<string, string> = {}, body?: object) {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    const value: unknown = text.startsWith('{') ? JSON.parse(text) : text;
    return { status: response.status, headers: response.headers, body: value };
  }

  stop(): Promise<void> {
    return this.house.stop();
  }
}
