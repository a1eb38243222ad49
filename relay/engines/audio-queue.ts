import { bytesPerSample, frameSamples } from '../protocol.js';

const chunkBytes = frameSamples * bytesPerSample;

/**
 * Audio on its way to an engine that pulls: pieces of any size in, uniform chunks of 100 ms out, the last one shorter.
 * Its iterator never throws and ends after `close` or `clear`.
 */
export class AudioQueue implements AsyncIterable<Uint8Array> {
  readonly #now: () => number;
  readonly #chunks: { readonly audio: Uint8Array; readonly sinceMs: number }[] = [];
  #partial = new Uint8Array(chunkBytes);
  #filled = 0;
  #closed = false;
  #wake: (() => void) | null = null;
  #lastPullMs = 0;
  /** Chunks that were pulled. */
  pulled = 0;

  /** @param now monotonic, ms */
  constructor(now: () => number) {
    this.#now = now;
  }

  get queuedBytes(): number {
    return this.#chunks.reduce((sum, { audio }) => sum + audio.length, this.#filled);
  }

  /** How long the oldest whole chunk has waited with nobody pulling, in ms; 0 where none waits. */
  get stalledMs(): number {
    const oldest = this.#chunks[0];
    return oldest ? this.#now() - Math.max(oldest.sinceMs, this.#lastPullMs) : 0;
  }

  push(audio: Uint8Array): void {
    if (this.#closed) return;
    let at = 0;
    while (at < audio.length) {
      const part = audio.subarray(at, at + chunkBytes - this.#filled);
      this.#partial.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === chunkBytes) this.#flush();
    }
  }

  /** No more audio; what is here can still be pulled. */
  close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    this.#wake?.();
  }

  /** No more audio, and what is here is dropped. */
  clear(): void {
    this.#filled = 0;
    this.#chunks.length = 0;
    this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = this.#chunks.shift();
      if (next) {
        this.pulled++;
        this.#lastPullMs = this.#now();
        yield next.audio;
      } else if (this.#closed) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = null;
      }
    }
  }

  #flush(): void {
    if (this.#filled === 0) return;
    this.#chunks.push({ audio: this.#partial.subarray(0, this.#filled), sinceMs: this.#now() });
    this.#partial = new Uint8Array(chunkBytes);
    this.#filled = 0;
    this.#wake?.();
  }
}
