import type { Writable } from 'node:stream';
import { setImmediate } from 'node:timers';
import type { WebSocket } from 'ws';
import type { Audience, Outgoing } from './audience.ts';
import type { Dialect } from './dialects.ts';
import {
  type CaptionsMessage,
  closeCodes,
  type InputLevel,
  type LogMessage,
  type Partial as PartialCaption,
  type RecordingChange,
  type Status,
  type TalkChange,
} from './protocol.js';
import { textFrame } from './text-frame.ts';

export interface ReaderWishes {
  readonly dialect: Dialect;
  readonly partials: boolean;
  readonly levels: boolean;
  /** The seq of the last message it has. */
  readonly seq: number;
}

/** One reader's socket: takes what it lacks from its audience, at the pace at which the socket drains. */
export class Reader {
  /** Whether it has a meter. */
  readonly levels: boolean;
  readonly #socket: WebSocket;
  /** What the socket writes to: whole frames go there past it, which nothing of its own can come between. */
  readonly #line: Writable;
  readonly #audience: Audience;
  readonly #dialect: Dialect;
  readonly #partials: boolean;
  #seq: number;
  /** True until it has caught up once: history goes page by page, each when the one before has left. */
  #inHistory = true;
  /** The last ones it was sent. */
  #status: Outgoing<Status> | null = null;
  /** Its greeting carries the one that is on then. */
  #talk: Outgoing<TalkChange>;
  /** It takes a room for not recorded until it is told. */
  #recording: Outgoing<RecordingChange> | null;
  #partial: Outgoing<PartialCaption> | null = null;
  #skipped: Outgoing<PartialCaption> | null = null;
  #level: Outgoing<InputLevel> | null;
  /** Messages given to the socket that have not left yet. */
  #pending = 0;
  #progressMs = 0;
  /** To be served when everything pending has left. */
  #waiting = false;
  #over = false;

  constructor(socket: WebSocket, line: Writable, audience: Audience, { dialect, partials, levels, seq }: ReaderWishes) {
    this.#socket = socket;
    this.#line = line;
    this.#audience = audience;
    this.#dialect = dialect;
    this.#partials = partials;
    this.#seq = seq;
    this.levels = levels;
    this.#talk = audience.talk;
    this.#recording = audience.recording.message.on ? null : audience.recording;
    this.#level = audience.level; // one of before it came is not for it
    socket.once('close', () => {
      this.#over = true;
    });
  }

  /** Sends a message that is this reader's alone. */
  say(message: CaptionsMessage): void {
    this.#send(textFrame(Buffer.from(JSON.stringify(message))));
  }

  /** Sends what it lacks, as far as its socket takes it now. */
  serve(): void {
    if (this.#over || (this.#inHistory && this.#waiting)) return;
    if (this.#inHistory) this.#sendHistory();
    else this.#sendLive();
    if (!this.#inHistory && !this.#over) this.#sendNewest();
  }

  /** Sends the newest level; one that is behind gets what is the newest when it has caught its breath. */
  serveLevel(): void {
    const { level, limits, counters } = this.#audience;
    if (this.#over || this.#inHistory || level === null || level === this.#level) return;
    if (this.#socket.bufferedAmount >= limits.maxBufferedForMore) {
      counters.levelsDropped++;
      this.#waiting = true;
      return;
    }
    this.#level = level;
    this.#sendFrame(level);
  }

  /** Cuts it off when it has taken nothing for too long. */
  cutIfStalled(): void {
    const waited = performance.now() - this.#progressMs;
    if (this.#pending > 0 && waited > this.#audience.limits.drainTimeoutMs) this.#cutOff();
  }

  #sendHistory(): void {
    for (const each of this.#audience.after(this.#seq)) {
      if (this.#socket.bufferedAmount >= this.#audience.limits.maxBufferedForMore) break;
      this.#sendLogged(each);
    }
    this.#inHistory = this.#seq < this.#audience.room.log.seq;
    this.#waiting = this.#inHistory;
    // A page of which this reader gets nothing leaves nothing to wait for.
    if (this.#waiting && this.#pending === 0) setImmediate(this.#goOn);
  }

  #sendLive(): void {
    for (let page = this.#audience.after(this.#seq); page.length > 0; page = this.#audience.after(this.#seq))
      for (const each of page) {
        this.#sendLogged(each);
        if (this.#over) return;
      }
  }

  #sendLogged(logged: Outgoing<LogMessage>): void {
    const frame = logged.frame(this.#dialect);
    if (frame) this.#send(frame);
    this.#seq = logged.message.seq;
  }

  /** Status and tail, newest only; a reader that is behind gets them when it has caught its breath. */
  #sendNewest(): void {
    const { status, talk, recording, partial, limits, counters } = this.#audience;
    const partialDue = this.#partials && partial !== null && partial !== this.#partial;
    if (this.#socket.bufferedAmount >= limits.maxBufferedForMore) {
      if (partialDue && partial !== this.#skipped) counters.partialsDropped++;
      if (partialDue) this.#skipped = partial;
      this.#waiting = true;
      return;
    }
    // Before the status: who gets that without this knows that the room is not recorded.
    if (recording !== this.#recording) {
      this.#recording = recording;
      this.#sendFrame(recording);
    }
    if (status !== this.#status) {
      this.#status = status;
      this.#sendFrame(status);
    }
    if (talk !== this.#talk) {
      this.#talk = talk;
      this.#sendFrame(talk);
    }
    if (partialDue) {
      this.#partial = partial;
      this.#sendFrame(partial);
    }
    if (this.levels) this.serveLevel();
  }

  #sendFrame(outgoing: { frame(dialect: Dialect): Buffer | null }): void {
    const frame = outgoing.frame(this.#dialect);
    if (frame) this.#send(frame);
  }

  #send(frame: Buffer): void {
    if (this.#over || this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#pending === 0) this.#progressMs = performance.now();
    this.#pending++;
    this.#audience.counters.messages++;
    this.#line.write(frame, this.#left);
    if (this.#socket.bufferedAmount > this.#audience.limits.maxBufferedBytes) this.#cutOff();
  }

  readonly #left = (): void => {
    this.#pending--;
    this.#progressMs = performance.now();
    // Not from here: a socket that takes everything at once would starve all others.
    if (this.#pending === 0 && this.#waiting) setImmediate(this.#goOn);
  };

  readonly #goOn = (): void => {
    this.#waiting = false;
    this.serve();
  };

  #cutOff(): void {
    if (this.#over) return;
    this.#over = true;
    this.#audience.counters.cutOff++;
    this.#audience.remove(this);
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.close(closeCodes.slowReader, 'too slow: come back with the last seq');
    const timer = setTimeout(() => this.#socket.terminate(), this.#audience.limits.cutOffTimeoutMs);
    this.#socket.once('close', () => clearTimeout(timer));
  }
}
