import { createHash } from 'node:crypto';
import type { Logger } from '../../systemd/log.ts';
import { heldTalk, maxOverrunMs } from '../conduct-times.ts';
import { type Database, tryWrite } from '../database.ts';
import type { RoomRecord, Rooms } from '../rooms.ts';
import type { KeptTalk, Talks } from '../talks.ts';
import type { Recording, RecordingEnd, Recordings } from './recordings.ts';
import { RoomSound } from './room-sound.ts';

export interface TakeLimits {
  /** Silence that ends what was not in the schedule. */
  readonly silenceMs: number;
  /** Silence after a talk's end that ends it; captions take the same. */
  readonly pauseMs: number;
  /** Nothing is recorded for longer in one piece. */
  readonly maxTakeMs: number;
  /** Recorded before the first sound, and after the last. */
  readonly rollMs: number;
  /** So much sound is more than a dropped pen. */
  readonly soundMs: number;
  /** Without audio for so long, nobody is there. */
  readonly awayMs: number;
  /** With a talk of the schedule so near, only talks are recorded: what people say in a break is theirs. */
  readonly dayMs: number;
}

const minuteMs = 60_000;
export const takeLimits: TakeLimits = {
  silenceMs: 15 * minuteMs,
  pauseMs: 5 * minuteMs,
  maxTakeMs: 600 * minuteMs,
  rollMs: 5000,
  soundMs: 3000,
  awayMs: 60 * minuteMs,
  dayMs: 720 * minuteMs,
};

export interface TakesParts {
  readonly db: Database;
  readonly recordings: Recordings;
  readonly rooms: Pick<Rooms, 'all' | 'onChanged'>;
  readonly talks: Pick<Talks, 'moved' | 'decisions'>;
  readonly log: Pick<Logger, 'info'>;
  readonly limits?: Partial<TakeLimits>;
  readonly now?: () => number;
}

/**
 * Which stretches of room time are recorded: talks of the schedule with the times that they have in truth; on days without
 * any, what is said. Two of one room never overlap, and nothing is of a time at which recording was switched off.
 */
export class Takes {
  readonly #parts: TakesParts;
  readonly #limits: TakeLimits;
  readonly #now: () => number;
  readonly #sounds = new Map<string, RoomSound>();
  /** From when on each room may be recorded. */
  readonly #since = new Map<string, number>();
  /** The talks of each room as they stood a second ago: they are asked for with every piece of sound. */
  readonly #scheduled = new Map<string, readonly KeptTalk[]>();
  #rooms: readonly RoomRecord[] = [];
  #unlisten = () => {};

  constructor(parts: TakesParts) {
    this.#parts = parts;
    this.#limits = { ...takeLimits, ...parts.limits };
    this.#now = parts.now ?? Date.now;
  }

  start(): void {
    const { db, rooms } = this.#parts;
    const rows = db.prepare<[], { room: string; since_ms: number }>('SELECT room, since_ms FROM recorded_rooms').all();
    for (const { room, since_ms } of rows) this.#since.set(room, since_ms);
    this.#unlisten = rooms.onChanged(() => this.#lookAtRooms());
    this.#lookAtRooms();
  }

  stop(): void {
    this.#unlisten();
  }

  /** Once a second. */
  tick(): void {
    for (const room of this.#rooms) if (this.#since.has(room.name)) this.#lookAt(room);
  }

  /** Whether what is said there may be recorded: only then anyone has to listen. */
  listensTo(room: string): boolean {
    return this.#since.has(room);
  }

  /**
   * Audio of a room came.
   * @param ms room time of its first sample
   * @param isLive it is of this moment, and in order
   */
  heard(room: string, audio: Uint8Array, ms: number, isLive: boolean): void {
    this.#soundOf(room).hear(
      audio,
      ms,
      isLive,
      this.#now(),
      (at) => this.#isTaken(room, at) || this.#isBreak(room, at),
    );
  }

  /** Ends what is recorded in a room now, by hand; null where nothing is. */
  end(room: string): Recording | null {
    const running = this.#running(room);
    if (!running) return null;
    this.#soundOf(room).leave();
    return this.#end(running, this.#now(), 'hand');
  }

