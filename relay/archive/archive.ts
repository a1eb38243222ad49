import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, type Explained, messageOf } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import { toMono } from '../audio.ts';
import { bytesPerSample, sampleRate } from '../protocol.js';
import type { RoomTime } from '../room-time.ts';
import type { Rooms } from '../rooms.ts';
import type { Spool } from '../spool.ts';
import type { SpoolStream } from '../spool-stream.ts';
import { arrival } from './arrival.ts';
import { type CutPlan, planOf } from './cut.ts';
import { readFrom } from './cut-audio.ts';
import { cutStreamOf, touches } from './cut-streams.ts';
import { type FreeBytes, freeBytesOf, requireSpace } from './disk-space.ts';
import { type Erasure, foldersOf, foldersOfRoom, placeOf } from './erasure.ts';
import { diskTakesNothing, explain } from './faults.ts';
import { flacMissing } from './flac.ts';
import { filesIn, makeFiles, sweepFolders, type TalkFacts, usualPartSamples } from './making.ts';
import type { Recording, Recordings } from './recordings.ts';
import { Setbacks } from './setbacks.ts';
import type { Takes } from './takes.ts';
import type { UploadQueue } from './uploads.ts';

export interface ArchiveLimits {
  /** Late sound of a talk, and captions of it, are awaited for so long. */
  readonly maxWaitMs: number;
  readonly partSamples: number;
}
export const archiveLimits: ArchiveLimits = { maxWaitMs: 30 * 60_000, partSamples: usualPartSamples };

export interface ArchiveParts {
  readonly recordings: Recordings;
  readonly takes: Takes;
  readonly spool: Spool;
  readonly time: RoomTime;
  readonly rooms: Pick<Rooms, 'all' | 'onChanged'>;
  readonly uploads: Pick<UploadQueue, 'add' | 'has' | 'remove' | 'state'>;
  readonly erasure: Pick<Erasure, 'add'>;
  /** null: there is no such room any more. */
  readonly facts: (room: string, talkId: string | null) => TalkFacts | null;
  /** Audio that the room's kit has and did not bring yet, ms. */
  readonly backlogMs: (room: string) => number;
  readonly dataDir: string;
  readonly event: string;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly flac?: string;
  readonly limits?: Partial<ArchiveLimits>;
  readonly now?: () => number;
  readonly random?: () => number;
  readonly freeBytes?: FreeBytes;
}

const tickMs = 1000;

interface Work {
  readonly recording: Recording;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/**
 * Brings talks from the spool to the store: each recording goes from state to state, each step is done again after a kill,
 * and nothing that is still needed leaves the spool.
 */
export class Archive {
  readonly #parts: ArchiveParts;
  readonly #limits: ArchiveLimits;
  readonly #now: () => number;
  readonly #folder: string;
  /** What recordings on their way are cut from, by group. */
  readonly #plans = new Map<string, CutPlan>();
  #timer: NodeJS.Timeout | undefined;
  #unlisten: (() => void)[] = [];
  #work: Work | null = null;
  /** Of recordings that cannot be made now, by group. */
  readonly #setbacks: Setbacks;
  #encoderFault: Explained | null = null;
  #tickFault = '';
  #roomsChanged = true;
  #stopped = false;
  /** Since the start. */
  madeSeconds = 0;

  constructor(parts: ArchiveParts) {
    this.#parts = parts;
    this.#limits = { ...archiveLimits, ...parts.limits };
    this.#now = parts.now ?? Date.now;
    this.#folder = join(parts.dataDir, 'recordings');
    this.#setbacks = new Setbacks(parts.random ?? Math.random);
  }

