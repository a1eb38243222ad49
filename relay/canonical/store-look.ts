import { createHash } from 'node:crypto';
import { SalaError } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import type { Recording, Recordings } from '../archive/recordings.ts';
import { tryWrite } from '../database.ts';
import type { ObjectStore, StoredObject } from '../objects/object-store.ts';
import {
  type CanonicalPointer,
  canonicalPointer,
  companionKeys,
  jobFailure,
  pointerKey,
  recordingOf,
  type TalkAddress,
  transcriptsFolder,
} from './contract.ts';
import type { FailedRun, FetchedTranscripts, TalkState, Version } from './fetched.ts';
import { type Expected, type ReadTranscript, transcriptLimits } from './transcript-rows.ts';

export const lookLimits = {
  /** Of a talk, beside what organizers have chosen. */
  maxVersions: 4,
  maxFailures: 8,
  /** In the folder of a talk's transcripts. */
  maxObjects: 5000,
  maxPointerBytes: 64 * 1024,
  maxReportBytes: 2 * 1024 * 1024,
  /** How often what came damaged is fetched again. */
  maxTries: 5,
  maxLetters: 1000,
} as const;

export interface LookParts {
  readonly store: ObjectStore;
  readonly recordings: Pick<Recordings, 'get'>;
  readonly fetched: FetchedTranscripts;
  readonly log: Pick<Logger, 'info'>;
  readonly read: (bytes: Uint8Array, expected: Expected) => Promise<ReadTranscript>;
  readonly signal: AbortSignal;
}

/** It concerns one talk; the store itself answers. */
class TalkTrouble extends SalaError {}

const again = 'Have the talk transcribed again (npm run canonical with --replace); readers have what they had before.';
const trouble = (code: string, message: string, hint = again) => new TalkTrouble(message, { code, hint });

/** What of a talk could not be used, by key and etag: how often, and why. */
export type Refusals = Map<string, { readonly times: number; readonly trouble: TalkTrouble }>;

/** A talk, and what it has in the store. */
interface Looked {
  readonly recording: Recording;
  readonly address: TalkAddress;
  readonly refusals: Refusals;
  /** By key. */
  readonly objects: ReadonlyMap<string, StoredObject>;
  /** Folders of runs on the recording's present revision. */
  readonly folders: readonly string[];
}

/** One look at what jobs made of one recording: what is new, right and of use is taken over. */
export class StoreLook {
  readonly #parts: LookParts;
  readonly counters = { fetched: 0, refused: 0, leftOut: 0 };

  constructor(parts: LookParts) {
    this.#parts = parts;
  }