  /** Sees which rooms are recorded, at the very moment of the change. */
  #lookAtRooms(): void {
    this.#rooms = this.#parts.rooms.all();
    const on = new Map(this.#rooms.filter(({ settings }) => settings.recording?.on).map((room) => [room.name, room]));
    for (const name of on.keys()) if (!this.#since.has(name)) this.#keepSince(name, this.#now());
    for (const name of [...this.#since.keys()]) {
      if (on.has(name)) continue;
      const running = this.#running(name);
      if (running) this.#end(running, this.#now(), 'off');
      this.#keepSince(name, null);
      this.#sounds.delete(name);
      this.#scheduled.delete(name);
    }
  }

  #keepSince(room: string, sinceMs: number | null): void {
    const { db } = this.#parts;
    if (sinceMs === null) this.#since.delete(room);
    else this.#since.set(room, sinceMs);
    // Where the disk does not take it, the next start takes its own moment for the beginning.
    tryWrite(() => {
      if (sinceMs === null) db.prepare('DELETE FROM recorded_rooms WHERE room = ?').run(room);
      else db.prepare('INSERT OR REPLACE INTO recorded_rooms (room, since_ms) VALUES (?, ?)').run(room, sinceMs);
    });
  }

  #lookAt(room: RoomRecord): void {
    const nowMs = this.#now();
    this.#scheduled.set(room.name, this.#parts.talks.moved(room.name));
    const talk = this.#talkOn(room.name, nowMs);
    const running = this.#running(room.name);
    if (running && (!talk || running.talkId !== talk.id)) {
      const end = this.#endOf(running, talk, nowMs);
      if (!end) return;
      this.#end(running, ...end);
    } else if (running && nowMs - running.fromMs >= this.#limits.maxTakeMs) this.#end(running, nowMs, 'length');
    else if (running) return;

    if (talk) {
      if (this.#mayTake(room.name, talk)) this.#begin(room, talk, talk.start);
      return;
    }
    const beganMs = this.#soundOf(room.name).takeBeginning(this.#limits.soundMs);
    if (beganMs === null || this.#isBreak(room.name, beganMs)) return;
    // Of a talk that is over its sound may come late, all of it.
    const past = this.#scheduled.get(room.name)?.findLast(({ start, end }) => start <= beganMs && beganMs < end);
    if (!past) this.#begin(room, null, beganMs - this.#limits.rollMs);
    else if (this.#mayTake(room.name, past)) this.#begin(room, past, past.start);
  }

  /** When a recording ended whose talk is not on, and why; null while it goes on. @param next the talk that is on */
  #endOf(running: Recording, next: KeptTalk | null, nowMs: number): [ms: number, by: RecordingEnd] | null {
    const { silenceMs, pauseMs, maxTakeMs, awayMs, rollMs } = this.#limits;
    const { talks } = this.#parts;
    const sound = this.#soundOf(running.room);
    const talk = talks.moved(running.room).find(({ id }) => id === running.talkId);
    const isOver = talk !== undefined && talk.end <= nowMs;
    if (next) return [Math.min(nowMs, isOver ? Math.max(talk.end, next.start) : next.start), 'schedule'];
    if (nowMs - running.fromMs >= maxTakeMs) return [nowMs, 'length'];
    const lastMs = Math.min(nowMs, (sound.lastMs ?? running.fromMs) + rollMs);
    if (!isOver) {
      const isSilent = sound.quietMs >= silenceMs || sound.awayMs(nowMs) >= silenceMs + awayMs;
      return isSilent ? [lastMs, 'silence'] : null;
    }
    if (talks.decisions(running.room).moved[talk.id]?.ended !== undefined) return [talk.end, 'hand'];
    const isQuiet = sound.quietMs >= pauseMs || sound.awayMs(nowMs) >= pauseMs || nowMs >= talk.end + maxOverrunMs;
    return isQuiet ? [Math.max(talk.end, lastMs), 'schedule'] : null;
  }

  /** The talk that goes on by the schedule and by what organizers said of it. */
  #talkOn(room: string, nowMs: number): KeptTalk | null {
    const { talks } = this.#parts;
    const all = talks.moved(room);
    const held = heldTalk(all, talks.decisions(room), nowMs);
    const isOn = ({ start, end }: KeptTalk) => start <= nowMs && nowMs < end;
    return held && held.start <= nowMs ? held : (all.findLast(isOn) ?? null);
  }

  /** Whether it is a day of the schedule, and no talk is on. */
  #isBreak(room: string, ms: number): boolean {
    const { dayMs } = this.#limits;
    const near = (this.#scheduled.get(room) ?? []).filter(({ start, end }) => start - dayMs <= ms && ms < end + dayMs);
    return near.length > 0 && !near.some(({ start, end }) => start <= ms && ms < end);
  }

  /**
   * A talk whose recording is over is not taken up again, unless it is given later than that: it was put off, changed places
   * with another, or was called once more. What a person ended, only a person begins again.
   */
  #mayTake(room: string, { id, start }: KeptTalk): boolean {
    const before = this.#parts.recordings.of(room).findLast((each) => each.talkId === id);
    if (!before || before.endedBy === 'off' || before.endedBy === 'length') return true;
    const { begun = Number.NEGATIVE_INFINITY } = this.#parts.talks.decisions(room).moved[id] ?? {};
    return before.toMs !== null && (before.endedBy === 'hand' ? begun : start) >= before.toMs;
  }

  #begin(room: RoomRecord, talk: KeptTalk | null, wantedMs: number): void {
    const { name, settings } = room;
    const { recordings } = this.#parts;
    const others = recordings.of(name);
    const fromMs = Math.max(wantedMs, this.#since.get(name) ?? wantedMs, ...others.map(({ toMs }) => toMs ?? 0));
    const recording = recordings.put({
      ...{ room: name, talk: freeKey(talk ? keyOf(talk.id) : dateKey(fromMs), others), talkId: talk?.id ?? null },
      ...{ revision: 1, roomTitle: settings.title, title: talk?.title ?? '', speakers: talk?.speakers ?? [] },
      ...{ fromMs, toMs: null, endedBy: null, state: 'running', message: 'It is being recorded.', hint: '' },
      ...{ redact: settings.recording?.redact ?? false, engine: settings.recording?.engine ?? null, manifestKey: null },
    });
    this.#parts.log.info({ event: 'recording', room: name, talk: recording.talk }, 'A recording begins');
  }

  #end(running: Recording, endMs: number, endedBy: RecordingEnd): Recording {
    const { recordings, talks, log } = this.#parts;
    const { room, fromMs } = running;
    const toMs = Math.max(fromMs, endMs);
    const settings = this.#rooms.find(({ name }) => name === room)?.settings;
    const talk = talks.moved(room).find(({ id }) => id === running.talkId);
    log.info({ event: 'recording-over', room, talk: running.talk, by: endedBy }, 'A recording is over');
    return recordings.put({
      ...running,
      ...{ toMs, endedBy, state: 'ended', message: 'It is over; late sound of it is awaited.' },
      // What organizers say until its end holds for all of it.
      ...(settings?.recording && { redact: settings.recording.redact, engine: settings.recording.engine }),
      ...(settings && { roomTitle: settings.title }),
      ...(talk && { title: talk.title, speakers: talk.speakers }),
    });
  }

