import type { Logger } from '../systemd/log.ts';
import type { SourceState } from './sources/source.ts';

/** A loose plug changes the state every few seconds, for days: each fault is written at most this often. */
const repeatAfterMs = 60_000;

/** Writes the source's states to the journal: each fault once and its end once, and what stands at last within a minute. */
export class SourceJournal {
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #writtenAtMs = new Map<string, number>();
  /** What was written last. */
  #written = '';
  #state: SourceState | null = null;
  #changes = 0;

  /** @param now monotonic, ms */
  constructor(log: Logger, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  state(state: SourceState): void {
    this.#state = state;
    this.#changes++;
    this.look();
  }

  /** To be called once a second. */
  look(): void {
    const state = this.#state;
    if (!state) return;
    const key = state.state === 'fault' ? state.fault.code : state.state;
    const writtenAtMs = this.#writtenAtMs.get(key) ?? Number.NEGATIVE_INFINITY;
    if (key === this.#written) return;
    // A fault's end needs no limit: it is written only after the fault was.
    if (state.state === 'fault' && this.#now() - writtenAtMs < repeatAfterMs) return;
    this.#writtenAtMs.set(key, this.#now());
    this.#written = key;
    const changes = this.#changes;
    this.#changes = 0;
    // How often it came and went since the last line, where that was more than once.
    const fields = { state: state.state, code: key, source: state.name, ...(changes > 1 && { changes }) };
    if (state.state === 'fault') this.#log.warn({ ...fields, hint: state.fault.hint }, state.fault.message);
    else if (state.state === 'capturing') this.#log.info({ ...fields, ...state.format }, 'sound is captured');
    else this.#log.info(fields, state.state === 'ended' ? 'the file is over' : 'looking for the source');
  }
}
