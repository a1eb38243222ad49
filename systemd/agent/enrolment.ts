import { RetrySchedule } from '../../device/retry.ts';
import type { EnrolmentAnswer } from '../../relay/kit-protocol.ts';
import type { Explained } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { EnrolmentOutcome, EnrolmentRequest } from './enrolment-call.ts';
import { type Identity, idOf } from './identity.ts';
import { diskFailed, keyDamaged, noToken, tokenDamaged } from './problems.ts';

export interface EnrolmentOptions {
  readonly identity: Identity;
  /** The one-time token that there is; null where there is none of use. */
  readonly token: () => Promise<{ readonly token: string } | { readonly problem: Explained } | null>;
  readonly ask: (request: EnrolmentRequest) => Promise<EnrolmentOutcome>;
  readonly version: string;
  readonly serial?: string | undefined;
  readonly random: () => number;
  readonly log: Logger;
  /** The kit's key is in its place and good; `identity` has it. */
  readonly onEnrolled: (answer: EnrolmentAnswer) => void;
  /** `problem` changed. */
  readonly onChange: () => void;
}

export const enrolmentTokenPattern = /^enr_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$/;
/** How often it is looked whether there is a token, where there was none of use; and how soon one refused is tried again. */
const lookEveryMs = 10_000;
const refusedRetryMs = 300_000;
const maxRetryAfterMs = 300_000;

/**
 * Exchanges the one-time token on the card for the kit's own key: for ever, until it succeeds. A kit that is enrolled already
 * goes on with its key until another token is taken.
 */
export class Enrolment {
  readonly #options: EnrolmentOptions;
  readonly #retry: RetrySchedule;
  #problem: Explained | null = null;
  #timer: NodeJS.Timeout | undefined;
  #asking: Promise<void> | null = null;
  #stopped = false;
  /** What was refused, and when to ask once more all the same: a relay may be restored from its backup. */
  #refused: { readonly token: string; readonly untilMs: number } | null = null;

  constructor(options: EnrolmentOptions) {
    this.#options = options;
    this.#retry = new RetrySchedule({ minMs: 1000, maxMs: 30_000, random: options.random });
  }

  /** Why the kit is not enrolled, or not anew; null where it is and no token waits, or while nothing is known yet. */
  get problem(): Explained | null {
    return this.#problem;
  }

  start(): void {
    this.#next(0);
  }

  /** Looks at once whether there is a token of use. */
  look(): void {
    if (this.#asking === null) this.#next(0);
  }

  /** What is on its way is waited for: what the relay answers must not be lost where it can be kept. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#asking;
  }

  #next(ms: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#asking = this.#step().then(
        (waitMs) => {
          this.#asking = null;
          this.#next(waitMs);
        },
        (error: unknown) => {
          this.#asking = null;
          this.#set(diskFailed('be enrolled', error));
          this.#next(lookEveryMs);
        },
      );
    }, ms);
  }

  /** @returns milliseconds until the next */
  async #step(): Promise<number> {
    const { identity, ask, version, serial, onEnrolled } = this.#options;
    // Where that was not possible before.
    await identity.settle();
    const found = await this.#options.token();
    if (found && 'problem' in found) {
      this.#set(found.problem);
      return this.#retryMs(null);
    }
    const token = found?.token ?? '';
    if (token === '' || idOf(token) === identity.marker?.tokenId) {
      this.#set(identity.key !== null ? null : identity.isDamaged ? keyDamaged : noToken);
      return lookEveryMs;
    }
    if (!enrolmentTokenPattern.test(token)) {
      this.#set(identity.key !== null ? null : tokenDamaged);
      return lookEveryMs;
    }
    if (this.#refused?.token === token && performance.now() < this.#refused.untilMs) return lookEveryMs;
    const key = await identity.candidateFor(idOf(token));
    const outcome = await ask({ token, key, version, ...(serial !== undefined && { serial }) });
    if ('answer' in outcome) {
      await identity.accepted(outcome.answer);
      await identity.settle();
      this.#refused = null;
      this.#retry.ended(Number.POSITIVE_INFINITY);
      this.#set(null);
      onEnrolled(outcome.answer);
      return lookEveryMs;
    }
    this.#set(outcome.problem);
    if (outcome.problem.code === 'enrolment-key') await identity.rejected();
    if (outcome.refused) {
      this.#refused = { token, untilMs: performance.now() + refusedRetryMs };
      return lookEveryMs;
    }
    return this.#retryMs(outcome.retryAfterMs);
  }

  #retryMs(askedMs: number | null): number {
    return Math.max(this.#retry.next(), 250, Math.min(maxRetryAfterMs, askedMs ?? 0));
  }

  /** Says a change once. */
  #set(problem: Explained | null): void {
    const changed = problem?.code !== this.#problem?.code;
    this.#problem = problem;
    if (!changed) return;
    const { log, onChange } = this.#options;
    if (problem) log.warn({ code: problem.code, reason: problem.message }, 'enrolment');
    else log.info({ kit: this.#options.identity.marker?.kit }, 'enrolment');
    onChange();
  }
}
