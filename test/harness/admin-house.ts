import { getRequestListener } from '@hono/node-server';
import type { Conducted } from '../../relay/conduct.ts';
import { LiveFeed } from '../../relay/live-feed.ts';
import type { Alarm } from '../../relay/protocol.js';
import { RoomViews } from '../../relay/room-views.ts';
import { TestApi } from './api.ts';
import type { OpenPage, OpenPageOptions, TestBrowser } from './browser.ts';
import { adminSecret, House } from './doors.ts';

/** The admin page over rooms that the test speaks in, with calls, logins and the live socket of a real relay. */
export class AdminHouse {
  readonly house: House;
  /** By room; the relay's own under `''`. */
  readonly alarms = new Map<string, Alarm[]>();
  /** By room, where something is going on. */
  readonly conducted = new Map<string, Conducted>();
  #origin = '';

  constructor() {
    this.house = new House({ handlers: { live: (socket) => feed.serve(socket) } });
    const { rooms, rights, readers, server } = this.house;
    const alarms = {
      of: ({ record }: { record: { name: string } }) => this.alarms.get(record.name) ?? [],
      ofRelay: () => this.alarms.get('') ?? [],
    };
    const idle: Conducted = { talk: null, held: false, until: null, next: null, message: '' };
    const conduct = { of: ({ record }: { record: { name: string } }) => this.conducted.get(record.name) ?? idle };
    const views = new RoomViews({ readers, alarms, conduct });
    const feed = new LiveFeed({ rooms, views, alarms, version: '0.0.0' });
    const { app } = new TestApi({ rooms, rights });
    server.removeAllListeners('request');
    server.on('request', getRequestListener(app.fetch));
  }

  get rooms() {
    return this.house.rooms;
  }

  async start(): Promise<this> {
    await this.house.start();
    this.via(this.house.port);
    return this;
  }

  /** From now on it is reached by this port, e.g. of a proxy. */
  via(port: number): void {
    this.#origin = `http://127.0.0.1:${port}`;
    this.house.origins.listening(this.#origin);
  }

  get url(): string {
    return `${this.#origin}/admin`;
  }

  /** The page before anybody has logged in. What a browser says of being asked to is no fault. */
  async open(browser: TestBrowser, options: OpenPageOptions = {}): Promise<OpenPage> {
    const opened = await browser.openPage(this.url, options);
    await opened.page.locator('#token').waitFor();
    const asked = opened.consoleErrors.splice(0).filter((line) => !line.includes('401 (Unauthorized)'));
    opened.consoleErrors.push(...asked);
    return opened;
  }

  /** The page with an organizer in it. */
  async enter(browser: TestBrowser, options: OpenPageOptions = {}): Promise<OpenPage> {
    const opened = await this.open(browser, options);
    await opened.page.fill('#token', adminSecret);
    await opened.page.click('#entry button');
    await opened.page.locator('#line[data-link="open"]').waitFor();
    return opened;
  }

  stop(): Promise<void> {
    return this.house.stop();
  }
}
