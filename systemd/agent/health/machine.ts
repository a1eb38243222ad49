import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { freemem, totalmem, uptime } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { KitHealth } from '../../../relay/kit-protocol.ts';
import type { Explained } from '../../errors.ts';
import { SupplyWatch } from '../../supply.ts';
import type { Machine } from '../parts.ts';
import { NetworkWatch } from './network.ts';
import { StorageWatch } from './storage.ts';

export interface KitMachineOptions {
  readonly dataDir: string;
  /** Before `/proc`, `/sys`, `/etc` and `/run`; a test's own. */
  readonly root?: string;
  readonly wallMs?: () => number;
  /** Monotonic. */
  readonly now?: () => number;
  readonly run?: (command: string, args: readonly string[]) => Promise<string>;
  readonly storage?: Partial<ConstructorParameters<typeof StorageWatch>[0]>;
  readonly network?: Partial<ConstructorParameters<typeof NetworkWatch>[0]>;
}

export const machineLimits = {
  supplyEveryMs: 1000,
  lookEveryMs: 5000,
  networkEveryMs: 30_000,
  canaryEveryMs: 15 * 60_000,
  /** A start is no time to write. */
  firstCanaryMs: 60_000,
  /** A supply that gave way does so again: it is told for so long. */
  weakForMs: 10 * 60_000,
  /** From here on a Raspberry Pi slows itself down. */
  hotC: 80,
  /** What was too hot must be this much cooler to be well again. */
  coolerC: 3,
};

const runProgram = async (command: string, args: readonly string[]) =>
  (await promisify(execFile)(command, [...args], { timeout: 10_000, maxBuffer: 64 * 1024 })).stdout;
const textOf = (path: string) => readFile(path, 'utf8').catch(() => '');

/** The machine of a kit: power, temperature, card, clock, network. What it has no source for is left out. */
export class KitMachine implements Machine {
  readonly #root: string;
  readonly #now: () => number;
  readonly #wallMs: () => number;
  readonly #supply: SupplyWatch;
  readonly #storage: StorageWatch;
  readonly #network: NetworkWatch;
  readonly #timers: NodeJS.Timeout[] = [];
  #weakAtMs = Number.NEGATIVE_INFINITY;
  #temperatureC: number | undefined;
  #isHot = false;
  #synced = false;
  #model = '';
  /** The relay's time and when it was heard. */
  #relay: { readonly atMs: number; readonly heardMs: number } | null = null;
  #isMeasured = false;
  readonly #going = new Set<string>();

  constructor({ dataDir, root = '/', run = runProgram, ...options }: KitMachineOptions) {
    this.#root = root;
    this.#now = options.now ?? (() => performance.now());
    this.#wallMs = options.wallMs ?? Date.now;
    this.#supply = new SupplyWatch(join(root, '/sys/class/hwmon'));
    this.#storage = new StorageWatch({ root, dataDir, canary: { folder: join(dataDir, 'kit') }, ...options.storage });
    this.#network = new NetworkWatch({ root, run, ...options.network });
  }

  start(): void {
    const { supplyEveryMs, lookEveryMs, networkEveryMs, canaryEveryMs, firstCanaryMs } = machineLimits;
    const every = (ms: number, what: string, work: () => Promise<void>) =>
      this.#timers.push(setInterval(() => this.#once(what, work), ms));
    every(supplyEveryMs, 'supply', () => this.#lookAtSupply());
    every(lookEveryMs, 'look', () => this.#look());
    every(networkEveryMs, 'network', () => this.#network.ask());
    every(canaryEveryMs, 'canary', () => this.#storage.ask());
    this.#timers.push(setTimeout(() => this.#once('canary', () => this.#storage.ask()), firstCanaryMs));
    this.#once('look', () => this.look());
  }

  /** At everything, now, but for the canary. Never throws. */
  async look(): Promise<void> {
    this.#model = (await textOf(join(this.#root, '/proc/device-tree/model'))).replaceAll('\0', '').slice(0, 200);
    await this.#network.ask();
    await this.#lookAtSupply();
    await this.#look();
  }

  stop(): Promise<void> {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    return Promise.resolve();
  }

  heard(relayMs: number): void {
    this.#relay = { atMs: relayMs, heardMs: this.#now() };
  }

  get health(): KitHealth['machine'] | null {
    if (!this.#isMeasured) return null;
    const power = this.#supply.supply;
    return {
      ...(this.#model !== '' && { model: this.#model }),
      uptimeMs: Math.round(uptime() * 1000),
      ...(power && { power }),
      ...(this.#temperatureC !== undefined && { temperatureC: this.#temperatureC }),
      storage: this.#storage.health,
      clock: { synced: this.#synced, ...(this.#relay && { offsetMs: this.#offsetMs(this.#relay) }) },
      network: this.#network.health,
      memory: { freeBytes: freemem(), totalBytes: totalmem() },
    };
  }

  get problem(): Explained | null {
    const storage = this.#storage.problem;
    if (storage?.code === 'storage-failing' || storage?.code === 'storage-read-only') return storage;
    if (this.#now() - this.#weakAtMs < machineLimits.weakForMs)
      return {
        code: 'weak-power',
        message: 'This kit gets too little power',
        hint: 'Use the power supply that belongs to the Raspberry Pi, on a short cable; a weak one restarts it and ruins its card.',
      };
    if (this.#isHot)
      return {
        code: 'too-hot',
        message: `This kit is too hot (${Math.round(this.#temperatureC ?? 0)} °C) and slows itself down`,
        hint: 'Give it air: take it out of closed boxes, off the amplifier, out of the sun.',
      };
    return storage;
  }

  /** One that hangs delays no one but its next turn. */
  #once(what: string, work: () => Promise<void>): void {
    if (this.#going.has(what)) return;
    this.#going.add(what);
    // They do not throw: what a machine does not have is left out.
    void work().finally(() => this.#going.delete(what));
  }

  async #lookAtSupply(): Promise<void> {
    const before = this.#supply.supply?.lowCount ?? 0;
    await this.#supply.look();
    const { low = false, lowCount = 0 } = this.#supply.supply ?? {};
    if (low || lowCount > before) this.#weakAtMs = this.#now();
  }

  async #look(): Promise<void> {
    await this.#lookAtTemperature();
    this.#synced = existsSync(join(this.#root, '/run/systemd/timesync/synchronized'));
    await this.#storage.look();
    await this.#network.look();
    this.#isMeasured = true;
  }

  async #lookAtTemperature(): Promise<void> {
    const text = (await textOf(join(this.#root, '/sys/class/thermal/thermal_zone0/temp'))).trim();
    this.#temperatureC = /^-?\d+$/.test(text) ? Math.round(Number(text) / 100) / 10 : undefined;
    const { hotC, coolerC } = machineLimits;
    this.#isHot = (this.#temperatureC ?? 0) >= (this.#isHot ? hotC - coolerC : hotC);
  }

  /** How far this kit's clock is ahead of the relay's. */
  #offsetMs({ atMs, heardMs }: { readonly atMs: number; readonly heardMs: number }): number {
    return Math.round(this.#wallMs() - (atMs + this.#now() - heardMs));
  }
}
