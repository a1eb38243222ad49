import type { LanguageCode } from '@aws-sdk/client-transcribe-streaming';
import type { Logger } from '../systemd/log.ts';
import { type VocabularyFault, type VocabularyService, vocabularyFault } from './engines/transcribe-vocabularies.ts';

/** Figures of patience; the service says nothing of how long it takes, in practice minutes. */
export const shelfLimits = {
  /** Changes come in bursts: what organizers type is waited for, but not for ever. */
  changeDelayMs: 3000,
  maxChangeDelayMs: 30_000,
  firstPollMs: 2000,
  maxPollMs: 30_000,
  /** After it, it is said that something is wrong, and asked for now and then. */
  maxPendingMs: 3_600_000,
  firstRetryMs: 5000,
  maxRetryMs: 300_000,
  /** What is not needed any more may be needed again, as when a room goes back to its language. */
  keepMs: 600_000,
  /** What the service refused or failed to make may have been its own fault. */
  tryAgainMs: 3_600_000,
  /** Somebody else may have changed something in the account. */
  lookAgainMs: 600_000,
  /** Quota of an account in a region (Custom vocabularies, considerations). */
  maxVocabularies: 100,
};
export type ShelfLimits = typeof shelfLimits;

export interface WantedVocabulary {
  readonly language: LanguageCode;
  readonly entries: readonly string[];
}

/** `waiting`: it is about to be made; `unavailable`: the service cannot be asked, or keeps no more. */
export type VocabularyState = 'waiting' | 'pending' | 'ready' | 'failed' | 'unavailable';

export interface VocabularyStatus {
  readonly state: VocabularyState;
  /** Empty where there is nothing to tell. */
  readonly message: string;
  readonly hint: string;
}

interface Kept {
  state: 'PENDING' | 'READY' | 'FAILED';
  /** When it was first seen in this state. */
  sinceMs: number;
  /** Since when nobody needs it; null while somebody does. */
  unneededSinceMs: number | null;
  reason: string;
}

interface Setback {
  readonly fault: VocabularyFault;
  readonly atMs: number;
}

export interface ShelfParts {
  readonly service: VocabularyService;
  /** Begins the names of all that are ours; nothing else is touched. */
  readonly prefix: string;
  readonly log: Logger;
  readonly limits: ShelfLimits;
  /** Whether it is still of use although it is not wanted: it stands in for one that is not ready. */
  readonly standsIn: (name: string) => boolean;
  /** It is known anew what there is. */
  readonly looked: () => void;
  /** Nothing of ours is there, and nothing is wanted. */
  readonly emptied: () => void;
}

/**
 * Our vocabularies in one region. What is wanted is compared with what the service lists, and made or deleted; a name
 * stands for its content and never changes it, so nothing in use is touched, and whatever a crash left is found again.
 */
export class VocabularyShelf {
  readonly #parts: ShelfParts;
  readonly #abort = new AbortController();
  readonly #kept = new Map<string, Kept>();
  readonly #setbacks = new Map<string, Setback>();
  readonly #uses = new Map<string, number>();
  #wanted: ReadonlyMap<string, WantedVocabulary> = new Map();
  #timer: NodeJS.Timeout | undefined;
  #working = false;
  #changedSinceMs: number | null = null;
  #polls = 0;
  #faults = 0;
  #fault: VocabularyFault | null = null;

  constructor(parts: ShelfParts) {
    this.#parts = parts;
  }

  /** These and no others, by name. */
  want(wanted: ReadonlyMap<string, WantedVocabulary>): void {
    this.#wanted = wanted;
    this.#polls = 0;
    this.#changedSinceMs ??= Date.now();
    const { changeDelayMs, maxChangeDelayMs } = this.#parts.limits;
    this.#schedule(Math.max(0, Math.min(changeDelayMs, this.#changedSinceMs + maxChangeDelayMs - Date.now())));
  }

  /** What was ready when the relay ended is taken to be so, until it is known: a session that opens at once needs it. */
  assumeReady(names: readonly string[]): void {
    for (const name of names)
      this.#kept.set(name, { state: 'READY', sinceMs: Date.now(), unneededSinceMs: null, reason: '' });
  }