  /** The recordings and the queue of uploads are there; the latter has not been started yet. */
  async start(): Promise<void> {
    const { recordings, takes, spool, rooms } = this.#parts;
    for (const recording of recordings.all()) await this.#resume(recording);
    await sweepFolders(this.#folder, (room, talk) => {
      const recording = recordings.get(room, talk);
      return recording !== null && isOnItsWay(recording);
    });
    takes.start();
    this.#unlisten = [
      spool.listen({
        written: (stream, position, audio) => this.#heard(stream, position, audio),
        stored: () => {},
        changed: () => {},
      }),
      rooms.onChanged(() => {
        this.#roomsChanged = true;
      }),
    ];
    this.#timer = setInterval(() => this.tick(), tickMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    for (const unlisten of this.#unlisten) unlisten();
    this.#parts.takes.stop();
    this.#work?.abort.abort(new Error('the relay stops'));
    await this.#work?.done;
    this.#parts.recordings.save();
  }

  /** Why one that is on its way cannot be made, the latest of them; null: all can. */
  get fault(): Explained | null {
    return this.#setbacks.fault ?? this.#encoderFault;
  }

  /** Once a second. Whatever fails, captions go on, and it is tried again with the next. */
  tick(): void {
    if (this.#stopped) return;
    try {
      this.#step();
      this.#tickFault = '';
    } catch (error) {
      if (this.#tickFault !== messageOf(error))
        this.#parts.log.error({ err: error }, 'Recordings cannot be looked after');
      this.#tickFault = messageOf(error);
    }
  }

  #step(): void {
    const { recordings, takes } = this.#parts;
    if (this.#roomsChanged) this.#lookAtRooms();
    takes.tick();
    recordings.save();
    if (this.#work) return;
    const next = this.#next();
    if (!next) return;
    const abort = new AbortController();
    const done = this.#advance(next, abort.signal)
      .catch((error: unknown) => this.#failed(next, error, abort.signal))
      .finally(() => {
        this.#work = null;
      });
    this.#work = { recording: next, abort, done };
  }

  /** Resolves when nothing is being made at this moment. */
  async idle(): Promise<void> {
    await this.#work?.done;
  }

  /** What is missing is told before the first talk is over. */
  encoderIs(there: boolean): void {
    if (!there) this.#encoderFault = flacMissing();
  }

  recordings(room: string): Recording[] {
    return this.#parts.recordings.of(room);
  }

  /** Whether a recording that is not in the store yet needs audio of `[from, to)`. */
  isHeld(stream: SpoolStream, from: number, to: number): boolean {
    const asCut = () => cutStreamOf(stream, this.#parts.time);
    return this.#parts.recordings.of(stream.room).some((recording) => {
      if (!isOnItsWay(recording)) return false;
      const plan = this.#plans.get(groupOf(recording));
      if (!plan) return touches(asCut(), from, to, recording);
      const isIn = (at: number, samples: number) => at < to && from < at + samples;
      return plan.pieces.some((piece) => piece.stream === stream.id && isIn(piece.position, piece.samples));
    });
  }

  /** Ends what is recorded in a room, by hand; null where nothing is. */
  end(room: string): Recording | null {
    return this.#parts.takes.end(room);
  }

  /** Takes a recording, and all that was made of it, out of relay and store; null where there is none. */
  async delete(room: string, talk: string, reason: string): Promise<Recording | null> {
    const { recordings, takes, erasure } = this.#parts;
    const found = recordings.get(room, talk);
    if (!found || found.state === 'deleted') return null;
    if (found.state === 'running') takes.end(room);
    const recording = recordings.get(room, talk) ?? found;
    // Written down before anything else: after a kill it goes on from here.
    erasure.add(this.#foldersOf(recording), reason);
    const deleted = recordings.put({
      ...{ ...recording, toMs: recording.toMs ?? this.#now(), state: 'deleted', manifestKey: recording.manifestKey },
      ...{ message: `It was deleted (${reason}).`, hint: '', title: '', speakers: [] },
    });
    await this.#withdraw(deleted, reason);
    return deleted;
  }

  /** All files of it are in the store. @throws where that cannot be written down: it is told again */
  async stored(group: string): Promise<void> {
    const recording = this.#byGroup(group);
    if (recording?.state !== 'uploading') return;
    const { recordings, log } = this.#parts;
    recordings.put({ ...recording, state: 'stored', message: 'It is in the store.', hint: '' });
    if (!recordings.save()) throw new Error('the disk does not take it');
    this.#plans.delete(group);
    log.info({ event: 'recording-stored', room: recording.room, talk: recording.talk }, 'A recording is in the store');
    await rm(this.#folderOf(recording), { recursive: true, force: true });
  }

  /** One of its files is gone or spoilt: they are made again, since its audio is kept. */
  spoilt(group: string, { message }: Explained): void {
    const recording = this.#byGroup(group);
    if (recording?.state !== 'uploading') return;
    this.#parts.recordings.put({ ...recording, state: 'cutting', message: `It is made again: ${message}`, hint: '' });
  }

  /** What a kill has left half-way. */
  async #resume(recording: Recording): Promise<void> {
    const { recordings, uploads } = this.#parts;
    const group = groupOf(recording);
    const plan = isOnItsWay(recording) ? recordings.planOf(recording) : null;
    if (plan) this.#plans.set(group, plan);
    if (recording.state === 'deleted' && uploads.has(group)) await this.#withdraw(recording, 'deleted');
  }

  /** What is stored of a room that was deleted goes with it. */
  #lookAtRooms(): void {
    const { rooms, recordings, erasure, event, log } = this.#parts;
    const known = new Set(rooms.all().map(({ name }) => name));
    const left = recordings.all().filter(({ room, state }) => !known.has(room) && state !== 'deleted');
    for (const room of new Set(left.map((each) => each.room))) erasure.add(foldersOfRoom(event, room), 'room deleted');
    for (const { room, talk } of left)
      void this.delete(room, talk, 'room deleted').catch((error: unknown) =>
        log.error({ err: error, room, talk }, 'A recording of a deleted room is left'),
      );
    this.#roomsChanged = false;
  }

  #heard(stream: SpoolStream, position: number, audio: Uint8Array): void {
    const { takes, time } = this.#parts;
    if (!takes.listensTo(stream.room)) return;
    const { ms } = time.at(stream.id, position, { position: stream.edge, ms: stream.heardMs });
    const end = position + audio.length / stream.bytesPerFrame;
    takes.heard(stream.room, toMono(audio, stream.channels), ms, end > stream.edge - sampleRate);
  }

  /** What can go on now; one at a time, in the order they ended. */
  #next(): Recording | null {
    const { recordings, uploads } = this.#parts;
    const waiting = recordings
      .all()
      .filter(({ state }) => state === 'ended' || state === 'cutting' || state === 'uploading')
      .sort((a, b) => (a.toMs ?? 0) - (b.toMs ?? 0));
    const { waitingBytes, maxBacklogBytes } = uploads.state;
    const isFull = waitingBytes >= maxBacklogBytes;
    const nowMs = this.#now();
    return (
      waiting.find((each) => {
        if (this.#setbacks.waits(groupOf(each), nowMs)) return false;
        if (each.state === 'uploading') return !uploads.has(groupOf(each));
        return !isFull && (each.state === 'cutting' || this.#hasArrived(each));
      }) ?? null
    );
  }

  #hasArrived({ room, fromMs, toMs }: Recording): boolean {
    const { spool, time, backlogMs } = this.#parts;
    const endMs = toMs ?? fromMs;
    if (this.#now() - endMs >= this.#limits.maxWaitMs) return true;
    return backlogMs(room) === 0 && arrival(spool.streamsOf(room), time, fromMs, endMs);
  }

  async #advance(recording: Recording, signal: AbortSignal): Promise<void> {
    if (recording.state === 'uploading') await this.#upload(recording);
    else await this.#make(recording, signal);
    this.#setbacks.forget(groupOf(recording));
    this.#encoderFault = null;
  }

  async #make(recording: Recording, signal: AbortSignal): Promise<void> {
    const { recordings, spool, facts, event, flac = 'flac', freeBytes = freeBytesOf, dataDir, log } = this.#parts;
    const plan = this.#planOf(recording);
    if (plan.pieces.length === 0) {
      const message = 'No sound of it ever came; there is nothing to store.';
      recordings.put({ ...recording, state: 'failed', message, hint: "Look at the room's kit and its mixer." });
      return;
    }
    const cutting = recordings.put({ ...recording, state: 'cutting', message: 'It is made into files.', hint: '' });
    const known = facts(recording.room, recording.talkId);
    if (!known) return;
    const parts = { event, flac, read: readFrom(spool), partSamples: this.#limits.partSamples };
    const folder = this.#folderOf(recording);
    await rm(folder, { recursive: true, force: true });
    // No more than the sound itself, which is whole beside it until the store has it.
    await requireSpace(dataDir, plan.samples * plan.channels * bytesPerSample, freeBytes);
    const made = await makeFiles(folder, { recording: cutting, plan, facts: known }, parts, signal);
    signal.throwIfAborted();
    this.madeSeconds += plan.samples / sampleRate;
    log.info(
      { event: 'recording-made', room: recording.room, talk: recording.talk, parts: made.parts.length },
      'A recording is made and goes to the store',
    );
    const manifestKey = made.live.key.replace(/live\.json$/, 'manifest.json');
    const uploading = {
      ...cutting,
      state: 'uploading',
      message: 'It is on its way to the store.',
      manifestKey,
    } as const;
    await this.#upload(recordings.put(uploading));
  }

  /** Fixed once; the same after a kill. */
  #planOf(recording: Recording): CutPlan {
    const { recordings, spool, time } = this.#parts;
    const group = groupOf(recording);
    const known = this.#plans.get(group) ?? recordings.planOf(recording);
    const streams = () => spool.streamsOf(recording.room).map((stream) => cutStreamOf(stream, time));
    const plan = known ?? planOf(recording.fromMs, recording.toMs ?? recording.fromMs, streams());
    if (!known) recordings.keepPlan(recording, plan);
    this.#plans.set(group, plan);
    return plan;
  }

  async #upload(recording: Recording): Promise<void> {
    const { recordings, uploads } = this.#parts;
    // Else a start would find it half-way, and make other files for what is stored already.
    if (!recordings.save()) throw diskTakesNothing();
    try {
      uploads.add(...(await filesIn(this.#folderOf(recording), groupOf(recording))));
    } catch (error) {
      if (codeOf(error) !== 'recording-incomplete') throw error;
      recordings.put({ ...recording, state: 'cutting', message: `It is made again: ${messageOf(error)}.` });
    }
  }

  #failed({ room, talk }: Recording, error: unknown, signal: AbortSignal): void {
    const { recordings, log } = this.#parts;
    const recording = recordings.get(room, talk);
    if (signal.aborted || !recording || !isOnItsWay(recording)) return;
    const explained = explain(error);
    const { message, hint, code } = explained;
    if (this.fault?.code !== code)
      log.warn({ event: 'recording-failed', room, talk, code, reason: message }, 'A recording cannot be made');
    const isLost = code === 'recording-lost';
    recordings.put({ ...recording, message, hint, ...(isLost && { state: 'failed' }) });
    if (isLost) this.#setbacks.forget(groupOf(recording));
    else this.#setbacks.failed(groupOf(recording), explained, this.#now());
  }

  /** Takes it out of what is being made and uploaded. */
  async #withdraw(recording: Recording, reason: string): Promise<void> {
    const { uploads, erasure } = this.#parts;
    const group = groupOf(recording);
    this.#plans.delete(group);
    this.#setbacks.forget(group);
    if (this.#work && groupOf(this.#work.recording) === group) {
      this.#work.abort.abort(new Error('it was deleted'));
      await this.#work.done;
    }
    const begun = await uploads.remove(group);
    erasure.add(this.#foldersOf(recording), reason, begun);
    await rm(this.#folderOf(recording), { recursive: true, force: true });
  }

  /** In the store; a recording of another run may be of another event. */
  #foldersOf({ room, talk, manifestKey }: Recording): string[] {
    const event = (manifestKey && placeOf(manifestKey)?.event) || this.#parts.event;
    return foldersOf({ event, room, talk });
  }

  #folderOf({ room, talk, revision }: Recording): string {
    return join(this.#folder, room, talk, `r${revision}`);
  }

  #byGroup(group: string): Recording | null {
    const [room = '', talk = ''] = group.split('/');
    const recording = this.#parts.recordings.get(room, talk);
    return recording && groupOf(recording) === group ? recording : null;
  }
}

/** Its audio is needed still. */
const isOnItsWay = ({ state }: Recording) =>
  state === 'running' || state === 'ended' || state === 'cutting' || state === 'uploading';

const groupOf = ({ room, talk, revision }: Recording) => `${room}/${talk}/r${revision}`;
