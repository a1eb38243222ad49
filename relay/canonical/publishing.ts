import { createHash } from 'node:crypto';
import { codeOf, type Explained, SalaError } from '../../systemd/errors.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import {
  type CanonicalPointer,
  canonicalPointer,
  canonicalTranscript,
  companionKeys,
  type JobFailure,
  type JobIdentity,
  jobFailure,
  jobFolder,
  pointerKey,
  recordingFolder,
  type TalkAddress,
} from './contract.ts';

/** What a run has to give to readers. */
export interface Product {
  readonly transcript: Uint8Array;
  readonly vtt: Uint8Array;
  readonly srt: Uint8Array;
  readonly report: Told;
}

/** What of a transcript decides where the pointer goes. */
export interface Told {
  readonly engine: { readonly name: string };
  readonly canonical: boolean;
}

/**
 * What became of a run: its transcript counts (`moved`, or `there` since an earlier run), an other one counts more (`kept`),
 * an organizer has to look at it first (`withheld`), or its recording was deleted meanwhile (`withdrawn`).
 */
export type PointerState = 'moved' | 'there' | 'kept' | 'withheld' | 'withdrawn';

export interface Publication {
  readonly pointer: PointerState;
}

/** What earlier runs came to. */
export type Outcome =
  | ({ readonly state: 'published' } & Publication)
  | { readonly state: 'failed'; failure: JobFailure };

