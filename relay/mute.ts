import type { Engine } from './engines/engine.ts';
import { sampleRate } from './protocol.js';

export interface MuteLimits {
  /** What sounds like speech and brings no word for so long makes a session doubtful; again within `calmMs`: twice that, and so on. */
  readonly firstSamples: number;
  readonly maxSamples: number;
  readonly calmMs: number;
  /** Once a second session has heard the same and said nothing either it is noise: only after so much more of it, again. */
  readonly trustedSamples: number;
}

/** Amazon Transcribe says a partial 1.3 to 1.5 s after the word, and several a second while somebody speaks. */
export const muteLimits: MuteLimits = {
  firstSamples: 5 * sampleRate,
  maxSamples: 30 * sampleRate,
  calmMs: 600_000,
  trustedSamples: 300 * sampleRate,
};

/**
 * When to doubt a session that hears and says nothing. Nothing tells a mute service from applause but a second opinion: another
 * session that hears the same. That costs the service's billing minimum, so a room with much applause is given more time.
 */
export class MuteWatch {
  readonly #limits: MuteLimits;
  #patience: number;
  #doubtedMs = Number.NEGATIVE_INFINITY;
  #trusted = false;
  /** What was unanswered when the session was last judged. */
  #judged = 0;

  constructor(limits: MuteLimits = muteLimits) {
    this.#limits = limits;
    this.#patience = limits.firstSamples;
  }

  /** Nobody has said a word although there is sound, and that is taken for noise. */
  get isTrusted(): boolean {
    return this.#trusted;
  }

  /** @param unanswered what sounded like speech since the session last said anything, in samples */
  doubts(unanswered: number): boolean {
    return unanswered - this.#judged >= (this.#trusted ? this.#limits.trustedSamples : this.#patience);
  }

  /** Whether that is enough for a second session to have said something, had there been words. */
  isEnough(unanswered: number): boolean {
    return unanswered >= this.#limits.firstSamples;
  }

  /** A second session is asked, at this moment. */
  ask(unanswered: number, nowMs: number): void {
    const { firstSamples, maxSamples, calmMs } = this.#limits;
    const again = nowMs - this.#doubtedMs < calmMs;
    this.#patience = Math.min(maxSamples, 2 * (again ? this.#patience : firstSamples));
    this.#doubtedMs = nowMs;
    this.#judged = unanswered;
  }

  /** There is no place for one: it is doubted again later. */
  putOff(unanswered: number): void {
    this.#judged = unanswered;
  }

  /** The second session said nothing either. */
  trust(unanswered: number): void {
    this.#trusted = true;
    this.#judged = unanswered;
  }

  /** The session said something. */
  answered(nowMs: number): void {
    this.#trusted = false;
    this.#judged = 0;
    if (nowMs - this.#doubtedMs >= this.#limits.calmMs) this.#patience = this.#limits.firstSamples;
  }

  /** Another session has taken its place. */
  replaced(): void {
    this.#judged = 0;
  }
}

/** @param unanswered what sounded like speech since its last word: enough for some, from an engine that says partials? */
export function isUnanswered(unanswered: number, engine: Engine): boolean {
  return engine.promptPartials && unanswered >= muteLimits.firstSamples;
}
