import { setTimeout as delay } from 'node:timers/promises';
import type { SourceFormat, SourceListener, SourceState } from '../../device/sources/source.ts';

export interface HeardChunk {
  readonly audio: Int16Array;
  readonly format: SourceFormat;
  readonly capturedAtMs: number;
  readonly arrivedAtMs: number;
}

/** Listens to a source and keeps everything. */
export class SourceRecorder implements SourceListener {
  readonly chunks: HeardChunk[] = [];
  readonly states: SourceState[] = [];
  readonly #waiting = new Set<() => void>();

  audio(bytes: Uint8Array, format: SourceFormat, capturedAtMs: number): void {
    const audio = new Int16Array(Uint8Array.from(bytes).buffer);
    this.chunks.push({ audio, format, capturedAtMs, arrivedAtMs: performance.now() });
    for (const look of this.#waiting) look();
  }

  state(state: SourceState): void {
    this.states.push(state);
    for (const look of this.#waiting) look();
  }

  get faults(): string[] {
    return this.states.flatMap((each) => (each.state === 'fault' ? [each.fault.code] : []));
  }

  /** Resolves with what `find` gives as soon as it gives something. */
  async until<T>(what: string, find: () => T | undefined | false, timeoutMs = 20_000): Promise<T> {
    let look = () => {};
    const seen = new Promise<T>((resolve) => {
      look = () => {
        const found = find();
        if (found !== undefined && found !== false) resolve(found);
      };
    });
    this.#waiting.add(look);
    look();
    const over = new AbortController();
    const late = delay(timeoutMs, undefined, { signal: over.signal }).then(() => {
      throw new Error(`not within ${timeoutMs} ms: ${what}; states ${JSON.stringify(this.states)}`);
    });
    try {
      return await Promise.race([seen, late]);
    } finally {
      this.#waiting.delete(look);
      over.abort();
      late.catch(() => {});
    }
  }

  /** Resolves when a state of this kind (or this fault's code) comes after the first `from` states. */
  untilState(state: SourceState['state'] | string, from = 0, timeoutMs?: number): Promise<SourceState> {
    return this.until(
      `state ${state}`,
      () =>
        this.states
          .slice(from)
          .find((each) => each.state === state || (each.state === 'fault' && each.fault.code === state)),
      timeoutMs,
    );
  }
}
