import { statfs } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Logger } from '../systemd/log.ts';
import { clearAfterMs, defaultAfterMs, relayTroubles, roomTroubles, type Trouble } from './alarms.ts';
import type { RecordingTrouble } from './archive/troubles.ts';
import type { Costs } from './costs.ts';
import type { Renewal } from './database-handle.ts';
import type { KitFacts } from './kit-alarms.ts';
import type { LastWords } from './last-words.ts';
import type { LiveRoom, LiveRooms } from './live.ts';
import type { Alarm } from './protocol.js';
import type { EngineQuota } from './quota.ts';

/** An organizer reads of a fault within 3 s: half a second of them is spent here at the most. */
const lookMs = 500;
const diskLookMs = 10_000;

interface Held {
  trouble: Trouble;
  /** When its cause was seen first and last; monotonic. */
  readonly firstMs: number;
  lastMs: number;
  /** Room time. */
  readonly since: number;
  isRaised: boolean;
}

/** The alarms of one place, held so that they do not flap: raised when their cause has lasted, or came again soon; down some time after it. */
export class HeldAlarms {
  #held = new Map<string, Held>();

  /**
   * @param nowMs monotonic @param at room time
   * @returns those that were raised and those that went down by this
   */
  see(troubles: readonly Trouble[], nowMs: number, at: number): { raised: Alarm[]; cleared: Alarm[] } {
    const raised: Alarm[] = [];
    const cleared: Alarm[] = [];
    for (const trouble of troubles) {
      const held = this.#held.get(trouble.code) ?? {
        firstMs: nowMs,
        since: at,
        isRaised: false,
        lastMs: nowMs,
        trouble,
      };
      this.#held.set(trouble.code, held);
      held.trouble = trouble;
      held.lastMs = nowMs;
      if (held.isRaised || nowMs - held.firstMs < (trouble.afterMs ?? defaultAfterMs)) continue;
      held.isRaised = true;
      raised.push(alarmOf(held));
    }
    for (const held of [...this.#held.values()]) {
      const { code } = held.trouble;
      if (held.lastMs === nowMs || nowMs - held.lastMs < clearAfterMs(code)) continue;
      this.#held.delete(code);
      if (held.isRaised) cleared.push(alarmOf(held));
    }
    return { raised, cleared };
  }

  /** Those that stand, faults first, then in the order in which they came. */
  get alarms(): Alarm[] {
    const alarms = [...this.#held.values()].filter(({ isRaised }) => isRaised).map(alarmOf);
    return alarms.sort((a, b) => Number(b.severity === 'fault') - Number(a.severity === 'fault') || a.since - b.since);
  }
}

const alarmOf = ({ trouble: { code, severity, message, hint }, since }: Held): Alarm => ({
  ...{ code, severity, message, hint, since },
});

export interface AlarmBookParts {
  readonly rooms: Pick<LiveRooms, 'all'>;
  readonly lastWords: LastWords;
  readonly quota: Pick<EngineQuota, 'waitingRooms'>;
  readonly costs: Pick<Costs, 'today' | 'limits'>;
  readonly db: { readonly renewal: Renewal | null };
  readonly dataDir: string;
  readonly schedule?: () => { readonly message: string; readonly hint: string };
  readonly conduct?: { of(room: LiveRoom): { readonly message: string } };
  /** Those that were enrolled, by room. */
  readonly kits?: () => ReadonlyMap<string, readonly KitFacts[]>;
  readonly recordings?: {
    ofRelay(nowMs: number): RecordingTrouble | null;
    of(room: string, nowMs: number): RecordingTrouble | null;
  };
  readonly log: Logger;
  readonly now?: () => number;
  readonly roomTime?: () => number;
}

/** The alarms of all rooms and of the relay: looked at twice a second also while nobody does, so that `since` is true. */
export class AlarmBook {
  readonly #parts: AlarmBookParts;
  readonly #now: () => number;
  readonly #roomTime: () => number;
  readonly #rooms = new Map<LiveRoom, HeldAlarms>();
  readonly #relay = new HeldAlarms();
  #freeBytes: number | null = null;
  #diskLookedMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: AlarmBookParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => performance.now());
    this.#roomTime = parts.roomTime ?? Date.now;
  }

  /** Of the disk with the data folder; null while not known. */
  get freeBytes(): number | null {
    return this.#freeBytes;
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), lookMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  of(room: LiveRoom): Alarm[] {
    return this.#rooms.get(room)?.alarms ?? [];
  }

  ofRelay(): Alarm[] {
    return this.#relay.alarms;
  }

  look(): void {
    const [nowMs, now] = [this.#now(), this.#roomTime()];
    const rooms = this.#parts.rooms.all();
    for (const room of this.#rooms.keys()) if (!rooms.includes(room)) this.#rooms.delete(room);
    const kitsOf = this.#parts.kits?.();
    let storage = '';
    for (const room of rooms) {
      const live = room.live();
      storage ||= live.storage;
      const held = this.#rooms.get(room) ?? new HeldAlarms();
      this.#rooms.set(room, held);
      const { talk } = room;
      const lastWordsAt = live.source ? null : (this.#parts.lastWords.of(room)?.at ?? null);
      const talkFault = this.#parts.conduct?.of(room).message ?? '';
      const { name, paused } = room.record;
      const kits = kitsOf?.get(name) ?? [];
      const recording = this.#parts.recordings?.of(name, now) ?? null;
      const troubles = roomTroubles({ live, paused, talk, lastWordsAt, talkFault, kits, recording, now });
      this.#tell(name, held.see(troubles, nowMs, now));
    }
    this.#tell(null, this.#relay.see(this.#relayTroubles(storage, now), nowMs, now));
    if (nowMs - this.#diskLookedMs >= diskLookMs) {
      this.#diskLookedMs = nowMs;
      void this.#lookAtDisk();
    }
  }

  #relayTroubles(storage: string, now: number): Trouble[] {
    const { quota, costs, db } = this.#parts;
    const { alarmPerDay, maxPerDay } = costs.limits;
    return relayTroubles({
      ...{ storage, now, alarmPerDay, maxPerDay },
      freeBytes: this.#freeBytes,
      renewal: db.renewal && { atMs: db.renewal.atMs, keptAs: basename(db.renewal.keptAs) },
      spent: costs.today().money,
      waitingRooms: quota.waitingRooms,
      schedule: this.#parts.schedule?.() ?? { message: '', hint: '' },
      recordings: this.#parts.recordings?.ofRelay(now) ?? null,
    });
  }

  /** A disk that does not say is no news: what cannot be written is told by `storage`. */
  async #lookAtDisk(): Promise<void> {
    this.#freeBytes = await statfs(this.#parts.dataDir).then(
      ({ bavail, bsize }) => bavail * bsize,
      () => null,
    );
  }

  #tell(room: string | null, { raised, cleared }: { raised: Alarm[]; cleared: Alarm[] }): void {
    const { log } = this.#parts;
    for (const { code, severity, message } of raised)
      log[severity === 'fault' ? 'warn' : 'info']({ event: 'alarm', room, code, severity }, message);
    for (const { code } of cleared) log.info({ event: 'alarm-over', room, code }, 'An alarm is over');
  }
}
