import type { Engine } from './engines/engine.ts';
import { sampleRate } from './protocol.js';

export interface MuteLimits {
  /** What sounds like speech and brings no word for so long makes a session doubtful; again within `calmMs`: twice that, and so on. */
  readonly firstSamples: number;
  readonly maxSamples: number;
  readonly calmMs: number;
  /** Once a second session has heard the same and said nothing either it is noise: for so long, all audio counted. */
  readonly trustedSamples: number;
}

/** What a session has heard, in samples. */
export interface Hearing {
  readonly fed: number;
  /** What of it sounded like speech since the session last said anything. */
  readonly unanswered: number;
}

/** Amazon Transcribe says a partial 1.3 to 1.5 s after the word, and several a second while somebody speaks. */
export const muteLimits: MuteLimits = {
  firstSamples: 5 * sampleRate,
  maxSamples: 30 * sampleRate,
  calmMs: 600_000,
  trustedSamples: 300 * sampleRate,
};

const unheard: Hearing = { fed: 0, unanswered: 0 };

/** A second opinion takes what the service bills at the least, and no longer than this. */
export const minSecondMs = 15_000;
export const maxSecondMs = 60_000;

/**
 * When to doubt a session that hears and says nothing. Nothing tells a mute service from applause but a second opinion: another
 * session that hears the same. That costs the service's billing minimum, so a room with much applause is given more time.
 */
export class MuteWatch {
  readonly #limits: MuteLimits;
  #patience: number;
  #doubtedMs = Number.NEGATIVE_INFINITY;
  #trusted = false;
  /** What the session had heard when it was last judged. */
  #judged: Hearing = unheard;

  constructor(limits: MuteLimits = muteLimits) {
    this.#limits = limits;
    this.#patience = limits.firstSamples;
  }

  /** Nobody has said a word although there is sound, and that is taken for noise. */
  get isTrusted(): boolean {
    return this.#trusted;
  }

  /** Whether a session that has heard so much should have said something by now. */
  doubts({ fed, unanswered }: Hearing): boolean {
    const since = unanswered - this.#judged.unanswered;
    if (!this.#trusted) return since >= this.#patience;
    return fed - this.#judged.fed >= this.#limits.trustedSamples && since >= this.#limits.firstSamples;
  }

  /** Whether that is enough for a second session to have said something, had there been words. */
  isEnough({ unanswered }: Hearing): boolean {
    return unanswered >= this.#limits.firstSamples;
  }

  /** A second session is asked, at this moment. */
  ask(hearing: Hearing, nowMs: number): void {
    const { firstSamples, maxSamples, calmMs } = this.#limits;
    const again = nowMs - this.#doubtedMs < calmMs;
    this.#patience = Math.min(maxSamples, 2 * (again ? this.#patience : firstSamples));
    this.#doubtedMs = nowMs;
    this.putOff(hearing);
  }

  /** There is no place for one: it is doubted again later. */
  putOff({ fed, unanswered }: Hearing): void {
    this.#judged = { fed, unanswered };
  }

  /** The second session said nothing either. */
  trust(hearing: Hearing): void {
    this.#trusted = true;
    this.putOff(hearing);
  }

  /** The session said something. */
  answered(nowMs: number): void {
    this.#trusted = false;
    this.#judged = unheard;
    if (nowMs - this.#doubtedMs >= this.#limits.calmMs) this.#patience = this.#limits.firstSamples;
  }

  /** Another session has taken its place, and must earn its own trust. */
  replaced(): void {
    this.#trusted = false;
    this.#judged = unheard;
  }
}

/**
 * Whether a session that is over heard so much at its end that an engine with prompt partials should have said something. One
 * that ended well has gone through all of it, whenever it was ready.
 */
export function isUnanswered({ wordless }: { readonly wordless: number }, engine: Engine): boolean {
  return engine.promptPartials && wordless >= muteLimits.firstSamples;
}
