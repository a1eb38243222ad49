import type { DeviceStatus } from './device-status.ts';
import type { LampState } from './parts.ts';

/** What the light follows from. */
export interface KitSigns {
  /** Of the kit's health: `ok`, `starting`, or what needs a person. */
  readonly state: string;
  /** What its device says; null where it does not answer, or there is none. */
  readonly device: DeviceStatus | null;
  /** Its programs run and do their work. */
  readonly areWell: boolean;
}

export const lampLimits = {
  /** A room may be silent this long before the light asks whether its sound is right: longer than a speaker is waited for. */
  silentMs: 5 * 60_000,
  /** The first start of a machine takes this long at most. */
  startingMs: 120_000,
  /** A program that worked is back after so long, or does not come back by itself. */
  restartingMs: 15_000,
};

/** Which of three patterns says most about a kit. */
export class LampJudge {
  readonly #now: () => number;
  readonly #limits: typeof lampLimits;
  #silentSinceMs: number | null = null;
  #startingSinceMs: number | null = null;
  #wasWell = false;

  /** @param now monotonic */
  constructor(now: () => number = () => performance.now(), limits: Partial<typeof lampLimits> = {}) {
    this.#now = now;
    this.#limits = { ...lampLimits, ...limits };
  }

  judge(signs: KitSigns): LampState {
    const state = this.#judge(signs);
    if (state === 'well') this.#wasWell = true;
    if (state !== 'starting') {
      this.#startingSinceMs = null;
      return state;
    }
    this.#startingSinceMs ??= this.#now();
    const patienceMs = this.#wasWell ? this.#limits.restartingMs : this.#limits.startingMs;
    return this.#now() - this.#startingSinceMs < patienceMs ? 'starting' : 'attention';
  }

  #judge({ state, device, areWell }: KitSigns): LampState {
    const isSilent = device?.state === 'silent';
    this.#silentSinceMs = isSilent ? (this.#silentSinceMs ?? this.#now()) : null;
    if (state !== 'ok' && state !== 'starting') return 'attention';
    if (device && !isSilent && device.state !== 'ok' && device.state !== 'starting') return 'attention';
    if (this.#silentSinceMs !== null && this.#now() - this.#silentSinceMs >= this.#limits.silentMs) return 'attention';
    return state === 'ok' && areWell && device?.state !== 'starting' ? 'well' : 'starting';
  }
}
