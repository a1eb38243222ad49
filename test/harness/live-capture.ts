import type { DeviceCore } from './device-core.ts';

/** Captures a block each 100 ms by the clock, as a mixer would, until stopped; knows when each was captured. */
export class LiveCapture {
  readonly #device: DeviceCore;
  /** By block number. */
  readonly capturedAtMs = new Map<number, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(device: DeviceCore) {
    this.#device = device;
  }

  start(): void {
    const first = this.#device.captured;
    const startedMs = performance.now();
    this.#timer = setInterval(() => {
      const due = first + Math.floor((performance.now() - startedMs) / 100);
      while (this.#device.captured < due) {
        this.capturedAtMs.set(this.#device.captured, performance.now());
        this.#device.capture(1);
      }
    }, 5);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
