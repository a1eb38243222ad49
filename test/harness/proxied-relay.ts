import { once } from 'node:events';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { WebSocket } from 'ws';
import { bearerPrefix, captionsProtocol } from '../../relay/protocol.js';
import { FrontProxy, type ProxyKind } from './front-proxy.ts';
import { LocalAuthority } from './local-authority.ts';
import { lastingPort } from './ports.ts';
import { type RunningProgram, startDevice, TestRelay, temporaryFolder } from './programs.ts';
import { until } from './until.ts';

export const proxyKinds: readonly ProxyKind[] = ['nginx', 'caddy'];

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** One relay behind two proxies; a room for each is named after it. This process trusts their authority meanwhile. */
export class ProxiedRelay {
  readonly #folder = temporaryFolder();
  readonly #authority = new LocalAuthority(this.#folder.path);
  readonly #usual = getCACertificates('default');
  readonly #proxies = new Map<ProxyKind, FrontProxy>();
  readonly #devices: RunningProgram[] = [];
  #relay: TestRelay | undefined;

  /** @param idleSeconds instead of the time-outs that are shipped */
  static async start(idleSeconds?: number): Promise<ProxiedRelay> {
    const made = new ProxiedRelay();
    const relayPort = await lastingPort();
    setDefaultCACertificates([...made.#usual, made.#authority.certificate]);
    for (const kind of proxyKinds) {
      const options = { kind, port: await lastingPort(), relayPort, authority: made.#authority };
      const folder = join(made.#folder.path, kind);
      made.#proxies.set(kind, new FrontProxy({ ...options, folder, ...(idleSeconds ? { idleSeconds } : {}) }));
    }
    await made.startRelay(relayPort);
    for (const proxy of made.#proxies.values()) await proxy.start();
    return made;
  }

  async startRelay(port: number): Promise<void> {
    const origins = [...this.#proxies.values()].map(({ url }) => url).join(',');
    this.#relay = await TestRelay.start({
      dataDir: join(this.#folder.path, 'relay'),
      port,
      args: ['--origin', origins, '--trusted-proxy', '127.0.0.1', '--max-readers-per-room', '4'],
    });
  }

  get relay(): TestRelay {
    if (!this.#relay) throw new Error('the relay has not been started');
    return this.#relay;
  }

  proxy(kind: ProxyKind): FrontProxy {
    const proxy = this.#proxies.get(kind);
    if (!proxy) throw new Error(`${kind} has not been started`);
    return proxy;
  }

  /** The address of WebSockets. */
  address(kind: ProxyKind): string {
    return this.proxy(kind).url.replace('https', 'wss');
  }

  /** The real kit, through the proxy; it ends with this. */
  device(kind: ProxyKind, room: string, token: string, source: string): RunningProgram {
    const device = startDevice({
      ...{ relay: this.address(kind), room, token, source, dataDir: join(this.#folder.path, `device-${room}`) },
      env: { NODE_EXTRA_CA_CERTS: this.#authority.authorityFile },
    });
    this.#devices.push(device);
    return device;
  }

  /** A room where nothing happens: a kit without its mixer, a reader, an organizer; how often each was cut off. */
  async idleRoom(kind: ProxyKind): Promise<() => { kit: number; reader: number; organizer: number }> {
    const { publish, read } = await this.relay.room(`idle-${kind}`);
    const kit = this.device(kind, `idle-${kind}`, publish, 'mixer:of a room that has none');
    const connected = () => kit.entries({ ns: 'uplink', state: 'connected' }).length;
    const headers = bearer(this.relay.adminToken);
    const path = `${this.address(kind)}/api/rooms/idle-${kind}/captions`;
    const sockets = {
      reader: new WebSocket(path, [captionsProtocol, `${bearerPrefix}${read}`]),
      organizer: new WebSocket(`${this.address(kind)}/api/live`, ['sala.live.v1'], { headers }),
    };
    const cuts = { reader: 0, organizer: 0 };
    for (const name of ['reader', 'organizer'] as const) sockets[name].on('close', () => cuts[name]++);
    await Promise.all(Object.values(sockets).map((socket) => once(socket, 'open')));
    await until(() => connected() > 0 || undefined, { what: 'the idle kit' });
    return () => ({ ...cuts, kit: connected() - 1 });
  }

  async stop(): Promise<void> {
    for (const device of this.#devices) await device.stop();
    for (const proxy of this.#proxies.values()) await proxy.stop();
    await this.#relay?.stop();
    setDefaultCACertificates(this.#usual);
    this.#folder.remove();
  }
}
