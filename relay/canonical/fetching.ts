import { SalaError } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import type { Recording, Recordings } from '../archive/recordings.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import type { FetchedTranscripts, Trouble } from './fetched.ts';
import { readInThread } from './reading.ts';
import { type LookParts, type Refusals, StoreLook } from './store-look.ts';

export const fetchingLimits = {
  /** Talks that are looked at at the same time. */
  maxAtOnce: 2,
  /** After a start, all talks are looked at within this time. */
  firstLookWithinMs: 30_000,
  firstPauseMs: 15_000,
  /** While the store does not answer. */
  faultPauseMs: 5000,
  maxFaultPauseMs: 15 * 60_000,
} as const;

const hourMs = 3_600_000;

/** How often a talk is looked at, at the most: at first a transcript is awaited, later one may still be replaced. */
function longestPauseMs(ageMs: number, hasTranscript: boolean): number {
  if (hasTranscript) return ageMs < 7 * 24 * hourMs ? hourMs : 24 * hourMs;
  if (ageMs < 6 * hourMs) return 60_000;
  return ageMs < 72 * hourMs ? 15 * 60_000 : 6 * hourMs;
}

export interface FetchingParts {
  readonly store: ObjectStore;
  readonly recordings: Pick<Recordings, 'all' | 'get' | 'listen'>;
  readonly fetched: FetchedTranscripts;
  readonly hasRoom: (name: string) => boolean;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly now?: () => number;
  readonly random?: () => number;
  readonly read?: LookParts['read'];
}

/** A talk that is looked after. */
interface Watch {
  readonly room: string;
  readonly talk: string;
  nextMs: number;
  pauseMs: number;
  lookedMs: number | null;
  isBusy: boolean;
  readonly refusals: Refusals;
}

/**
 * Looks again and again in the store for what jobs made of the recordings, and has it taken into the relay: often while a
 * transcript is awaited, seldom later, hardly while the store does not answer. What readers see is decided elsewhere.
 */
export class TranscriptFetching {
  readonly #parts: Required<Omit<FetchingParts, 'read'>>;
  readonly #look: StoreLook;
  readonly #watches = new Map<string, Watch>();
  readonly #abort = new AbortController();
  readonly #looks = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #unlisten: () => void = () => {};
  #faultPauseMs: number = fetchingLimits.faultPauseMs;
  #blockedUntilMs = 0;
  /** Looks that were begun. */
  looked = 0;
  /** Why the store cannot be asked; null: it can. */
  fault: (Trouble & { readonly sinceMs: number }) | null = null;

  constructor({ now = Date.now, random = Math.random, read = readInThread, ...parts }: FetchingParts) {
    this.#parts = { now, random, ...parts };
    this.#look = new StoreLook({ ...parts, read, signal: this.#abort.signal });
  }

  /** Transcripts that were taken over, were no good, or were too many. */
  get counters(): Readonly<StoreLook['counters']> {
    return this.#look.counters;
  }

  start(): void {
    const { recordings, fetched, random, now } = this.#parts;
    for (const { room, talk } of fetched.talks()) {
      const recording = recordings.get(room, talk);
      if (!recording || recording.state === 'deleted') fetched.forget(room, talk);
      else fetched.keepRevision(room, talk, recording.revision);
    }
    for (const recording of recordings.all())
      if (recording.state === 'stored') this.#watch(recording, now() + random() * fetchingLimits.firstLookWithinMs);
    this.#unlisten = recordings.listen({ changed: (recording) => this.#changed(recording) });
    this.#plan();
  }

