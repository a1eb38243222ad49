/** What the agent is put together from, as it sees it: each has a fake beside it in the tests. */
import type { KitHealth, KitUpdate } from '../../relay/kit-protocol.ts';
import type { Explained } from '../errors.ts';

/** A release that the relay offers. */
export interface OfferedRelease {
  readonly version: string;
  /** Of the archive, in hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** The organizer wants it though it may be older than what the kit runs. */
  readonly downgrade?: boolean | undefined;
}

/** Fetches, checks and stages what is offered, and switches when the room is idle. */
export interface Updater {
  start(): void;
  /** Idempotent; what is half fetched may be gone on with after the next start. */
  stop(): Promise<void>;
  /** The same one again is nothing new; null: none is offered any more. */
  offer(release: OfferedRelease | null): void;
  /** No talk now or soon, and no sound: the room would not notice a restart. */
  idle(isIdle: boolean): void;
  /**
   * How the kit is, once a second: a pending version is confirmed by this.
   * `connected`: the relay answers, too; `device`: the device's word for how it is, null where there is none; `isQuiet`: it
   * hears nothing of the room
   */
  look(health: {
    readonly isWell: boolean;
    readonly connected: boolean;
    readonly device: string | null;
    readonly isQuiet: boolean;
  }): void;
  /** What became of the last one; null where nothing was ever offered. */
  readonly report: KitUpdate | null;
}

/** What an updater is given. `reported` is to be called whenever `report` changes. */
export interface UpdaterParts {
  readonly dataDir: string;
  /** Path of the PEM file. */
  readonly releaseKey: string;
  /** `https://HOST`, without a slash at its end. */
  readonly relay: string;
  /** The kit's key, as a bearer token; null while the kit is not enrolled. */
  readonly key: () => string | null;
  readonly reported: () => void;
}

export type LampState = 'starting' | 'well' | 'attention';

/** The light that staff see without a laptop. */
export interface Lamp {
  show(state: LampState): void;
  /** Blinks so that one finds this kit among others. */
  identify(ms: number): void;
  stop(): Promise<void>;
}

/** How the machine is: power, temperature, storage, network. */
export interface Machine {
  start(): void;
  stop(): Promise<void>;
  /** The relay told its time, ms since 1970. */
  heard(relayMs: number): void;
  /** Null while nothing was measured. */
  readonly health: KitHealth['machine'] | null;
  /** What a person should do something about; null where nothing is. */
  readonly problem: Explained | null;
}

/** Units of systemd. */
export interface Units {
  /** Restarts those of them that run. @throws SalaError where systemd cannot be asked */
  restart(names: readonly string[]): Promise<void>;
}

/** The machine's wall clock. */
export interface WallClock {
  now(): number;
  /** @throws SalaError where it may not be set */
  set(ms: number): Promise<void>;
}