  #running(room: string): Recording | null {
    return this.#parts.recordings.of(room).findLast(({ state }) => state === 'running') ?? null;
  }

  #isTaken(room: string, ms: number): boolean {
    if (ms < (this.#since.get(room) ?? Number.POSITIVE_INFINITY)) return true;
    const isIn = ({ fromMs, toMs }: Recording) => fromMs <= ms && ms < (toMs ?? Number.POSITIVE_INFINITY);
    return this.#parts.recordings.of(room).some(isIn);
  }

  #soundOf(room: string): RoomSound {
    const known = this.#sounds.get(room) ?? new RoomSound(this.#now());
    this.#sounds.set(room, known);
    return known;
  }
}

/** The id of a talk as it may stand in keys: itself where it may, else told apart by a hash. */
export function keyOf(talkId: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,59}$/.test(talkId)) return talkId;
  const readable = talkId
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 50);
  const hash = createHash('sha256').update(talkId).digest('hex').slice(0, 8);
  return `${readable}-${hash}`.replace(/^-/, '');
}

/** `20261122-0915`, UTC. */
const dateKey = (ms: number) =>
  new Date(ms).toISOString().slice(0, 16).replaceAll('-', '').replace('T', '-').replace(':', '');

/** The same, or with the first number behind it that is free. */
function freeKey(wanted: string, taken: readonly Recording[]): string {
  const isFree = (key: string) => !taken.some(({ talk }) => talk === key);
  if (isFree(wanted)) return wanted;
  for (let i = 2; ; i++) if (isFree(`${wanted}-${i}`)) return `${wanted}-${i}`;
}