  get ready(): string[] {
    return [...this.#kept].flatMap(([name, { state }]) => (state === 'READY' ? [name] : []));
  }

  isReady(name: string): boolean {
    const setback = this.#setbacks.get(name);
    const isRefused = setback !== undefined && Date.now() - setback.atMs < this.#parts.limits.tryAgainMs;
    return this.#kept.get(name)?.state === 'READY' && !isRefused;
  }

  status(name: string): VocabularyStatus {
    const kept = this.#kept.get(name);
    const setback = this.#setbacks.get(name);
    if (setback) return { state: setback.fault.kind === 'limit' ? 'unavailable' : 'failed', ...words(setback.fault) };
    if (kept?.state === 'READY') return { state: 'ready', message: '', hint: '' };
    if (kept?.state === 'FAILED')
      return {
        state: 'failed',
        message: `Amazon Transcribe could not make the vocabulary: ${kept.reason || 'it does not say why'}`,
        hint: 'Change the phrases it names. Captions go on without.',
      };
    if (this.#fault) return { state: 'unavailable', ...words(this.#fault) };
    if (kept && Date.now() - kept.sinceMs > this.#parts.limits.maxPendingMs)
      return {
        state: 'failed',
        message: 'Amazon Transcribe has been making the vocabulary for too long.',
        hint: 'See it in the AWS console; Sala uses it as soon as it is ready.',
      };
    return { state: kept ? 'pending' : 'waiting', message: '', hint: '' };
  }

  /** A session uses it: it is not deleted until `release`. */
  take(name: string): void {
    this.#uses.set(name, (this.#uses.get(name) ?? 0) + 1);
  }

  release(name: string): void {
    const left = (this.#uses.get(name) ?? 1) - 1;
    if (left > 0) this.#uses.set(name, left);
    else this.#uses.delete(name);
  }

  /** A session was refused because of it: it is left alone for a while. */
  refused(name: string): void {
    this.#setbacks.set(name, {
      atMs: Date.now(),
      fault: {
        kind: 'refused',
        code: 'vocabulary-unusable',
        message: 'Amazon Transcribe refused a session with this vocabulary.',
        hint: 'See it in the AWS console. Captions go on without; Sala tries it again in an hour.',
      },
    });
    this.#schedule(0);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#abort.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#round().catch((error) => this.#parts.log.error({ err: error }, 'Keeping vocabularies stumbled'));
    }, delayMs);
    this.#timer.unref();
  }

