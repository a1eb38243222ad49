import type { Dialect } from './dialects.ts';
import { asAmended } from './history.ts';
import type { LiveRoom } from './live.ts';
import type {
  Amend,
  CaptionsMessage,
  InputLevel,
  LogMessage,
  Partial as PartialCaption,
  RecordingChange,
  Status,
  Talk,
  TalkChange,
} from './protocol.js';
import type { Reader } from './reader.ts';
import { Rounds } from './rounds.ts';
import { textFrame } from './text-frame.ts';

export const defaultReaderLimits = {
  /** Above this a reader gets no partials, and no next page of history. */
  maxBufferedForMore: 64 * 1024,
  /** Above this it is cut off; it comes back by `since`. */
  maxBufferedBytes: 512 * 1024,
  /** With something to send and nothing taken for this long it is cut off. */
  drainTimeoutMs: 10_000,
  /** How long it has to answer the close. */
  cutOffTimeoutMs: 1000,
  /** Status is said again at least this often. */
  statusIntervalMs: 10_000,
  /** The shortest time between two partials of a room: five a second. */
  partialIntervalMs: 200,
  /** Readers served in one turn of the event loop: 500 take about 10 ms. */
  maxReadersPerTurn: 500,
  /** What a reader gets that does not say what it has. */
  newestCount: 20,
  maxPageMessages: 100,
};
export type ReaderLimits = { readonly [K in keyof typeof defaultReaderLimits]: number };

export interface ReaderCounters {
  readers: number;
  /** Messages sent, each to each reader. */
  messages: number;
  /** Partials that a newer one replaced before they were sent, and those a slow reader missed. */
  partialsDropped: number;
  /** Those a slow reader missed. */
  levelsDropped: number;
  cutOff: number;
}

/** A message, made into a WebSocket's frame once for each kind of reader. */
export class Outgoing<M extends CaptionsMessage> {
  readonly message: M;
  readonly #view: (dialect: Dialect, message: M) => object | null;
  readonly #frames = new Map<Dialect, Buffer | null>();

  constructor(message: M, view: (dialect: Dialect, message: M) => object | null) {
    this.message = message;
    this.#view = view;
  }

  frame(dialect: Dialect): Buffer | null {
    const known = this.#frames.get(dialect);
    if (known !== undefined) return known;
    const seen = this.#view(dialect, this.message);
    const frame = seen === null ? null : textFrame(Buffer.from(JSON.stringify(seen)));
    this.#frames.set(dialect, frame);
    return frame;
  }
}

/**
 * The readers of one room. Nothing is queued for them: each knows the seq it has, and a sweep gives every one what follows
 * in the log, then the newest status and the newest partial. So nothing can be lost, doubled or reordered between the
 * history and what is said now, and what waits is bounded by what each socket has not yet taken.
 */
export class Audience {
  readonly room: LiveRoom;
  readonly limits: ReaderLimits;
  readonly counters: ReaderCounters;
  readonly #readers = new Set<Reader>();
  /** The messages after `#recentAfter` as they stand now, so that a thousand readers need one look into the database. */
  #recent: Outgoing<LogMessage>[] = [];
  #recentAfter = 0;
  /** The newest message that has been looked at. */
  #seenSeq = 0;
  partial: Outgoing<PartialCaption> | null;
  status: Outgoing<Status>;
  talk: Outgoing<TalkChange>;
  recording: Outgoing<RecordingChange>;
  /** The newest; null before the first that was asked for. */
  level: Outgoing<InputLevel> | null = null;
  readonly #rounds: Rounds<Reader>;
  /** Readers with a meter, served apart: a level must not push a partial out before its time. */
  readonly #meters = new Set<Reader>();
  readonly #meterRounds: Rounds<Reader>;
  #unlistenLevel: (() => void) | null = null;
  /** The newest partial is in no round yet. */
  #partialUnsent = false;
  #partialSentMs = Number.NEGATIVE_INFINITY;
  #partialTimer: NodeJS.Timeout | null = null;
  readonly #statusTimer: NodeJS.Timeout;
  readonly #stallTimer: NodeJS.Timeout;
  readonly #unlisten: () => void;