interface StoredFile {
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** A transcript with all that belongs to it. */
interface Whole {
  readonly told: Told;
  readonly files: Pick<CanonicalPointer, 'transcript' | 'captions_vtt' | 'captions_srt' | 'report'>;
}

/** Ten hours of words with their times are some 15 MiB. */
const maxTranscriptBytes = 256 * 1024 * 1024;
const maxSmallBytes = 64 * 1024;
/** Others that move the pointer at the very same time; each of them moves it once. */
const maxPointerMoves = 20;

/** By what they may be trusted with: an engine that hears better takes the place of one that hears worse. */
const ranks = ['pocketsphinx', 'whisper', 'parakeet'];

const fileOf = (key: string, body: Uint8Array): StoredFile => ({
  ...{ key, sha256: createHash('sha256').update(body).digest('hex') },
  bytes: body.length,
});
const jsonBytes = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`);

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return null;
  }
}

/** Whether the pointer may go from `current` to `next`: forward alone. */
function isForward(current: CanonicalPointer, next: { revision: number; engine: string }, replace: boolean): boolean {
  if (next.revision !== current.revision) return next.revision > current.revision;
  return replace || ranks.indexOf(next.engine) > ranks.indexOf(current.engine);
}

/**
 * Where runs put their transcripts, each once, however often and at however many places they run. What counts is one object,
 * `transcript.json`: the first of its run stays. The talk's pointer is moved after it, by conditions of the store.
 */
export class Publishing {
  readonly #store: ObjectStore;
  readonly #now: () => number;
  readonly #signal: AbortSignal | undefined;

  /** @param options `now` is wall clock time in ms; `signal` ends every call of the store */
  constructor({ store, now, signal }: { store: ObjectStore; now: () => number; signal?: AbortSignal }) {
    this.#store = store;
    this.#now = now;
    this.#signal = signal;
  }

  /**
   * What earlier runs of the same came to, finished where they were killed before they could; null: there was none.
   * @param replace the pointer may go to a transcript of an engine that hears no better
   */
  async outcome(run: JobIdentity, replace = false): Promise<Outcome | null> {
    const folder = jobFolder(run);
    const whole = await this.#whole(folder);
    if (whole && 'told' in whole) return { state: 'published', ...(await this.#finish(run, whole, replace)) };
    const body = await this.#get(`${folder}failed.json`, maxSmallBytes);
    const failure = jobFailure.safeParse(body && jsonOf(body.body));
    return failure.success ? { state: 'failed', failure: failure.data } : null;
  }

  /**
   * Writes a transcript and moves the pointer. Where another run of the same was faster, its transcript counts and is returned.
   * @throws {SalaError} of the store
   */
  async publish(run: JobIdentity, product: Product, replace = false): Promise<Publication> {
    const folder = jobFolder(run);
    const { transcript, report, vtt, srt } = product;
    const own = fileOf(`${folder}transcript.json`, transcript);
    const keys = companionKeys(folder, own.sha256);
    const files = {
      transcript: own,
      captions_vtt: await this.#putCompanion(keys.vtt, vtt, 'text/vtt; charset=utf-8'),
      captions_srt: await this.#putCompanion(keys.srt, srt, 'application/x-subrip; charset=utf-8'),
      report: await this.#putCompanion(keys.report, jsonBytes(report), 'application/json'),
    };
    const there = await this.#whole(folder);
    if (!there || 'void' in there) await this.#putOnce(own.key, transcript, 'application/json', there?.void);
    // Its own is not read again: it may be large.
    const whole = (await this.#isThere(own)) ? { told: report, files } : await this.#whole(folder);
    if (!whole || 'void' in whole)
      throw new SalaError(`What was written to ${folder} is not what lies there`, {
        code: 'store-damaged',
        hint: 'The store took it and gives back something else: look at its own health before anything else.',
      });
    return this.#finish(run, whole, replace);
  }

  /** What counts of a talk; null: nothing does. */
  async pointer(talk: TalkAddress): Promise<CanonicalPointer | null> {
    return (await this.#pointer(talk))?.pointer ?? null;
  }

  /** Leaves word that this run will not be tried again by itself; a transcript that is there counts more. */
  async fail(run: JobIdentity, { code, message, hint }: Explained): Promise<void> {
    const folder = jobFolder(run);
    const at = new Date(this.#now()).toISOString();
    const failure: JobFailure = { schema: 'sala.failure.v1', code, message, hint, engine: run.engine, at };
    await this.#store.put(`${folder}failed.json`, jsonBytes(failure), this.#options('application/json'));
    const whole = await this.#whole(folder);
    if (whole && 'told' in whole) await this.#clearFailure(folder);
    if (await this.#isDeleted(run)) await this.#withdraw(run);
  }

  async #finish(run: JobIdentity, whole: Whole, replace: boolean): Promise<Publication> {
    await this.#clearFailure(jobFolder(run));
    if (await this.#isDeleted(run)) return { pointer: await this.#withdraw(run) };
    const pointer = whole.told.canonical ? await this.#movePointer(run, whole, replace) : 'withheld';
    // Once more: it may have been deleted while the pointer moved.
    return { pointer: (await this.#isDeleted(run)) ? await this.#withdraw(run) : pointer };
  }

  async #movePointer(run: JobIdentity, { told, files }: Whole, replace: boolean): Promise<PointerState> {
    const { event, room, talk, revision } = run;
    const folder = jobFolder(run);
    const engine = told.engine.name;
    for (let moves = 0; moves < maxPointerMoves; moves++) {
      const current = await this.#pointer(run);
      if (current?.pointer?.folder === folder) return 'there';
      if (current?.pointer && !isForward(current.pointer, { revision, engine }, replace)) return 'kept';
      const generation = (current?.pointer?.generation ?? 0) + 1;
      const at = new Date(this.#now()).toISOString();
      const schema = 'sala.canonical.v1' as const;
      const next: CanonicalPointer = { schema, event, room, talk, revision, generation, engine, folder, ...files, at };
      if (await this.#putOnce(pointerKey(run), jsonBytes(next), 'application/json', current?.etag)) return 'moved';
    }
    throw new SalaError(`Others keep moving ${pointerKey(run)}`, {
      code: 'pointer-contended',
      hint: 'It is tried again by itself; see why so many jobs run for one talk.',
    });
  }

  /** null: there is none; without `pointer`: what is there is none. */
  async #pointer(talk: TalkAddress): Promise<{ etag: string; pointer: CanonicalPointer | null } | null> {
    const found = await this.#get(pointerKey(talk), maxSmallBytes);
    return found && { etag: found.etag, pointer: canonicalPointer.safeParse(jsonOf(found.body)).data ?? null };
  }

  /** The transcript in `folder`; `void` (its etag) where it lacks what belongs to it or cannot be read; null: none is there. */
  async #whole(folder: string): Promise<Whole | { readonly void: string } | null> {
    const key = `${folder}transcript.json`;
    const found = await this.#get(key, maxTranscriptBytes);
    if (!found) return null;
    const { data: told } = canonicalTranscript.safeParse(jsonOf(found.body));
    const transcript = fileOf(key, found.body);
    const keys = companionKeys(folder, transcript.sha256);
    const [vtt, srt, report] = await Promise.all([keys.vtt, keys.srt, keys.report].map((each) => this.#file(each)));
    if (!told || !vtt || !srt || !report) return { void: found.etag };
    return { told, files: { transcript, captions_vtt: vtt, captions_srt: srt, report } };
  }

  async #file(key: string): Promise<StoredFile | null> {
    const found = await this.#get(key, maxTranscriptBytes);
    return found && fileOf(key, found.body);
  }

  async #isDeleted(run: JobIdentity): Promise<boolean> {
    const key = `${recordingFolder(run, run.revision)}manifest.json`;
    return (await this.#store.head(key, this.#signal)) === null;
  }

  /** A talk that was deleted while its job ran: nothing of it is to come back. */
  async #withdraw(run: JobIdentity): Promise<PointerState> {
    const folder = jobFolder(run);
    const current = await this.#pointer(run);
    if (current?.pointer?.folder === folder) await this.#store.delete(pointerKey(run), this.#signal);
    for (;;) {
      const { objects } = await this.#store.list(folder, undefined, this.#signal);
      if (objects.length === 0) return 'withdrawn';
      for (const { key } of objects) await this.#store.delete(key, this.#signal);
    }
  }

  async #clearFailure(folder: string): Promise<void> {
    const key = `${folder}failed.json`;
    if (await this.#store.head(key, this.#signal)) await this.#store.delete(key, this.#signal);
  }

  async #get(key: string, maxBytes: number): Promise<{ body: Uint8Array; etag: string } | null> {
    try {
      return await this.#store.get(key, maxBytes, this.#signal);
    } catch (error) {
      if (codeOf(error) === 'store-missing') return null;
      throw error;
    }
  }

  /** What a transcript leans on is known to be there before the transcript is. */
  async #putCompanion(key: string, body: Uint8Array, contentType: string): Promise<StoredFile> {
    const file = fileOf(key, body);
    await this.#putOnce(key, body, contentType);
    await this.#verify(file);
    return file;
  }

  async #isThere(file: StoredFile): Promise<boolean> {
    try {
      await this.#verify(file);
      return true;
    } catch (error) {
      if (codeOf(error) !== 'store-damaged' && codeOf(error) !== 'store-missing') throw error;
      return false;
    }
  }

  #verify({ key, ...content }: StoredFile): Promise<void> {
    return this.#store.verify(key, { ...content, parts: [] }, this.#signal);
  }

  /** @param ifMatch what is to be replaced; without it nothing may be there. @returns false where another was faster */
  async #putOnce(key: string, body: Uint8Array, contentType: string, ifMatch?: string): Promise<boolean> {
    const condition = ifMatch === undefined ? { ifAbsent: true } : { ifMatch };
    try {
      await this.#store.put(key, body, { ...this.#options(contentType), ...condition });
      return true;
    } catch (error) {
      // What was to be replaced may have been deleted.
      const lost = ifMatch === undefined ? ['store-exists'] : ['store-changed', 'store-missing'];
      if (lost.includes(codeOf(error))) return false;
      throw error;
    }
  }

  #options(contentType: string) {
    return { contentType, ...(this.#signal && { signal: this.#signal }) };
  }
}
