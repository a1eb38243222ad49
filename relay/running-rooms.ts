import { SalaError } from '../systemd/errors.ts';
import type { CaptionLatency } from './latency.ts';
import type { LiveRooms } from './live.ts';
import { explainConflicts, promisesBroken } from './recognition.ts';
import { Room, type RoomParts } from './room.ts';
import type { RoomChange, RoomRecord } from './rooms.ts';
import type { SpoolStream } from './spool-stream.ts';
import type { UnsavedMark } from './unsaved-mark.ts';

const nowhereToRecord = {
  message: 'This relay has nowhere to put recordings.',
  hint: 'Start it with --recording-store.',
};

const tickMs = 1000;
/** What paid sessions have come to is kept this often: once a minute. */
const bookEveryTicks = 60;

export interface RunningRoomsParts extends RoomParts {
  readonly defaultEngine: string;
  readonly unsavedMark: UnsavedMark;
  readonly latency?: CaptionLatency;
  /** There is a place for recordings. */
  readonly canRecord?: boolean;
}

/** The rooms that run in this relay, and what they share. */
export class RunningRooms implements LiveRooms {
  readonly #parts: RunningRoomsParts;
  readonly #running = new Map<string, Room>();
  #timer: NodeJS.Timeout | undefined;
  #ticks = 0;
  /** When all rooms were last looked after, monotonic ms. */
  tickedAtMs = performance.now();
  #unlisten: () => void = () => {};
  #unlistenTalks: () => void = () => {};

  constructor(parts: RunningRoomsParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#parts.unsavedMark.wasSet) this.#parts.rooms.renewLogs();
    for (const record of this.#parts.rooms.all()) this.#run(record);
    this.#mark();
    this.#unlisten = this.#parts.spool.listen({
      written: (stream, position, audio) => this.#running.get(stream.room)?.written(stream, position, audio),
      changed: (stream) => this.#running.get(stream.room)?.changed(),
      stored: () => {},
      removed: (stream) => this.#forget(stream),
    });
    this.#unlistenTalks = this.#parts.talks.onChanged((room) => this.#running.get(room)?.lookAtTalks());
    this.#timer = setInterval(() => {
      for (const room of this.#running.values()) room.tick();
      this.#mark();
      this.tickedAtMs = performance.now();
      if (++this.#ticks % bookEveryTicks === 0) this.#parts.costs.book();
    }, tickMs);
  }

  /** Ends every engine session; the last finals are in the log when this resolves. */
  async stop(timeoutMs: number): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#running.values()].map((room) => room.stop(timeoutMs)));
    this.#unlisten();
    this.#unlistenTalks();
  }

  all(): readonly Room[] {
    return [...this.#running.values()];
  }

  get(name: string): Room | undefined {
    return this.#running.get(name);
  }

  put(name: string, change: RoomChange): Room {
    this.#check(name, change);
    const record = this.#parts.rooms.put(name, change);
    const room = this.#running.get(name);
    if (!room) return this.#run(record);
    room.update(record);
    return room;
  }

  pause(name: string, paused: boolean): Room | undefined {
    const { rooms } = this.#parts;
    const room = this.#running.get(name);
    const assignment = room && rooms.pause(name, paused);
    if (room && assignment) room.paused({ ...room.record, paused }, assignment.fromMs);
    return room;
  }

  /** The language a client of the predecessor's protocol asked for; without effect once an organizer has chosen. */
  suggestLanguage(name: string, language: string): void {
    this.#running.get(name)?.update(this.#parts.rooms.suggestLanguage(name, language));
  }

  async delete(name: string): Promise<boolean> {
    const room = this.#running.get(name);
    if (!room) return false;
    this.#running.delete(name);
    this.#parts.backfill.remove(name);
    room.deleted();
    await room.stop(0);
    for (const stream of this.#parts.spool.streamsOf(name)) await this.#parts.spool.remove(stream);
    const deleted = this.#parts.rooms.delete(name);
    this.#parts.talks.forget(name);
    return deleted;
  }

  /** The next start must know of what only readers have, and of log ids that are not written down. */
  #mark(): void {
    const { rooms, unsavedMark } = this.#parts;
    const isSaved = rooms.savePauses() && rooms.saveLogs();
    unsavedMark.set(!isSaved || this.all().some((room) => room.log.unsaved > 0));
  }

  #run(record: RoomRecord): Room {
    const room = new Room(record, this.#parts);
    this.#running.set(record.name, room);
    this.#parts.latency?.watch(room);
    this.#parts.backfill.add(room);
    return room;
  }

  /** @throws {SalaError} `settings-conflict`, which names all that clashes */
  #check(name: string, change: RoomChange): void {
    const { language, recognition, engine: named } = this.#parts.rooms.settingsAfter(name, change);
    const engine = this.#parts.engineFor(named ?? this.#parts.defaultEngine);
    const conflicts = [
      engine.check({ room: name, language, recognition }),
      engine.takesRecognition ? null : explainConflicts('', promisesBroken(engine.name, recognition)),
      change.recording?.on && !this.#parts.canRecord ? nowhereToRecord : null,
    ].filter((each) => each !== null);
    if (conflicts.length > 0)
      throw new SalaError(conflicts.map(({ message }) => message).join(' '), {
        code: 'settings-conflict',
        hint: conflicts.map(({ hint }) => hint).join(' '),
      });
  }

  #forget({ id, room }: SpoolStream): void {
    this.#running.get(room)?.forget(id);
    this.#parts.time.forget(id);
    this.#parts.governing.forget(id);
  }
}