  async #round(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    this.#changedSinceMs = null;
    try {
      await this.#look();
      await this.#deleteUnneeded((unneededMs) => unneededMs >= this.#parts.limits.keepMs);
      await this.#make();
      this.#parts.looked();
      if (this.#fault) this.#parts.log.info({ event: 'vocabularies-back' }, 'Vocabularies can be kept again');
      this.#fault = null;
      this.#faults = 0;
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#working = false;
    }
    if (this.#abort.signal.aborted) return; // what there is may not be known
    if (this.#changedSinceMs !== null) this.want(this.#wanted);
    else this.#scheduleNext();
  }

  #failed(error: unknown): void {
    if (this.#abort.signal.aborted) return;
    const fault = vocabularyFault(error);
    if (this.#fault?.code !== fault.code)
      this.#parts.log.warn({ ...fault, event: 'vocabularies' }, 'Vocabularies cannot be kept now; captions go on');
    this.#fault = fault;
    this.#faults++;
  }

  #scheduleNext(): void {
    const { limits } = this.#parts;
    const grown = (first: number, times: number, factor: number, cap: number) => Math.min(cap, first * factor ** times);
    if (this.#fault) this.#schedule(grown(limits.firstRetryMs, this.#faults - 1, 2, limits.maxRetryMs));
    else if (this.#isPending) this.#schedule(grown(limits.firstPollMs, this.#polls++, 1.5, limits.maxPollMs));
    else if (this.#kept.size > 0 || this.#wanted.size > 0) this.#schedule(this.#nextLookMs());
    else this.#parts.emptied();
  }

  get #isPending(): boolean {
    return [...this.#wanted.keys()].some((name) => {
      const kept = this.#kept.get(name);
      if (!kept) return !this.#setbacks.has(name);
      return kept.state === 'PENDING' && Date.now() - kept.sinceMs < this.#parts.limits.maxPendingMs;
    });
  }

  #nextLookMs(): number {
    const { keepMs, lookAgainMs, maxRetryMs } = this.#parts.limits;
    const isWaiting = [...this.#setbacks.values()].some(({ fault }) => fault.kind === 'limit');
    const deletions = [...this.#kept.values()].flatMap(({ unneededSinceMs }) =>
      unneededSinceMs === null ? [] : [Math.max(1000, unneededSinceMs + keepMs - Date.now())],
    );
    return Math.min(lookAgainMs, isWaiting ? maxRetryMs : lookAgainMs, ...deletions);
  }

  /** What there is, and what became of it. */
  async #look(): Promise<void> {
    const { service, prefix, standsIn, limits } = this.#parts;
    const { signal } = this.#abort;
    const listed = (await service.list(prefix, signal)).filter(({ name }) => name.startsWith(prefix));
    const now = Date.now();
    const names = new Set(listed.map(({ name }) => name));
    for (const name of this.#kept.keys()) {
      if (names.has(name)) continue;
      // Gone, and so is whatever spoke against it.
      this.#kept.delete(name);
      this.#setbacks.delete(name);
    }
    for (const { name, state } of listed) {
      const known = this.#kept.get(name);
      const isNeeded = this.#wanted.has(name) || standsIn(name);
      const kept: Kept = {
        state,
        sinceMs: known?.state === state ? known.sinceMs : now,
        unneededSinceMs: isNeeded ? null : (known?.unneededSinceMs ?? now),
        reason: known?.state === state ? known.reason : '',
      };
      this.#kept.set(name, kept);
      if (state === 'FAILED' && kept.reason === '') await this.#tellFailure(name, kept);
      else if (state === 'READY' && known?.state === 'PENDING')
        this.#parts.log.info({ event: 'vocabulary-ready', name }, 'A vocabulary is ready');
    }
    for (const [name, { atMs, fault }] of this.#setbacks) {
      // One that is there and not wanted may stand in for another, and would be refused once more.
      const isOfUse = this.#wanted.has(name) || this.#kept.has(name);
      if (fault.kind === 'limit' || !isOfUse || now - atMs >= limits.tryAgainMs) this.#setbacks.delete(name);
    }
    // What failed may have failed by the service's own fault: once an hour it is made anew.
    for (const [name, { state, sinceMs }] of this.#kept)
      if (state === 'FAILED' && now - sinceMs >= limits.tryAgainMs) await this.#delete(name);
  }

  async #tellFailure(name: string, kept: Kept): Promise<void> {
    kept.reason = await this.#parts.service.failureReason(name, this.#abort.signal);
    this.#parts.log.warn({ event: 'vocabulary-failed', name, reason: kept.reason }, 'A vocabulary could not be made');
  }

  async #make(): Promise<void> {
    let full: VocabularyFault | null = null;
    for (const [name, wanted] of this.#wanted) {
      if (this.#kept.has(name) || this.#setbacks.has(name)) continue;
      if (full) {
        this.#setbacks.set(name, { fault: full, atMs: Date.now() });
        continue;
      }
      if (this.#kept.size >= this.#parts.limits.maxVocabularies) await this.#deleteUnneeded(() => true);
      let fault = await this.#create(name, wanted);
      if (fault?.kind === 'limit' && (await this.#deleteUnneeded(() => true))) fault = await this.#create(name, wanted);
      if (!fault) continue;
      if (fault.kind === 'limit') full = fault;
      this.#setbacks.set(name, { fault, atMs: Date.now() });
      this.#parts.log.warn({ ...fault, event: 'vocabulary-refused', name }, 'A vocabulary could not be made');
    }
  }

  /** Why it cannot be made; null where it is being made. */
  async #create(name: string, { language, entries }: WantedVocabulary): Promise<VocabularyFault | null> {
    try {
      await this.#parts.service.create(name, language, entries, this.#abort.signal);
    } catch (error) {
      const fault = vocabularyFault(error);
      if (fault.kind === 'unavailable') throw error;
      if (fault.kind !== 'conflict') return fault;
      // A call that was made and not answered: it is there.
    }
    this.#kept.set(name, { state: 'PENDING', sinceMs: Date.now(), unneededSinceMs: null, reason: '' });
    return null;
  }

  /** Whether any was deleted. */
  async #deleteUnneeded(isDue: (unneededMs: number) => boolean): Promise<boolean> {
    let deleted = false;
    for (const [name, { unneededSinceMs }] of [...this.#kept])
      if (unneededSinceMs !== null && isDue(Date.now() - unneededSinceMs) && !this.#uses.has(name))
        deleted = (await this.#delete(name)) || deleted;
    return deleted;
  }

  async #delete(name: string): Promise<boolean> {
    try {
      await this.#parts.service.delete(name, this.#abort.signal);
    } catch (error) {
      // One that is being made cannot be deleted: the next time.
      if (vocabularyFault(error).kind === 'unavailable') throw error;
      return false;
    }
    this.#kept.delete(name);
    return true;
  }
}

const words = ({ message, hint }: VocabularyFault) => ({ message, hint });
