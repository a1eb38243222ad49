import type { Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import { Audience, defaultReaderLimits, type ReaderCounters, type ReaderLimits } from './audience.ts';
import type { CaptionLog } from './captions.ts';
import { asSpoken, type Dialect, everything } from './dialects.ts';
import type { CaptionsQuery } from './door-requests.ts';
import type { LiveRoom } from './live.ts';
import { Reader, type ReaderWishes } from './reader.ts';

/** How far back to look for the newest few among captions that came late. */
const maxLookBack = 1000;

/** All readers of a relay, by room. */
export class Readers {
  readonly #limits: ReaderLimits;
  readonly #roomTime: () => number;
  readonly #isRecorded: (room: LiveRoom) => boolean;
  readonly #audiences = new Map<LiveRoom, Audience>();
  readonly #counters: ReaderCounters = { readers: 0, messages: 0, partialsDropped: 0, levelsDropped: 0, cutOff: 0 };

  /** @param canRecord whether there is a place for recordings: without one nothing is recorded, whatever rooms are set to */
  constructor(limits: Partial<ReaderLimits> = {}, roomTime: () => number = Date.now, canRecord = true) {
    this.#limits = { ...defaultReaderLimits, ...limits };
    this.#roomTime = roomTime;
    this.#isRecorded = ({ record }) => canRecord && record.settings.recording?.on === true;
  }

  get counters(): Readonly<ReaderCounters> {
    return this.#counters;
  }

  /** Readers of each room that has any. */
  byRoom(): ReadonlyMap<string, number> {
    return new Map([...this.#audiences].map(([room, { size }]) => [room.record.name, size]));
  }

  inRoom(room: LiveRoom): number {
    return this.#audiences.get(room)?.size ?? 0;
  }

  /** Serves an open socket, which writes to `line`, until it closes: hello, what it lacks, then everything that is said. */
  serve(socket: WebSocket, line: Writable, room: LiveRoom, { since, log, partial, late, level }: CaptionsQuery): void {
    const dialect = late ? everything : asSpoken;
    const { seq, id } = room.log;
    const known = since !== null && since <= seq && (log === null || log === id);
    const lost = since !== null ? !known : log !== null && log !== id;
    const start = known ? since : lost ? 0 : newestStart(room.log, this.#limits.newestCount, dialect);
    const reader = this.#join(socket, line, room, { dialect, partials: partial, levels: level, seq: start });
    const { name, settings } = room.record;
    reader.say({
      type: 'hello',
      log: id,
      seq,
      room: { name, title: settings.title },
      talk: room.talk,
      at: this.#roomTime(),
    });
    if (lost) reader.say({ type: 'reset' });
    reader.serve();
  }

  /** Serves a socket in another dialect, from now on. */
  serveFromNow(socket: WebSocket, line: Writable, room: LiveRoom, dialect: Dialect, partials: boolean): void {
    this.#join(socket, line, room, { dialect, partials, levels: false, seq: room.log.seq }).serve();
  }

  #join(socket: WebSocket, line: Writable, room: LiveRoom, wishes: ReaderWishes): Reader {
    const audience = this.#audiences.get(room) ?? new Audience(room, this.#limits, this.#counters, this.#isRecorded);
    this.#audiences.set(room, audience);
    const reader = new Reader(socket, line, audience, wishes);
    audience.add(reader);
    socket.once('close', () => {
      audience.remove(reader);
      if (audience.size > 0 || this.#audiences.get(room) !== audience) return;
      audience.stop();
      this.#audiences.delete(room);
    });
    return reader;
  }
}

/** The seq after which the newest `count` captions that this dialect shows follow, and all acts on them. */
function newestStart(log: CaptionLog, count: number, dialect: Dialect): number {
  let oldest = 0;
  for (const depth of [count * 2, maxLookBack]) {
    const captions = log.history.newest(depth);
    const shown = captions.filter(({ caption, amend }) => amend?.text !== null && dialect.logged(caption) !== null);
    const first = shown[count - 1];
    if (first) return beforeClear(log, first.caption.seq - 1);
    if (captions.length < depth) return 0;
    oldest = captions.at(-1)?.caption.seq ?? 0;
  }
  return oldest - 1;
}

/** With the newest clear: what is filled in after it may have been spoken before. */
function beforeClear(log: CaptionLog, start: number): number {
  const clear = log.history.newestClear();
  return clear && clear.seq > log.tail(maxLookBack) ? Math.min(start, clear.seq - 1) : start;
}
