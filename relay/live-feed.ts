import type { WebSocket } from 'ws';
import type { LiveRoom, LiveRooms } from './live.ts';
import { defaultLiveLimits, type LiveLimits, LivePage } from './live-page.ts';
import { type Alarm, closeCodes, type LiveMessage } from './protocol.js';
import type { RoomView, RoomViews } from './room-views.ts';

export interface LiveFeedParts {
  readonly rooms: Pick<LiveRooms, 'all'>;
  readonly views: RoomViews;
  /** The relay's own. */
  readonly alarms: { ofRelay(): Alarm[] };
  readonly version: string;
  readonly limits?: Partial<LiveLimits>;
  readonly roomTime?: () => number;
}

export interface LiveCounters {
  pages: number;
  /** Messages sent, each to each page. */
  messages: number;
  /** What a slow page was not told because something newer took its place: states of rooms, and levels. */
  statesDropped: number;
  levelsDropped: number;
  cutOff: number;
}

interface Shown {
  /** What was told of the room, but for what changes by itself all the time. */
  readonly essence: string;
  readonly json: string;
  readonly unlisten: () => void;
}

/**
 * What admin pages see of all rooms, as it changes: looked at twice a second, made into bytes once for all pages. Nothing is
 * queued for a page: it is told the newest state of what changed since it took the last message. While there is no page,
 * nothing is looked at.
 */
export class LiveFeed {
  readonly counters: LiveCounters = { pages: 0, messages: 0, statesDropped: 0, levelsDropped: 0, cutOff: 0 };
  readonly #parts: LiveFeedParts;
  readonly #limits: LiveLimits;
  readonly #roomTime: () => number;
  readonly #pages = new Set<LivePage>();
  readonly #shown = new Map<LiveRoom, Shown>();
  /** By name, the newest state as JSON; for those that are gone, none. */
  readonly #json = new Map<string, string>();
  #levels = new Map<string, number>();
  #newLevels: Record<string, number> = {};
  #alarms = '';
  #saidMs = Number.NEGATIVE_INFINITY;
  #timers: NodeJS.Timeout[] = [];

  constructor(parts: LiveFeedParts) {
    this.#parts = parts;
    this.#limits = { ...defaultLiveLimits, ...parts.limits };
    this.#roomTime = parts.roomTime ?? Date.now;
  }

