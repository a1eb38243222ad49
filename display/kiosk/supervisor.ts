import { messageOf, SalaError } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import { type FaultKind, ScreenFault } from './fault.ts';
import type { Sight } from './page.ts';

/** What a supervisor watches and mends; each call throws a `ScreenFault` where something is wrong. */
export interface Screen {
  start(): Promise<void>;
  beat(): Promise<Sight>;
  reload(): Promise<void>;
  renew(): Promise<void>;
  memory(): Promise<number>;
  stop(): Promise<void>;
  onEvent: () => void;
}

export const supervisorLimits = Object.freeze({
  beatEveryMs: 2000,
  /** While something is being mended. */
  lookEveryMs: 250,
  /** A browser that has begun must show the page within this, from a cold and slow card. */
  startTimeoutMs: 20_000,
  /** Likewise a page that was loaded again. */
  loadTimeoutMs: 4000,
  /** A page that loads itself anew, since it was assigned elsewhere, shows nothing of its own for a moment. */
  strangeGraceMs: 1500,
  /** Only after so long without a fault does the next one begin with the mildest remedy again. */
  healthyAfterMs: 30_000,
  /** Between two browsers: doubled from the first, up to the last. */
  minPauseMs: 500,
  maxPauseMs: 8000,
  /** Browsers in a row that did not help; then the kiosk ends, and all of it is started again, compositor and all. */
  maxRestarts: 4,
  memoryEveryMs: 15_000,
  maxMemoryBytes: 900 * 1024 ** 2,
});

export type SupervisorLimits = { readonly [Key in keyof typeof supervisorLimits]: number };

type Remedy = 'reload' | 'renew' | 'restart';

/** Each fault's remedies, the mildest that can help first. */
const remedies: Readonly<Record<FaultKind, readonly Remedy[]>> = {
  crashed: ['reload', 'renew', 'restart'],
  strange: ['reload', 'renew', 'restart'],
  stuck: ['renew', 'restart'],
  still: ['restart'],
  swollen: ['restart'],
  ended: ['restart'],
};
const strength: Readonly<Record<Remedy, number>> = { reload: 0, renew: 1, restart: 2 };

export interface SupervisorHost {
  readonly now: () => number;
  /** Resolves after `ms`, at once when `signal` is aborted. */
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Whether a screen is plugged in. */
  readonly isConnected: () => Promise<boolean>;
  readonly log: Logger;
}

/** How the screen is, for whoever asks. */
export interface ScreenState {
  /** `starting` until the page was seen once, then `showing` or `mending`; `hidden`: at work, and nobody can see it;
   * `unplugged`: there is no screen. */
  readonly state: 'starting' | 'showing' | 'hidden' | 'mending' | 'unplugged';
  /** What is wrong; empty: nothing. */
  readonly fault: string;
  /** null: the page was never seen. */
  readonly beatAgeMs: number | null;
  readonly sight: Sight | null;
  readonly counts: { readonly beats: number } & Readonly<Record<Remedy, number>>;
  readonly memoryBytes: number;
}

/**
 * Keeps the page on the screen. The only evidence is a painted frame of the right page; without it the mildest remedy is
 * tried first, then the next: load the page, renew its process, restart the browser, give up so that everything is
 * started again.
 */
export class Supervisor {
  readonly #screen: Screen;
  readonly #limits: SupervisorLimits;
  readonly #host: SupervisorHost;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> | null = null;
  #sight: Sight | null = null;
  #beatAtMs: number | null = null;
  #fault = '';
  #counts = { beats: 0, reload: 0, renew: 0, restart: 0 };
  #memoryBytes = 0;
  #memoryAtMs = Number.NEGATIVE_INFINITY;
  /** Until then the page may still be loading. */
  #patientUntilMs = 0;
  /** Since when the page is strange; null: it is not. */
  #strangeSinceMs: number | null = null;
  /** The last remedy, while it is not proved that it helped for good. */
  #tried: Remedy | null = null;
  #triedAtMs = 0;
  #restartsInARow = 0;
  /** Whether there is a browser that is to be watched. */
  #begun = false;
  #unplugged = false;
  /** When there was last something to show for the supervisor's work. */
  #aliveAtMs: number;
  /** Called when anything of `state` but the age of the beat has changed, and with each beat. */
  onChange: () => void = () => undefined;

  constructor(screen: Screen, limits: SupervisorLimits, host: SupervisorHost) {
    this.#screen = screen;
    this.#limits = limits;
    this.#host = host;
    this.#aliveAtMs = host.now();
    screen.onEvent = () => this.#wake.abort();
  }

  /** @returns settles when it was stopped; rejects with `screen-given-up` when nothing helps */
  run(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    // What waits for an answer of the browser ends with it; and a browser that was just being started, after that.
    await this.#screen.stop();
    await this.#running?.catch(() => undefined);
    await this.#screen.stop();
  }

  /** @throws where the page was neither seen nor begun anew, nor a screen waited for, within `maxAgeMs` */
  proveLife(maxAgeMs: number): void {
    const ageMs = this.#host.now() - this.#aliveAtMs;
    if (ageMs > maxAgeMs) throw new Error(`the page was not seen for ${Math.round(ageMs / 1000)} s`);
  }