  /** @param isRecorded whether what is said in a room is recorded, as it is now */
  constructor(room: LiveRoom, limits: ReaderLimits, counters: ReaderCounters, isRecorded: (room: LiveRoom) => boolean) {
    this.room = room;
    this.limits = limits;
    this.counters = counters;
    this.partial = room.tail ? outgoingPartial(room.tail) : null;
    this.status = outgoingStatus(room.status);
    this.talk = outgoingTalk(room.talk);
    this.recording = outgoingRecording(isRecorded(room));
    this.#rounds = new Rounds(
      this.#readers,
      limits.maxReadersPerTurn,
      (reader) => reader.serve(),
      () => {
        this.#partialUnsent = false;
      },
    );
    this.#meterRounds = new Rounds(this.#meters, limits.maxReadersPerTurn, (reader) => reader.serveLevel());
    this.#unlisten = room.listen({
      logged: () => this.#rounds.start(),
      partial: (partial) => this.#onPartial(partial),
      status: (status) => this.#onStatus(status),
      talk: (talk) => {
        this.talk = outgoingTalk(talk);
        this.#rounds.start();
      },
      settings: () => {
        const on = isRecorded(room);
        if (on === this.recording.message.on) return;
        this.recording = outgoingRecording(on);
        this.#rounds.start();
      },
      deleted: () => {},
    });
    this.#statusTimer = setInterval(() => this.#onStatus(this.room.status), limits.statusIntervalMs);
    this.#stallTimer = setInterval(() => this.#cutStalled(), limits.drainTimeoutMs / 10);
  }

  get size(): number {
    return this.#readers.size;
  }

  add(reader: Reader): void {
    this.#readers.add(reader);
    this.counters.readers++;
    if (!reader.levels) return;
    this.#meters.add(reader);
    this.#unlistenLevel ??= this.room.inputLevel.listen((level) => {
      this.level = outgoingLevel(level);
      this.#meterRounds.start();
    });
  }

  remove(reader: Reader): void {
    if (this.#readers.delete(reader)) this.counters.readers--;
    if (this.#meters.delete(reader) && this.#meters.size === 0) this.#stopMetering();
  }

  stop(): void {
    this.#unlisten();
    this.#stopMetering();
    clearInterval(this.#statusTimer);
    clearInterval(this.#stallTimer);
    if (this.#partialTimer) clearTimeout(this.#partialTimer);
  }

  /** At most a page of what follows `seq` in the log, in order; empty when there is nothing more. */
  after(seq: number): Outgoing<LogMessage>[] {
    const { log } = this.room;
    if (seq >= log.seq) return [];
    const { maxPageMessages } = this.limits;
    this.#refresh();
    if (seq < this.#recentAfter) return log.after(seq, maxPageMessages).map(outgoingLogged);
    const next = this.#recent.findIndex(({ message }) => message.seq > seq);
    return next < 0 ? [] : this.#recent.slice(next, next + maxPageMessages);
  }

  #refresh(): void {
    const { log } = this.room;
    const { maxPageMessages } = this.limits;
    const from = Math.max(this.#seenSeq, log.tail(maxPageMessages));
    if (from >= log.seq) return;
    const added = log.after(from, maxPageMessages);
    if (this.#seenSeq < from) {
      this.#recent = [];
      this.#recentAfter = from;
    }
    for (const message of added) if (message.type === 'amend') this.#amendRecent(message);
    this.#recent.push(...added.map(outgoingLogged));
    for (const { message } of this.#recent.splice(0, Math.max(0, this.#recent.length - maxPageMessages)))
      this.#recentAfter = message.seq;
    this.#seenSeq = log.seq;
  }

  /** Whoever has not been sent its caption yet gets that in its present words, and this act alone. */
  #amendRecent(amend: Amend): void {
    this.#recent = this.#recent.flatMap((each) => {
      const { message } = each;
      if (message.type === 'amend') return message.of === amend.of ? [] : [each];
      return message.seq === amend.of ? [outgoingLogged(asAmended(message, amend))] : [each];
    });
  }

  #onPartial(partial: PartialCaption): void {
    const waited = performance.now() - this.#partialSentMs;
    if (this.#partialUnsent) this.counters.partialsDropped++;
    this.#partialUnsent = true;
    this.partial = outgoingPartial(partial);
    // A withdrawn tail goes at once: its words are in a final that is on its way.
    if (partial.text === '' || waited >= this.limits.partialIntervalMs) this.#sendPartial();
    else this.#partialTimer ??= setTimeout(() => this.#sendPartial(), this.limits.partialIntervalMs - waited);
  }

  #sendPartial(): void {
    if (this.#partialTimer) clearTimeout(this.#partialTimer);
    this.#partialTimer = null;
    this.#partialSentMs = performance.now();
    this.#rounds.start();
  }

  #onStatus(status: Status): void {
    this.status = outgoingStatus(status);
    this.#rounds.start();
  }

  #stopMetering(): void {
    this.#unlistenLevel?.();
    this.#unlistenLevel = null;
    this.level = null;
  }

  #cutStalled(): void {
    for (const reader of [...this.#readers]) reader.cutIfStalled();
  }
}

const outgoingLogged = (message: LogMessage) => new Outgoing(message, (dialect, each) => dialect.logged(each));
const outgoingPartial = (partial: PartialCaption) => new Outgoing(partial, (dialect, each) => dialect.partial(each));
const outgoingLevel = (level: InputLevel) => new Outgoing(level, (dialect, each) => dialect.level(each));
const outgoingTalk = (talk: Talk | null) =>
  new Outgoing<TalkChange>({ type: 'talk', talk }, (dialect, each) => dialect.talk(each));
const outgoingRecording = (on: boolean) =>
  new Outgoing<RecordingChange>({ type: 'recording', on }, (dialect, each) => dialect.recording(each));
const outgoingStatus = (status: Status) => new Outgoing(status, (dialect, each) => dialect.status(each));