  /** @returns whether anything was new @throws {SalaError} `store-…` where the store itself does not answer */
  async look(recording: Recording, refusals: Refusals): Promise<boolean> {
    const { fetched } = this.#parts;
    const { room, talk } = recording;
    const address = recording.manifestKey === null ? null : recordingOf(recording.manifestKey);
    if (!address) return false;
    const looked: Looked = { recording, address, refusals, ...(await this.#list(address, recording.revision)) };
    const troubles: TalkTrouble[] = [];
    const unlessTrouble = async (step: Promise<boolean>): Promise<boolean> => {
      try {
        return await step;
      } catch (error) {
        if (!(error instanceof TalkTrouble)) throw error;
        troubles.push(error);
        return false;
      }
    };
    let hasNews = await unlessTrouble(this.#followPointer(looked));
    for (const folder of this.#wanted(looked)) hasNews = (await unlessTrouble(this.#take(looked, folder))) || hasNews;
    for (const version of fetched.versions(room, talk)) await unlessTrouble(this.#takeReport(looked, version));
    const failures = await this.#failures(looked);
    const [first] = troubles;
    const told = first ? { code: first.code, message: first.message, hint: first.hint } : null;
    const before = fetched.state(room, talk);
    if (JSON.stringify([before.trouble, before.failures]) !== JSON.stringify([told, failures]))
      this.#keep(recording, { trouble: told, failures });
    this.#prune(recording);
    return hasNews;
  }

  async #list(address: TalkAddress, revision: number): Promise<Pick<Looked, 'objects' | 'folders'>> {
    const { store, signal } = this.#parts;
    const prefix = transcriptsFolder(address);
    const objects = new Map<string, StoredObject>();
    let after: string | undefined;
    while (objects.size < lookLimits.maxObjects) {
      const { objects: found, more } = await store.list(prefix, after, signal);
      for (const each of found) objects.set(each.key, each);
      after = found.at(-1)?.key;
      if (!more || after === undefined) break;
    }
    const run = new RegExp(`^r${revision}-[a-z0-9][a-z0-9-]{0,80}/(?:transcript|failed)\\.json$`);
    const folders = [...objects.keys()]
      .filter((key) => key.startsWith(prefix) && run.test(key.slice(prefix.length)))
      .map((key) => key.slice(0, key.lastIndexOf('/') + 1));
    return { objects, folders: [...new Set(folders)] };
  }

  /** Takes note of which transcript counts; never of an older one than before. */
  async #followPointer({ recording, address, refusals, objects }: Looked): Promise<boolean> {
    const found = objects.get(pointerKey(address));
    const before = this.#parts.fetched.state(recording.room, recording.talk).pointer;
    if (!found || found.etag === before?.etag) return false;
    const known = refusals.get(`${found.key} ${found.etag}`);
    if (known) throw known.trouble;
    const { body, etag } = await this.#get(found.key, lookLimits.maxPointerBytes);
    const { data: pointer } = canonicalPointer.safeParse(jsonIn(body));
    const fault = faultOf(pointer, address, recording.revision, before);
    if (!pointer || fault) {
      const refused = fault ?? trouble('pointer-invalid', 'What says which transcript counts cannot be read.');
      this.#refuse(refusals, `${found.key} ${found.etag}`, refused);
      throw refused;
    }
    const { generation, revision, folder, transcript } = pointer;
    return this.#keep(recording, { pointer: { etag, generation, revision, folder, sha256: transcript.sha256 } });
  }

  /** What counts first, then what an organizer chose, then what else there is. */
  #wanted({ recording: { room, talk, revision }, folders, objects }: Looked): string[] {
    const { pointer, choice } = this.#parts.fetched.state(room, talk);
    const whole = folders.filter((folder) => objects.has(`${folder}transcript.json`));
    const isFirst = (folder: string) =>
      (pointer?.revision === revision && pointer.folder === folder) ||
      (choice.kind === 'version' && choice.name.startsWith(nameOf(folder)));
    const [first, rest] = [whole.filter(isFirst), whole.filter((folder) => !isFirst(folder))];
    this.counters.leftOut += Math.max(0, rest.length - lookLimits.maxVersions);
    return [...first, ...rest.slice(0, lookLimits.maxVersions)];
  }

  async #take({ recording, address, refusals, objects }: Looked, folder: string): Promise<boolean> {
    const { fetched, read, log, recordings, signal } = this.#parts;
    const { room, talk, revision } = recording;
    const object = objects.get(`${folder}transcript.json`);
    if (!object) return false;
    const { pointer } = fetched.state(room, talk);
    const published = pointer?.folder === folder ? pointer.sha256 : null;
    const isHeld = (each: Version) =>
      each.folder === folder && (published === null ? each.etag === object.etag : each.sha256 === published);
    if (fetched.versions(room, talk).some(isHeld)) return false;
    const attempt = `${object.key} ${object.etag} ${published}`;
    const known = refusals.get(attempt);
    if (known && known.times >= lookLimits.maxTries) throw known.trouble;
    try {
      if (object.bytes > transcriptLimits.maxBytes)
        throw trouble(
          'transcript-too-large',
          `A transcript in the store has ${object.bytes} bytes: no talk needs so many.`,
        );
      const { body, etag } = await this.#get(object.key, transcriptLimits.maxBytes);
      const sha256 = createHash('sha256').update(body).digest('hex');
      if (published !== null && sha256 !== published)
        throw trouble(
          'transcript-damaged',
          'The transcript in the store is not the one that was published: its hash differs.',
        );
      // A run that has not come to its end, or never will.
      if (published === null && !objects.has(companionKeys(folder, sha256).vtt)) return false;
      const transcript = await read(body, { ...address, revision }).catch(asTrouble);
      const isWanted = () => {
        const now = recordings.get(room, talk);
        return !signal.aborted && now?.state === 'stored' && now.revision === revision;
      };
      const version = { room, talk, folder, etag, sha256, name: `${nameOf(folder)}${sha256.slice(0, 8)}` };
      if (!(await fetched.add(version, transcript, isWanted))) return false;
      refusals.delete(attempt);
      this.counters.fetched++;
      const { engine, segments } = transcript.about;
      log.info({ event: 'transcript-fetched', room, talk, engine, segments }, 'A transcript of a recording has come');
      return true;
    } catch (error) {
      if (error instanceof TalkTrouble) this.#refuse(refusals, attempt, error);
      throw error;
    }
  }

  async #takeReport({ refusals, objects }: Looked, version: Version): Promise<boolean> {
    const { fetched } = this.#parts;
    const object = objects.get(companionKeys(version.folder, version.sha256).report);
    if (!object || refusals.has(`${object.key} ${object.etag}`) || fetched.report(version) !== null) return false;
    const { body } = await this.#get(object.key, lookLimits.maxReportBytes);
    const report = jsonIn(body);
    if (typeof report === 'object' && report !== null) return fetched.keepReport(version, JSON.stringify(report));
    const invalid = trouble('report-invalid', 'The report beside the transcript cannot be read.');
    this.#refuse(refusals, `${object.key} ${object.etag}`, invalid);
    throw invalid;
  }

