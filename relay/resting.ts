import { rmsOf } from './loudness.ts';
import { type RangeSet, sampleRate } from './protocol.js';
import { RestWatch } from './rest.ts';

/** Heard again from before the sound that ends a rest: a word begins softly. */
const preRollSamples = sampleRate;
/** The service bills so much of every session, so none is ended sooner. */
const minSessionMs = 15_000;
/** What is behind us is noted this often, in samples. */
const noteEverySamples = sampleRate;

/** What organizers see of it, beside the room's meter; dBFS. */
export interface RestView {
  readonly resting: boolean;
  readonly levelDb: number;
  readonly floorDb: number | null;
  readonly thresholdDb: number | null;
  readonly silentMs: number;
}

/** The end of a rest. */
export interface Awakening {
  /** The feed goes on from here. */
  readonly from: number;
  /** What lies before it as silence, and has not been noted yet. */
  readonly passed: RangeSet;
}

/**
 * The rest of one room's live feed: in long silence it holds no paid session, and goes on a little before the sound that ends
 * the silence. It follows one stream at a time, in positions.
 */
export class Resting {
  readonly #afterMs: () => number;
  #watch = new RestWatch();
  #heardTo = 0;
  /** While resting: the first position that is neither heard by a session nor noted as silence. */
  #from: number | null = null;

  /** @param afterMs silence after which to rest, as it is set at the moment; 0: never */
  constructor(afterMs: () => number) {
    this.#afterMs = afterMs;
  }

  get isResting(): boolean {
    return this.#from !== null;
  }

  /** While resting: from here on audio may still be fed. */
  get from(): number | null {
    return this.#from;
  }

  get view(): RestView {
    const { levelDb, floorDb, thresholdDb, silentMs } = this.#watch;
    return { resting: this.isResting, levelDb, floorDb, thresholdDb, silentMs };
  }

  /** The feed follows another stream; a kit's noise says nothing of another's. */
  follow(position: number): void {
    this.#watch = new RestWatch();
    this.#heardTo = position;
    this.#from = null;
  }

  /** Takes mono audio that the feed passes, in order; what it passes twice counts once. */
  hear(position: number, audio: Uint8Array): void {
    const end = position + audio.length / 2;
    if (end <= this.#heardTo) return;
    this.#heardTo = end;
    this.#watch.hear(rmsOf(audio), audio.length / 2);
  }

  /** Words were recognised. */
  spoken(): void {
    this.#watch.spoken();
  }

  /** Nothing has stood out of the noise for the last 500 ms: a good moment to change over. */
  get isPause(): boolean {
    return this.#watch.quietMs >= 500;
  }

  /** @param sessionAgeMs of the paid session that would end */
  mayRest(sessionAgeMs: number): boolean {
    const afterMs = this.#afterMs();
    if (afterMs === 0 || this.isResting) return false;
    return this.#watch.silentMs >= afterMs && sessionAgeMs >= minSessionMs;
  }

  begin(position: number): void {
    this.#from = position;
  }

  /** Where to go on from, now that the feed has come to `position`; null while it rests on. Ends the rest. */
  wake(position: number): Awakening | null {
    if (this.#from === null) return null;
    if (this.#afterMs() === 0) return this.end(position); // it was switched off meanwhile
    if (this.#watch.soundMs === 0) return null;
    const sound = (this.#watch.soundMs * sampleRate) / 1000;
    return this.end(Math.round(position - sound - preRollSamples));
  }

  /** Ends the rest; goes on from `position`, or from where nothing earlier is left. */
  end(position: number): Awakening {
    const noted = this.#from ?? position;
    const from = Math.max(position, noted);
    this.#from = null;
    return { from, passed: from > noted ? [[noted, from]] : [] };
  }

  /** What of the stream is behind us as silence, now that the feed has come to `position`. */
  pass(position: number): RangeSet {
    return this.#until(position - 2 * preRollSamples, noteEverySamples);
  }

  /** The feed goes on at `next`: nothing before it will be fed; what was silence up to `position` is behind us. */
  skip(position: number, next: number): RangeSet {
    const passed = this.#until(position, 1);
    if (this.#from !== null) this.#from = next;
    return passed;
  }

  /** As `skip`, but a sound that had begun just before `position` is not taken for silence: it is left to be filled in. */
  leave(position: number, next: number): RangeSet {
    const sound = (this.#watch.runMs * sampleRate) / 1000;
    return this.skip(sound > 0 ? Math.round(position - sound - preRollSamples) : position, next);
  }

  #until(end: number, atLeast: number): RangeSet {
    const from = this.#from;
    if (from === null || end - from < atLeast) return [];
    this.#from = end;
    return [[from, end]];
  }
}
