import type { Health, Level } from '../relay/protocol.js';
import type { Explained } from '../systemd/errors.ts';
import type { BufferHealth } from './buffer-options.ts';
import type { SourceState } from './sources/source.ts';
import type { UplinkHealth } from './uplink.ts';

export interface HealthLimits {
  /** A peak below this in every second is no sound: the noise of an open microphone is above it. */
  readonly silenceDbfs: number;
  readonly silentAfterMs: number;
  /** A drop stays the state this long, so that someone sees it. */
  readonly droppingForMs: number;
}

export const healthDefaults: HealthLimits = { silenceDbfs: -60, silentAfterMs: 20_000, droppingForMs: 60_000 };

export interface HealthOptions {
  readonly version: string;
  readonly buffer: () => BufferHealth;
  readonly uplink: () => UplinkHealth;
  /** The level since it was last asked for. */
  readonly takeLevel: () => Level;
  readonly clockSynced: () => boolean;
  /** How much faster than this machine's clock the sound card runs; undefined where not known. */
  readonly driftPpm?: () => number | undefined;
  /** What the machine lacks, as far as it is known. */
  readonly machine?: () => Pick<Health, 'power' | 'disk'>;
  readonly now: () => number;
  readonly limits?: Partial<HealthLimits>;
}

/** One picture of the device for the relay, the status page and the journal: `ok`, or what needs a person most. */
export class HealthMonitor {
  readonly #options: HealthOptions;
  readonly #limits: HealthLimits;
  #source: SourceState = { state: 'starting', name: '' };
  #level: Level = { rmsDbfs: -100, peakDbfs: -100, clipped: 0 };
  #heardAtMs: number;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#limits = { ...healthDefaults, ...options.limits };
    this.#heardAtMs = options.now();
  }

  source(state: SourceState): void {
    if (state.state !== this.#source.state) this.#heardAtMs = this.#options.now();
    this.#source = state;
  }

  get sourceState(): SourceState {
    return this.#source;
  }

  /** Takes the level of the last second; to be called once a second. */
  measure(): void {
    const { rmsDbfs, peakDbfs, clipped } = this.#options.takeLevel();
    const finite = (dbfs: number) => (Number.isFinite(dbfs) ? Math.round(dbfs * 10) / 10 : -100);
    this.#level = { rmsDbfs: finite(rmsDbfs), peakDbfs: finite(peakDbfs), clipped };
    if (this.#level.peakDbfs > this.#limits.silenceDbfs) this.#heardAtMs = this.#options.now();
  }

  /** The problem that needs a person most; null where none does. */
  problem(): Explained | null {
    const { now } = this.#options;
    const buffer = this.#options.buffer();
    const uplink = this.#options.uplink();
    if (this.#source.state === 'fault') return this.#source.fault;
    if (uplink.problem && uplink.state !== 'waiting') return uplink.problem;
    if (buffer.droppedAtMs !== null && now() - buffer.droppedAtMs < this.#limits.droppingForMs)
      return {
        code: 'buffer-dropping',
        message: `Buffered sound is being lost: ${Math.round(buffer.droppedMs / 1000)} s so far`,
        hint: 'The buffer is full or its disk is bad. Restore the link to the relay; if the disk is named too, replace it.',
      };
    if (buffer.problem) return buffer.problem;
    if (uplink.problem) return uplink.problem;
    if (this.#source.state === 'capturing' && now() - this.#heardAtMs >= this.#limits.silentAfterMs)
      return {
        code: 'silent',
        message: 'The mixer is connected and gives no sound',
        hint: 'Speak into a microphone; then check the mixer’s output level, its mute and the cable.',
      };
    if (buffer.damagedFile)
      return {
        code: 'buffer-damaged',
        message: 'The buffer file was damaged and another one began with what could be read of it',
        hint: `Nothing need be done now. The damaged file is kept as ${buffer.damagedFile}; replace the SD card after the event.`,
      };
    return null;
  }

  current(): Health {
    const problem = this.problem();
    const { heldMs, backlogMs, diskBytes, droppedMs, problem: bufferProblem } = this.#options.buffer();
    const uplink = this.#options.uplink();
    const source = this.#source;
    const driftPpm = this.#options.driftPpm?.();
    const settled = source.state !== 'starting' && uplink.state === 'connected';
    return {
      state: problem?.code.slice(0, 64) ?? (settled ? 'ok' : 'starting'),
      message: (problem?.message ?? (settled ? 'All is well' : 'Connecting')).slice(0, 1000),
      ...(problem && { hint: problem.hint.slice(0, 1000) }),
      version: this.#options.version,
      source: {
        state: source.state,
        name: source.name.slice(0, 256),
        ...(source.state === 'capturing' && { rateHz: source.format.rateHz, channels: source.format.channels }),
      },
      level: this.#level,
      buffer: { heldMs, backlogMs, diskBytes, droppedMs, state: bufferProblem?.code ?? 'ok' },
      uplink: {
        state: uplink.state,
        reconnects: uplink.reconnects,
        ...(uplink.rttMs !== null && { rttMs: Math.round(uplink.rttMs) }),
      },
      clock: { synced: this.#options.clockSynced(), ...(driftPpm !== undefined && { driftPpm }) },
      ...this.#options.machine?.(),
    };
  }
}