  /** Runs that failed and were not made good. */
  async #failures({ recording: { room, talk }, objects, folders }: Looked): Promise<readonly FailedRun[]> {
    const known = this.#parts.fetched.state(room, talk).failures;
    const failed = folders.filter(
      (each) => objects.has(`${each}failed.json`) && !objects.has(`${each}transcript.json`),
    );
    const all: FailedRun[] = [];
    for (const folder of failed.slice(0, lookLimits.maxFailures)) {
      const object = objects.get(`${folder}failed.json`);
      const before = known.find((each) => each.folder === folder && each.etag === object?.etag);
      if (before) all.push(before);
      if (before || !object) continue;
      const answer = await this.#get(object.key, lookLimits.maxPointerBytes).catch(unlessGone);
      const { data } = jobFailure.safeParse(answer && jsonIn(answer.body));
      if (!answer || !data) continue;
      const { code, engine, at } = data;
      const [message, hint] = [data.message.slice(0, lookLimits.maxLetters), data.hint.slice(0, lookLimits.maxLetters)];
      all.push({ folder, etag: answer.etag, code, engine, at, message, hint });
    }
    return all;
  }

  /** No more versions than are of use: what counts and what was chosen stay. */
  #prune({ room, talk, revision }: Recording): void {
    const { fetched } = this.#parts;
    fetched.keepRevision(room, talk, revision);
    const { pointer, choice } = fetched.state(room, talk);
    const isKept = ({ sha256, name }: Version) =>
      sha256 === pointer?.sha256 || (choice.kind === 'version' && choice.name === name);
    const others = fetched.versions(room, talk).filter((each) => !isKept(each));
    for (const each of others.slice(lookLimits.maxVersions)) fetched.remove(each);
  }

  #refuse(refusals: Refusals, what: string, because: TalkTrouble): void {
    if (!refusals.has(what)) this.counters.refused++;
    refusals.set(what, { times: (refusals.get(what)?.times ?? 0) + 1, trouble: because });
  }

  /** False where the disk does not take it: it is looked at again. */
  #keep({ room, talk }: Recording, change: Partial<TalkState>): boolean {
    return tryWrite(() => this.#parts.fetched.change(room, talk, change));
  }

  /** What is not there any more, too large or damaged concerns the talk; all else the store. */
  async #get(key: string, maxBytes: number): Promise<{ body: Uint8Array; etag: string }> {
    try {
      return await this.#parts.store.get(key, maxBytes, this.#parts.signal);
    } catch (error) {
      if (!(error instanceof SalaError) || !/^store-(missing|too-large|damaged|changed)$/.test(error.code)) throw error;
      throw trouble(error.code, error.message, error.hint);
    }
  }
}

/** `r1-parakeet-0123456789ab-` */
const nameOf = (folder: string) => `${folder.slice(0, -1).split('/').at(-1)}-`;

/** Why a pointer is not followed; null: it is. */
function faultOf(
  pointer: CanonicalPointer | undefined,
  address: TalkAddress,
  revision: number,
  before: TalkState['pointer'],
): TalkTrouble | null {
  if (!pointer) return null;
  if (!isOf(pointer, address))
    return trouble('pointer-invalid', 'What says which transcript counts is of another talk.');
  if (pointer.revision > revision)
    return trouble('pointer-ahead', 'A transcript lies in the store of a newer recording than this relay knows of.');
  if (before && !isForward(before, pointer))
    return trouble(
      'pointer-backwards',
      'What says which transcript counts went back to an older one; it is not followed.',
    );
  return null;
}

function isOf({ event, room, talk, folder, transcript, revision }: CanonicalPointer, address: TalkAddress): boolean {
  const prefix = transcriptsFolder(address);
  const isSame = event === address.event && room === address.room && talk === address.talk;
  const isRun = folder.startsWith(`${prefix}r${revision}-`) && /^[a-z0-9-]+\/$/.test(folder.slice(prefix.length));
  return isSame && isRun && transcript.key === `${folder}transcript.json`;
}

/** The same move again, or a later one. */
function isForward(before: NonNullable<TalkState['pointer']>, pointer: CanonicalPointer): boolean {
  const isSame = pointer.folder === before.folder && pointer.transcript.sha256 === before.sha256;
  if (pointer.revision < before.revision) return false;
  return pointer.generation > before.generation || (pointer.generation === before.generation && isSame);
}

function jsonIn(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return null;
  }
}

function asTrouble(error: unknown): never {
  throw error instanceof SalaError ? trouble(error.code, error.message, error.hint) : error;
}

function unlessGone(error: unknown): null {
  if (error instanceof TalkTrouble) return null;
  throw error;
}