  /** Nothing is fetched any more once it resolves. */
  async stop(): Promise<void> {
    this.#unlisten();
    clearTimeout(this.#timer);
    this.#abort.abort();
    await Promise.all(this.#looks);
  }

  /** When a talk was last looked at, and when it will be, room time; null: it is not looked after. */
  looks(room: string, talk: string): { lookedMs: number | null; nextMs: number } | null {
    const watch = this.#watches.get(`${room}/${talk}`);
    return watch ? { lookedMs: watch.lookedMs, nextMs: Math.max(watch.nextMs, this.#blockedUntilMs) } : null;
  }

  /** A deleted talk is gone from here at once; a recording that was changed takes its transcripts along. */
  #changed(recording: Recording): void {
    const { fetched, now } = this.#parts;
    const { room, talk, state, revision } = recording;
    if (state === 'deleted') {
      this.#watches.delete(`${room}/${talk}`);
      fetched.forget(room, talk);
      return;
    }
    fetched.keepRevision(room, talk, revision);
    if (state !== 'stored') return;
    this.#watch(recording, now() + fetchingLimits.firstPauseMs);
    this.#plan();
  }

  #watch({ room, talk }: Recording, nextMs: number): void {
    this.#watches.set(`${room}/${talk}`, {
      ...{ room, talk, nextMs, pauseMs: fetchingLimits.firstPauseMs },
      ...{ lookedMs: null, isBusy: false, refusals: new Map() },
    });
  }

  #plan(): void {
    clearTimeout(this.#timer);
    if (this.#abort.signal.aborted || this.#free <= 0) return;
    const nextMs = [...this.#watches.values()]
      .filter(({ isBusy }) => !isBusy)
      .reduce((least, each) => Math.min(least, each.nextMs), Number.POSITIVE_INFINITY);
    // Clocks jump: whatever they say, it is looked again within the hour.
    const waitMs = Math.min(hourMs, Math.max(0, this.#blockedUntilMs - this.#parts.now(), nextMs - this.#parts.now()));
    if (nextMs < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#lookAtDue(), waitMs).unref();
  }

  /** While the store is not known to answer, one asks for all. */
  get #free(): number {
    return (this.fault ? 1 : fetchingLimits.maxAtOnce) - this.#looks.size;
  }

  #lookAtDue(): void {
    const nowMs = this.#parts.now();
    const due = [...this.#watches.values()]
      .filter(({ isBusy, nextMs }) => !isBusy && nextMs <= nowMs && this.#blockedUntilMs <= nowMs)
      .sort((a, b) => a.nextMs - b.nextMs);
    for (const watch of due.slice(0, this.#free)) {
      watch.isBusy = true;
      const look: Promise<void> = this.#lookAt(watch).finally(() => {
        watch.isBusy = false;
        this.#looks.delete(look);
        this.#plan();
      });
      this.#looks.add(look);
    }
    this.#plan();
  }

  async #lookAt(watch: Watch): Promise<void> {
    const { recordings, hasRoom, now, random, fetched, log } = this.#parts;
    const { room, talk } = watch;
    const recording = recordings.get(room, talk);
    if (recording?.state !== 'stored' || !hasRoom(room)) {
      this.#watches.delete(`${room}/${talk}`);
      return;
    }
    this.looked++;
    let hasNews = false;
    try {
      hasNews = await this.#look.look(recording, watch.refusals);
      this.#answered();
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      if (error instanceof SalaError && error.code.startsWith('store-')) this.#failed(error);
      else log.warn({ event: 'transcripts', err: error, room, talk }, 'A talk could not be looked at');
    }
    const nowMs = now();
    const ageMs = nowMs - (recording.toMs ?? recording.fromMs);
    const longestMs = longestPauseMs(ageMs, fetched.versions(room, talk).length > 0);
    watch.lookedMs = nowMs;
    watch.pauseMs = hasNews ? fetchingLimits.firstPauseMs : Math.min(longestMs, watch.pauseMs * 1.5);
    watch.nextMs = nowMs + watch.pauseMs * (0.75 + 0.5 * random());
  }

  #answered(): void {
    if (this.fault) this.#parts.log.info({ event: 'transcripts' }, 'The store of the recordings answers again');
    this.fault = null;
    this.#faultPauseMs = fetchingLimits.faultPauseMs;
    this.#blockedUntilMs = 0;
  }

  #failed({ code, message, hint }: SalaError): void {
    const { store, log, now, random } = this.#parts;
    if (this.fault?.code !== code)
      log.warn({ event: 'transcripts', code, reason: message }, `Transcripts cannot be fetched from the ${store.name}`);
    this.fault = { code, message, hint, sinceMs: this.fault?.sinceMs ?? now() };
    this.#blockedUntilMs = now() + this.#faultPauseMs * (0.75 + 0.5 * random());
    this.#faultPauseMs = Math.min(fetchingLimits.maxFaultPauseMs, this.#faultPauseMs * 2);
  }
}