  /** Serves an open socket until it closes: every room, then what changes. */
  serve(socket: WebSocket): void {
    const page = new LivePage(socket, this.#limits, () => performance.now());
    this.#say(page, message({ type: 'hello', version: this.#parts.version, at: this.#roomTime() }));
    this.#look();
    this.#tellAll(); // so that the newcomer alone gets every room
    this.#pages.add(page);
    this.counters.pages++;
    if (this.#pages.size === 1) this.#start();
    for (const name of this.#json.keys()) page.due.add(name);
    this.#tell(page, null, true);
    const levels = Object.fromEntries(this.#levels);
    if (this.#levels.size > 0) this.#say(page, message({ type: 'levels', levels }));
    socket.once('close', () => {
      this.#pages.delete(page);
      this.counters.pages--;
      if (this.#pages.size === 0) this.#rest();
    });
  }

  #start(): void {
    this.#timers = [
      setInterval(() => {
        this.#look();
        this.#tellAll();
      }, this.#limits.roomIntervalMs),
      setInterval(() => this.#tellLevels(), this.#limits.levelIntervalMs),
    ];
  }

  #rest(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const { unlisten } of this.#shown.values()) unlisten();
    this.#shown.clear();
    this.#json.clear();
    this.#levels.clear();
    this.#newLevels = {};
    this.#alarms = '';
  }

  /** Sees what changed and notes it for every page. */
  #look(): void {
    const rooms = this.#parts.rooms.all();
    for (const [room, { unlisten }] of this.#shown) {
      if (rooms.includes(room)) continue;
      unlisten();
      this.#shown.delete(room);
      this.#json.delete(room.record.name);
      this.#levels.delete(room.record.name);
      this.#note(room.record.name);
    }
    for (const room of rooms) this.#see(room);
    const alarms = JSON.stringify(this.#parts.alarms.ofRelay());
    if (alarms === this.#alarms) return;
    this.#alarms = alarms;
    for (const page of this.#pages) page.isAlarmDue = true;
  }

  #see(room: LiveRoom): void {
    const { name } = room.record;
    const view = this.#parts.views.of(room);
    const essence = essenceOf(view);
    const known = this.#shown.get(room);
    if (known?.essence === essence) return;
    const unlisten =
      known?.unlisten ??
      room.inputLevel.listen(({ rmsDbfs }) => {
        this.#levels.set(name, rmsDbfs);
        this.#newLevels[name] = rmsDbfs;
      });
    const json = JSON.stringify(view);
    this.#shown.set(room, { essence, json, unlisten });
    this.#json.set(name, json);
    this.#note(name);
  }

  #note(name: string): void {
    for (const { due } of this.#pages) {
      if (due.has(name)) this.counters.statesDropped++;
      due.add(name);
    }
  }

  #tellAll(): void {
    const isQuiet = performance.now() - this.#saidMs >= this.#limits.quietIntervalMs;
    /** Most pages lack the same: those rooms are put together once. */
    const shared = new Map<string, string>();
    for (const page of [...this.#pages]) this.#tell(page, shared, isQuiet);
    if (isQuiet || shared.size > 0) this.#saidMs = performance.now();
  }

  /** @param isDue something is said even where nothing changed */
  #tell(page: LivePage, shared: Map<string, string> | null, isDue: boolean): void {
    if (!page.takesMore) {
      if (page.isStuck) this.#cutOff(page);
      return;
    }
    if (page.due.size > 0 || isDue) {
      const key = [...page.due].join();
      const frame = shared?.get(key) ?? this.#roomsOf(page.due);
      shared?.set(key, frame);
      page.due.clear();
      this.#say(page, frame);
    }
    if (!page.isAlarmDue) return;
    page.isAlarmDue = false;
    this.#say(page, `{"type":"alarms","alarms":${this.#alarms}}`);
  }

  #roomsOf(names: ReadonlySet<string>): string {
    const rooms = [...names].flatMap((name) => this.#json.get(name) ?? []);
    const gone = JSON.stringify([...names].filter((name) => !this.#json.has(name)));
    return `{"type":"rooms","at":${this.#roomTime()},"rooms":[${rooms.join()}],"gone":${gone}}`;
  }

  #tellLevels(): void {
    const levels = this.#newLevels;
    if (Object.keys(levels).length === 0) return;
    this.#newLevels = {};
    const frame = message({ type: 'levels', levels });
    for (const page of this.#pages) {
      if (page.takesMore) this.#say(page, frame);
      else this.counters.levelsDropped++;
    }
  }

  #say(page: LivePage, frame: string): void {
    this.counters.messages++;
    page.send(frame);
  }

  #cutOff(page: LivePage): void {
    this.#pages.delete(page);
    this.counters.cutOff++;
    page.cutOff(closeCodes.slowReader, 'the page reads too slowly');
  }
}

const message = (value: LiveMessage) => JSON.stringify(value);

/** Ages and counters grow all the time, and levels are told apart: they are news only together with something else. */
const restless = new Set([
  ...[
    'connectedMs',
    'lastAudioMs',
    'lastCaptionMs',
    'counters',
    'level',
    'levelDb',
    'floorDb',
    'thresholdDb',
    'silentMs',
  ],
  ...['rttMs', 'driftPpm', 'heldMs', 'freeBytes', 'seconds'],
]);
/** What is told to this many milliseconds, or amounts of money. */
const steps: Readonly<Record<string, number>> = { lagMs: 1000, backlogMs: 1000, backfillMs: 1000, money: 0.01 };

function essenceOf(view: RoomView): string {
  return JSON.stringify(view, (name, value: unknown) => {
    if (restless.has(name)) return undefined;
    const step = steps[name];
    return step !== undefined && typeof value === 'number' ? Math.round(value / step) : value;
  });
}
