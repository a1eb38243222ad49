import { readFile } from 'node:fs/promises';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { KitHealth } from '../../../relay/kit-protocol.ts';

export type NetworkHealth = NonNullable<NonNullable<KitHealth['machine']>['network']>;

export interface NetworkOptions {
  readonly root: string;
  /** Runs a program, and gives what it prints; rejects where there is none, or it fails. */
  readonly run: (command: string, args: readonly string[]) => Promise<string>;
  readonly interfaces?: () => NodeJS.Dict<NetworkInterfaceInfo[]>;
}

const textOf = (path: string) => readFile(path, 'latin1').catch(() => '');
/** What NetworkManager knows of the way out; its own words. */
const connectivities = ['none', 'portal', 'limited', 'full'];
/** The scale of `/proc/net/wireless`, by custom. */
const fullQuality = 70;

/** The interface of the way out, by `/proc/net/route`; null where there is none. */
export function wayOut(routes: string): string | null {
  const ways = routes
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    // Where to: everywhere. The least metric is taken.
    .filter(([, to, , , , , , mask]) => to === '00000000' && mask === '00000000')
    .sort((a, b) => Number(a[6]) - Number(b[6]));
  return ways[0]?.[0] ?? null;
}

/** In percent; null where the interface has no radio. */
export function signalOf(wireless: string, name: string): number | null {
  for (const line of wireless.split('\n')) {
    const [, each, quality] = /^\s*([^\s:]+):\s+\S+\s+([\d.]+)/.exec(line) ?? [];
    if (each === name) return Math.round(Math.min(1, Number(quality) / fullQuality) * 100);
  }
  return null;
}

/** How this kit is connected: by which way, and how far it reaches. */
export class NetworkWatch {
  readonly #options: NetworkOptions;
  #connectivity: string | null = null;
  #health: NetworkHealth = { kind: 'none', state: 'none' };

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  get health(): NetworkHealth {
    return this.#health;
  }

  /** Asks NetworkManager, where there is one. Never throws. */
  async ask(): Promise<void> {
    try {
      const printed = await this.#options.run('nmcli', ['--terse', '--fields', 'CONNECTIVITY', 'general', 'status']);
      const [word = ''] = printed.trim().split('\n');
      this.#connectivity = connectivities.includes(word) ? word : null;
    } catch {
      this.#connectivity = null;
    }
  }

  /** Reads what the kernel knows. Never throws. */
  async look(): Promise<void> {
    const { root, interfaces = networkInterfaces } = this.#options;
    const name = wayOut(await textOf(join(root, '/proc/net/route')));
    if (name === null) {
      this.#health = { kind: 'none', state: 'none' };
      return;
    }
    const signalPercent = signalOf(await textOf(join(root, '/proc/net/wireless')), name);
    const addresses = interfaces()[name] ?? [];
    const { address } = addresses.find(({ family }) => family === 'IPv4') ?? addresses[0] ?? {};
    this.#health = {
      kind: signalPercent === null ? 'wired' : 'wifi',
      state: this.#connectivity ?? 'unknown',
      ...(address !== undefined && { address: address.slice(0, 64) }),
      ...(signalPercent !== null && { signalPercent }),
    };
  }
}
