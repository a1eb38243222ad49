import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaptionLog, type NewCaption } from '../../relay/captions.ts';
import { Costs } from '../../relay/costs.ts';
import { type Database, openDatabase } from '../../relay/database.ts';
import type { LiveRoom, LiveRooms, RoomListener, RoomLive } from '../../relay/live.ts';
import type {
  Amend,
  Caption,
  Clear,
  InputLevel,
  LogMessage,
  Partial as PartialCaption,
  RoomState,
  Status,
  Talk,
} from '../../relay/protocol.js';
import { type RoomChange, type RoomRecord, Rooms } from '../../relay/rooms.ts';

const stream = '00000000-0000-4000-8000-000000000000';

/** A room without audio or engine, on a real caption log: the test says what is said. */
export class FakeRoom implements LiveRoom {
  record: RoomRecord;
  readonly log: CaptionLog;
  tail: PartialCaption | null = null;
  status: Status = { type: 'status', state: 'listening', message: 'Captions are on' };
  talk: Talk | null = null;
  /** What its live state differs in from that of a room where all is well. */
  facts: Partial<RoomLive> = {};
  readonly meters = new Set<(level: InputLevel) => void>();
  readonly inputLevel = {
    listen: (listener: (level: InputLevel) => void) => {
      this.meters.add(listener);
      return () => this.meters.delete(listener);
    },
  };
  readonly #listeners = new Set<RoomListener>();

  constructor(db: Database, record: RoomRecord) {
    this.record = record;
    this.log = new CaptionLog(db, record.name, record.logId);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** Publishes a caption of one second; the seq-th second of the room unless told otherwise. */
  say(text: string, fields: Partial<NewCaption> = {}): Caption {
    const start = fields.start ?? (this.log.seq + 1) * 1000;
    const caption = this.log.append({
      text,
      language: 'en-US',
      start,
      end: start + 1000,
      speaker: null,
      late: false,
      stream,
      from: 0,
      to: 16000,
      ...fields,
    });
    this.#tell(caption);
    return caption;
  }

  amend(of: number, text: string | null): Amend | null {
    const act = this.log.amend(of, text, Date.now());
    if (act?.isNew) this.#tell(act.message);
    return act?.message ?? null;
  }

  clear(): Clear {
    const clear = this.log.clear(Date.now());
    this.#tell(clear);
    return clear;
  }

  /** An organizer's settings. */
  set(record: RoomRecord): void {
    this.record = record;
    for (const listener of [...this.#listeners]) listener.settings?.(record);
  }

  /** As its rooms say that it is. */
  paused(record: RoomRecord): void {
    this.record = record;
    this.#tell(this.log.pause(record.paused, Date.now()));
    if (record.paused) this.become('paused', 'Captions are paused by the organizer.');
    else this.become('listening', 'Captions are on');
  }

  mumble(text: string): void {
    const partial: PartialCaption = { type: 'partial', text, language: 'en-US', start: 0 };
    this.tail = text === '' ? null : partial;
    for (const listener of [...this.#listeners]) listener.partial(partial);
  }

  become(state: RoomState, message = ''): void {
    this.status = { type: 'status', state, message };
    for (const listener of [...this.#listeners]) listener.status(this.status);
  }

  live(): RoomLive {
    return {
      state: this.status.state,
      message: this.status.message,
      source: null,
      engine: { name: 'script:test', state: 'open', failure: null, code: '', message: '', hint: '', withoutEffect: [] },
      rest: { resting: false, levelDb: -40, floorDb: -60, thresholdDb: -54, silentMs: 0 },
      spent: { sessions: 0, seconds: 0, money: 0 },
      lagMs: 250,
      backlogMs: 0,
      backfillMs: 0,
      backfillHeld: '',
      storage: '',
      lastAudioMs: null,
      lastCaptionMs: 4000,
      counters: { captions: this.log.seq, audioSecondsStored: 12 },
      ...this.facts,
    };
  }

  gaps() {
    return [];
  }

  listen(listener: RoomListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  delete(): void {
    for (const listener of [...this.#listeners]) listener.deleted();
  }

  /** What is on by the schedule. */
  give(talk: Talk | null): void {
    this.talk = talk;
    for (const listener of [...this.#listeners]) listener.talk?.(talk);
  }

  /** How loud it is; nobody hears it who does not listen. */
  sound(rmsDbfs: number): void {
    for (const listener of [...this.meters]) listener({ type: 'level', rmsDbfs });
  }

  #tell(message: LogMessage): void {
    for (const listener of [...this.#listeners]) listener.logged(message);
  }
}

/** Rooms on a real database in a folder of its own; `remove()` takes both away. */
export class FakeRooms implements LiveRooms {
  readonly dir = mkdtempSync(join(tmpdir(), 'sala-rooms-'));
  readonly db = openDatabase(this.dir);
  /** What is kept of them. */
  readonly kept = new Rooms(this.db, { language: 'en-US', engine: 'script:test' });
  readonly #rooms = new Map<string, FakeRoom>();

  constructor() {
    this.db.pragma('synchronous = OFF'); // nothing here is about a power cut, and a sync takes longer than what is tested
  }

  all(): FakeRoom[] {
    return [...this.#rooms.values()].sort((a, b) => (a.record.name < b.record.name ? -1 : 1));
  }

  get(name: string): FakeRoom | undefined {
    return this.#rooms.get(name);
  }

  put(name: string, change: RoomChange = {}): FakeRoom {
    const record = this.kept.put(name, change);
    const room = this.#rooms.get(name) ?? new FakeRoom(this.db, record);
    this.#rooms.set(name, room);
    room.set(record);
    return room;
  }

  pause(name: string, paused: boolean): FakeRoom | undefined {
    const room = this.#rooms.get(name);
    if (this.kept.pause(name, paused)) room?.paused({ ...room.record, paused });
    return room;
  }

  async delete(name: string): Promise<boolean> {
    const room = this.#rooms.get(name);
    this.#rooms.delete(name);
    const existed = this.kept.delete(name);
    room?.delete();
    return existed;
  }

  remove(): void {
    this.db.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** What paid sessions cost where nobody counts. */
export const freeOfCharge = (db: Database) =>
  new Costs(db, { pricePerMinute: 0.6, alarmPerDay: 1, maxPerDay: null, maxPerRoomAndDay: null });
