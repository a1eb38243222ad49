import type { Logger } from '../log.ts';
import type { AgentSettings } from './options.ts';
import type { Lamp, Machine, Units, Updater, UpdaterParts, WallClock } from './parts.ts';

export interface AgentParts {
  readonly settings: AgentSettings;
  readonly version: string;
  readonly units: Units;
  readonly clock: WallClock;
  readonly lamp: Lamp;
  readonly machine: Machine;
  readonly updater: (parts: UpdaterParts) => Updater;
  readonly random: () => number;
  readonly log: (name: string) => Logger;
}

/** Keeps a kit the relay's own: enrols it, holds the line on which it is told what to do, tells how it is. */
export class Agent {
  readonly #parts: AgentParts;
  readonly #updater: Updater;
  #stopping: Promise<void> | null = null;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    const { dataDir, releaseKey, relay } = parts.settings;
    this.#updater = parts.updater({ dataDir, releaseKey, relay, key: () => null, reported: () => {} });
  }

  start(): void {
    this.#parts.machine.start();
    this.#updater.start();
  }

  /** Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await Promise.all([this.#updater.stop(), this.#parts.machine.stop(), this.#parts.lamp.stop()]);
  }
}
