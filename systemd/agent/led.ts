import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lamp, LampState } from './parts.ts';

export type LedPattern = 'starting' | 'listening' | 'attention' | 'identify';

/** How long the light is on and off in turn, in ms; the sheet of a room describes them in words. */
export const ledPatterns: Readonly<Record<LedPattern, readonly [onMs: number, offMs: number]>> = {
  /** Four short even flashes a second. */
  starting: [125, 125],
  /** One short flash every two seconds. */
  listening: [80, 1920],
  /** A second on, a second off. */
  attention: [1000, 1000],
  /** A fast flicker. */
  identify: [50, 50],
};

const patternOf: Readonly<Record<LampState, LedPattern>> = {
  starting: 'starting',
  well: 'listening',
  attention: 'attention',
};

/** The Raspberry Pi's activity LED, as the kernels of different years call it. */
const names = ['ACT', 'led0'];

export interface ActivityLedOptions {
  readonly ledsDir?: string;
}

/**
 * The activity LED. The agent itself switches it on and off, so that it says nothing that the agent does not know: one that
 * hangs leaves a light that does not blink. The kernel blinks only after the agent's end, and then says `attention`; the
 * unit's ExecStopPost (`systemd/led-attention.sh`) does the same for an agent that was killed.
 * A machine without such an LED is fine.
 */
export class ActivityLed implements Lamp {
  readonly #led: string | null;
  #brightness = '1';
  #pattern: LedPattern | null = null;
  #shown: LedPattern | null = null;
  #identifying: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor({ ledsDir = '/sys/class/leds' }: ActivityLedOptions = {}) {
    this.#led = names.map((name) => join(ledsDir, name)).find((path) => existsSync(path)) ?? null;
    if (this.#led) this.#brightness = read(join(this.#led, 'max_brightness')) || '1';
  }

  show(state: LampState): void {
    this.#pattern = patternOf[state];
    this.#play();
  }

  identify(ms: number): void {
    if (this.#isStopped) return;
    clearTimeout(this.#identifying);
    this.#identifying = setTimeout(() => {
      this.#identifying = undefined;
      this.#play();
    }, ms);
    this.#play();
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#identifying);
    clearTimeout(this.#timer);
    this.#leaveToKernel();
    return Promise.resolve();
  }

  /** Goes on with what is to be seen; the same pattern is not begun anew. */
  #play(): void {
    const pattern = this.#identifying ? 'identify' : this.#pattern;
    if (this.#isStopped || this.#led === null || pattern === null || pattern === this.#shown) return;
    this.#shown = pattern;
    clearTimeout(this.#timer);
    this.#set('trigger', 'none');
    this.#blink(pattern, true);
  }

  #blink(pattern: LedPattern, isOn: boolean): void {
    this.#set('brightness', isOn ? this.#brightness : '0');
    const [onMs, offMs] = ledPatterns[pattern];
    this.#timer = setTimeout(() => this.#blink(pattern, !isOn), isOn ? onMs : offMs);
  }

  #leaveToKernel(): void {
    if (this.#led === null) return;
    const [onMs, offMs] = ledPatterns.attention;
    const isTaken =
      this.#set('trigger', 'timer') && this.#set('delay_on', `${onMs}`) && this.#set('delay_off', `${offMs}`);
    // A kernel without that trigger: a light that stays on, which is none of the patterns.
    if (!isTaken) this.#set('brightness', this.#brightness);
  }

  /** Whether it was taken. The light is worth no fault of its own. */
  #set(file: string, value: string): boolean {
    try {
      writeFileSync(join(this.#led ?? '', file), value);
      return true;
    } catch {
      return false;
    }
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
}