  get state(): ScreenState {
    return {
      state: this.#word(),
      fault: this.#fault,
      beatAgeMs: this.#beatAtMs === null ? null : Math.round(this.#host.now() - this.#beatAtMs),
      sight: this.#sight,
      counts: { ...this.#counts },
      memoryBytes: this.#memoryBytes,
    };
  }

  async #run(): Promise<void> {
    const { beatEveryMs, lookEveryMs } = this.#limits;
    while (!this.#stop.signal.aborted) {
      if (!(await this.#host.isConnected())) {
        await this.#leave();
        await this.#rest(lookEveryMs);
        continue;
      }
      if (!this.#begun) await this.#begin();
      const fault = await this.#look();
      if (this.#stop.signal.aborted) return;
      if (fault && !this.#mayBeLoading(fault)) await this.#mend(fault);
      await this.#rest(fault ? lookEveryMs : beatEveryMs);
    }
  }

  /** There is no screen: a browser could not even start. */
  async #leave(): Promise<void> {
    this.#aliveAtMs = this.#host.now();
    if (this.#unplugged) return;
    this.#unplugged = true;
    this.#begun = false;
    this.#host.log.warn({}, 'no screen is connected');
    await this.#screen.stop();
    this.onChange();
  }

  async #begin(): Promise<void> {
    this.#unplugged = false;
    this.#begun = true;
    this.#aliveAtMs = this.#host.now();
    this.#restartsInARow = 0;
    await this.#try('restart', 'the screen begins');
    this.#tried = null;
  }

  #word(): ScreenState['state'] {
    if (this.#unplugged) return 'unplugged';
    if (!this.#sight) return 'starting';
    if (this.#fault !== '') return 'mending';
    return this.#sight.hidden ? 'hidden' : 'showing';
  }

  async #look(): Promise<ScreenFault | null> {
    try {
      const sight = await this.#screen.beat();
      await this.#weigh();
      this.#seen(sight);
      return null;
    } catch (error) {
      return asFault(error);
    }
  }

  #seen(sight: Sight): void {
    const now = this.#host.now();
    if (this.#fault !== '') this.#host.log.info({ shows: sight.shows }, 'the screen shows the page');
    this.#sight = sight;
    this.#beatAtMs = now;
    this.#aliveAtMs = now;
    this.#fault = '';
    this.#patientUntilMs = 0;
    this.#strangeSinceMs = null;
    this.#counts.beats++;
    if (now - this.#triedAtMs > this.#limits.healthyAfterMs) {
      this.#tried = null;
      this.#restartsInARow = 0;
    }
    this.onChange();
  }

  /** @throws {ScreenFault} `swollen` */
  async #weigh(): Promise<void> {
    const { memoryEveryMs, maxMemoryBytes } = this.#limits;
    if (this.#host.now() - this.#memoryAtMs < memoryEveryMs) return;
    this.#memoryAtMs = this.#host.now();
    this.#memoryBytes = await this.#screen.memory();
    if (this.#memoryBytes > maxMemoryBytes)
      throw new ScreenFault('swollen', `the browser takes ${Math.round(this.#memoryBytes / 1024 ** 2)} MiB`);
  }

  /** A page that was just loaded shows nothing of its own yet, and a script that starts may be slow. */
  #mayBeLoading({ kind }: ScreenFault): boolean {
    const now = this.#host.now();
    if (kind === 'strange') {
      this.#strangeSinceMs ??= now;
      if (now - this.#strangeSinceMs < this.#limits.strangeGraceMs) return true;
    }
    return ['strange', 'stuck', 'still'].includes(kind) && now < this.#patientUntilMs;
  }

  async #mend(fault: ScreenFault): Promise<void> {
    const { minPauseMs, maxPauseMs, maxRestarts } = this.#limits;
    const known = remedies[fault.kind];
    const tried = this.#tried === null ? -1 : strength[this.#tried];
    const remedy = known.find((each) => strength[each] > tried) ?? 'restart';
    if (remedy === 'restart') {
      if (this.#restartsInARow >= maxRestarts)
        throw new SalaError(`The screen cannot be mended: ${fault.message}`, {
          code: 'screen-given-up',
          hint: 'Everything is started again by itself; if it lasts, flash the card anew or use another kit.',
        });
      if (this.#restartsInARow > 0)
        await this.#rest(Math.min(maxPauseMs, minPauseMs * 2 ** (this.#restartsInARow - 1)));
      this.#restartsInARow++;
    }
    await this.#try(remedy, fault.message);
  }

  async #try(remedy: Remedy, why: string): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const { startTimeoutMs, loadTimeoutMs } = this.#limits;
    this.#host.log[this.#sight ? 'warn' : 'info']({ remedy, why }, 'the screen is mended');
    this.#fault = why;
    this.#tried = remedy;
    this.#counts[remedy]++;
    this.onChange();
    try {
      if (remedy === 'restart') await this.#screen.start();
      else await this.#screen[remedy]();
    } catch (error) {
      // What it did not mend is seen at the next look.
      this.#host.log.warn({ remedy, error: messageOf(error) }, 'a remedy did not work');
    }
    this.#wake = new AbortController();
    this.#triedAtMs = this.#host.now();
    this.#patientUntilMs = this.#triedAtMs + (remedy === 'restart' ? startTimeoutMs : loadTimeoutMs);
  }

  /** Until `ms` have passed, something happened, or the end. */
  async #rest(ms: number): Promise<void> {
    await this.#host.delay(ms, AbortSignal.any([this.#stop.signal, this.#wake.signal]));
    if (this.#wake.signal.aborted) this.#wake = new AbortController();
  }
}

const asFault = (error: unknown): ScreenFault =>
  error instanceof ScreenFault ? error : new ScreenFault('strange', messageOf(error));
