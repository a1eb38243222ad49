import type { EngineFailure, EngineListener, EngineResult, EngineSession } from '../../relay/engines/engine.ts';

export type EngineCall =
  | { readonly call: 'ready' | 'ended' }
  | { readonly call: 'partial' | 'final'; readonly result: EngineResult }
  | { readonly call: 'failed'; readonly failure: EngineFailure };

/** Keeps what an engine session says, and waits for it. */
export class EngineRecorder implements EngineListener {
  readonly calls: EngineCall[] = [];
  #waiting: { readonly until: (call: EngineCall) => boolean; readonly resolve: () => void }[] = [];

  ready(): void {
    this.#add({ call: 'ready' });
  }
  partial(result: EngineResult): void {
    this.#add({ call: 'partial', result });
  }
  final(result: EngineResult): void {
    this.#add({ call: 'final', result });
  }
  ended(): void {
    this.#add({ call: 'ended' });
  }
  failed(failure: EngineFailure): void {
    this.#add({ call: 'failed', failure });
  }

  results(kind: 'partial' | 'final'): EngineResult[] {
    return this.calls.flatMap((each) => (each.call === kind && 'result' in each ? [each.result] : []));
  }

  get failures(): EngineFailure[] {
    return this.calls.flatMap((each) => (each.call === 'failed' ? [each.failure] : []));
  }

  get names(): string[] {
    return this.calls.map(({ call }) => call);
  }

  get isOver(): boolean {
    const last = this.calls.at(-1)?.call;
    return last === 'ended' || last === 'failed';
  }

  /** Resolves at the first call, past or to come, of one of these names. */
  async saw(...names: EngineCall['call'][]): Promise<void> {
    await this.sawCall(({ call }) => names.includes(call));
  }

  async sawCall(until: (call: EngineCall) => boolean): Promise<void> {
    if (this.calls.some(until)) return;
    await new Promise<void>((resolve) => this.#waiting.push({ until, resolve }));
  }

  /** `ended` or `failed`. */
  over(): Promise<void> {
    return this.saw('ended', 'failed');
  }

  #add(call: EngineCall): void {
    this.calls.push(call);
    const hit = this.#waiting.filter(({ until }) => until(call));
    this.#waiting = this.#waiting.filter((each) => !hit.includes(each));
    for (const { resolve } of hit) resolve();
  }
}

export interface Playing {
  readonly stream?: string;
  /** Position of the first sample. */
  readonly from?: number;
  /** Times real time. */
  readonly speed?: number;
  /** Bytes of each write, in turn; at most 3200. */
  readonly sizes?: readonly number[];
  /** Stops early. */
  readonly until?: () => boolean;
}

/** Writes audio as a feed does: piece by piece, by the clock, not by the counting of timers. */
export async function play(session: EngineSession, samples: Int16Array, playing: Playing = {}): Promise<void> {
  const { stream = 'a-stream', from = 0, speed = 1, sizes = [3200], until = () => false } = playing;
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  const startedAt = performance.now();
  let piece = 0;
  for (let at = 0; at < bytes.length; ) {
    const size = sizes[piece++ % sizes.length] ?? 3200;
    const next = bytes.subarray(at, at + size);
    session.write(next.slice(), { stream, position: from + at / 2 });
    at += next.length;
    const dueMs = at / 32 / speed - (performance.now() - startedAt);
    if (dueMs > 1) await new Promise((resolve) => setTimeout(resolve, dueMs));
    if (until()) return;
  }
}
