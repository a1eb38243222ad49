// @ts-check
/**
 * A page's line to its relay: opens it, notices when it is dead, opens it again for ever, and resumes after the last
 * message it has, so that whoever listens gets each message of the room's log once and in order.
 */
import { closeCodes } from '../relay/protocol.js';
import { readMessage } from './messages.js';

/** @import { Talk } from '../relay/protocol.js' */
/** @import { Durable, RoomStatus, Tail } from './messages.js' */

/** @typedef {{ since: number, log: string }} Resume */
/** @typedef {'connecting' | 'open' | 'lost' | 'refused' | 'full'} Link */
/** @typedef {'refused' | 'full' | null} Refusal that this link opens nothing, or that every place is taken; null: neither is known */

/**
 * @typedef {object} ConnectionListener
 * @property {(title: string, at: number) => void} room the relay answered; the room's title, and room time where the relay tells it
 * @property {(talk: Talk | null) => void} talk what is on, by the schedule
 * @property {(on: boolean) => void} recorded whether what is said in the room is recorded
 * @property {(rmsDbfs: number) => void} level of the room's sound
 * @property {(message: Durable, isOld: boolean) => void} message the next one of the log; whether it was there when the
 *   line was opened: of what was missed while the line was cut, the newest three were just said
 * @property {() => void} reset another log begins: all that came before is void
 * @property {(tail: Tail | null) => void} tail
 * @property {(status: RoomStatus) => void} status
 * @property {() => void} skipped the log holds captions that this page did not ask for
 * @property {(link: Link) => void} link
 */

/**
 * @typedef {object} ConnectionHost what the browser is to a connection
 * @property {(resume: Resume | null) => WebSocket} open throws where the address or the token cannot be used at all
 * @property {() => Promise<Refusal>} whyRefused what the relay says of a line that did not open; never throws
 * @property {() => number} now monotonic, ms
 * @property {() => number} date the time of day, ms: it goes on while a device sleeps, where `now` may stand still
 * @property {() => number} random
 * @property {(run: () => void, ms: number) => number} setTimeout
 * @property {(timer: number) => void} clearTimeout
 */

export const connectionLimits = Object.freeze({
  minRetryMs: 500,
  /** The first retry comes within 2 s, later ones within 5 s, all spread out: a relay has 2,000 pages to take back. */
  firstRetryMs: 2000,
  maxRetryMs: 5000,
  /** A link that is no longer valid may become so again; asking each 5 s would only be noise. */
  refusedRetryMs: 30_000,
  /** Places come free; everyone who waits for one asks this often. */
  fullRetryMs: 10_000,
  openTimeoutMs: 10_000,
  /** A relay says something at least every 10 s; two missed and a half is a dead line. */
  silenceTimeoutMs: 25_000,
  /** When a page wakes up or its network changes, silence for longer than one heartbeat is enough. */
  staleAfterMs: 12_000,
  /** A line that stood this long begins its retries anew. */
  healthyAfterMs: 10_000,
  /** A page that wakes up again and again still leaves this long between two attempts. */
  minAttemptGapMs: 500,
});

/** So many of what was missed while the line was cut count as just said. */
const recentMessages = 3;
/** @type {readonly number[]} */
const refusals = [closeCodes.unauthorized, closeCodes.forbidden, closeCodes.roomGone];
/** @type {readonly number[]} */
const crowded = [closeCodes.overloaded, closeCodes.slowReader, closeCodes.tooManyMessages];

export class Connection {
  #listener;
  #host;
  #limits;
  /** @type {WebSocket | null} */
  #socket = null;
  #stopped = true;
  #attempt = 0;
  #attemptedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #heardAt = 0;
  #heardDate = 0;
  #openedAt = 0;
  #probedAt = Number.NEGATIVE_INFINITY;
  /** @type {number | null} */
  #timer = null;
  #log = '';
  /** The newest `seq` seen of `#log`. */
  #last = 0;
  /** Up to here gaps in `seq` say nothing: the page did not ask for all of it. */
  #floor = 0;
  /** Up to here messages are old. */
  #greeted = 0;
  /** Whether this line has told it. */
  #knowsRecording = false;
  /** For people who look into a page: each counter has its drop or its fault. */
  counts = { duplicates: 0, unreadable: 0, lost: 0, refused: 0, full: 0, silent: 0 };

  /** @param {ConnectionListener} listener @param {ConnectionHost} host @param {typeof connectionLimits} [limits] */
  constructor(listener, host, limits = connectionLimits) {
    this.#listener = listener;
    this.#host = host;
    this.#limits = limits;
  }

  start() {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#listener.link('connecting');
    this.#open();
  }

  /** Idempotent. */
  stop() {
    this.#stopped = true;
    this.#attempt++;
    this.#leave();
  }

  /** Something happened that may end or begin a connection (network is back, page is shown again): look at once. */
  wake() {
    if (this.#stopped) return;
    const now = this.#host.now();
    if (now - this.#attemptedAt < this.#limits.minAttemptGapMs) return;
    if (!this.#socket) this.#open();
    else if (this.#socket.readyState === WebSocket.OPEN) {
      const silentMs = Math.max(now - this.#heardAt, this.#host.date() - this.#heardDate);
      if (silentMs > this.#limits.staleAfterMs) this.#lose(0);
    }
  }

  #open() {
    this.#leave();
    const attempt = ++this.#attempt;
    const { now } = this.#host;
    this.#attemptedAt = now();
    this.#openedAt = 0;
    /** @type {WebSocket} */
    let socket;
    try {
      socket = this.#host.open(this.#log ? { since: this.#last, log: this.#log } : null);
    } catch {
      this.#refuse();
      return;
    }
    this.#socket = socket;
    socket.onopen = () => {
      if (attempt !== this.#attempt) return;
      this.#openedAt = now();
      this.#hear();
      this.#watch(this.#limits.silenceTimeoutMs);
    };
    socket.onmessage = ({ data }) => {
      if (attempt !== this.#attempt) return;
      this.#hear();
      this.#receive(data);
    };
    socket.onclose = ({ code }) => {
      if (attempt !== this.#attempt) return;
      if (refusals.includes(code)) this.#refuse();
      else if (this.#openedAt === 0) this.#probe(attempt);
      else this.#lose(this.#retryMs(code));
    };
    this.#watch(this.#limits.openTimeoutMs);
  }

  #hear() {
    this.#heardAt = this.#host.now();
    this.#heardDate = this.#host.date();
  }

  /** A line that says nothing for too long is left, not closed politely: that could take minutes.
   * @param {number} ms */
  #watch(ms) {
    this.#schedule(ms, () => {
      const silentFor = this.#host.now() - this.#heardAt;
      if (this.#openedAt > 0 && silentFor < this.#limits.silenceTimeoutMs) {
        this.#watch(this.#limits.silenceTimeoutMs - silentFor);
        return;
      }
      this.counts.silent++;
      this.#lose(this.#retryMs(0));
    });
  }

  /** @param {number} attempt */
  #probe(attempt) {
    const { now } = this.#host;
    this.#leave();
    if (now() - this.#probedAt < this.#limits.refusedRetryMs) {
      this.#lose(this.#retryMs(0));
      return;
    }
    void this.#host.whyRefused().then((refusal) => {
      if (attempt !== this.#attempt) return;
      if (refusal === 'refused') this.#refuse();
      else if (refusal === 'full') this.#wait();
      else {
        this.#probedAt = now();
        this.#lose(this.#retryMs(0));
      }
    });
  }

  #refuse() {
    this.counts.refused++;
    this.#leave();
    this.#listener.link('refused');
    this.#schedule(this.#limits.refusedRetryMs * (1 + this.#host.random() / 10), () => this.#open());
  }

  #wait() {
    this.counts.full++;
    this.#leave();
    this.#listener.link('full');
    this.#schedule(this.#limits.fullRetryMs * (1 + this.#host.random()), () => this.#open());
  }

  /** @param {number} retryMs */
  #lose(retryMs) {
    this.counts.lost++;
    this.#leave();
    this.#listener.link('lost');
    this.#schedule(retryMs, () => this.#open());
  }

  /** Full jitter between the least wait and a bound that doubles. @param {number} code of the close */
  #retryMs(code) {
    const { minRetryMs, firstRetryMs, maxRetryMs, healthyAfterMs } = this.#limits;
    if (this.#openedAt > 0 && this.#host.now() - this.#openedAt > healthyAfterMs) this.#failures = 0;
    const bound = crowded.includes(code) ? maxRetryMs : Math.min(maxRetryMs, firstRetryMs * 2 ** this.#failures);
    this.#failures++;
    return minRetryMs + this.#host.random() * (bound - minRetryMs);
  }

  /** @param {unknown} data */
  #receive(data) {
    const message = readMessage(data);
    if (!message) this.counts.unreadable++;
    else if (message.type === 'hello') this.#hello(message);
    else if (message.type === 'reset') this.#forget();
    else if (message.type === 'partial') this.#listener.tail(message);
    else if (message.type === 'status') this.#status(message);
    else if (message.type === 'recording') this.#recorded(message.on);
    else if (message.type === 'talk') this.#listener.talk(message.talk);
    else if (message.type === 'level') this.#listener.level(message.rmsDbfs);
    else this.#take(message);
  }

  /** @param {import('./messages.js').Hello} hello */
  #hello({ log, seq, title, talk, at }) {
    const resumed = this.#log === log;
    if (this.#log && !resumed) this.#forget();
    if (resumed && seq < this.#last) {
      // The same log, shorter than it was: it came back from an older copy. Begin anew rather than wait for ever.
      this.#log = '';
      this.#forget();
      this.#open();
      return;
    }
    this.#floor = resumed ? this.#last : seq;
    this.#greeted = resumed ? seq - recentMessages : seq;
    this.#log = log;
    this.#listener.tail(null);
    this.#listener.link('open');
    this.#listener.room(title, at);
    this.#listener.talk(talk);
    this.#knowsRecording = false;
  }

  /** @param {boolean} on */
  #recorded(on) {
    this.#knowsRecording = true;
    this.#listener.recorded(on);
  }

  /** A relay says that a room is recorded before it says how the room is, or the room is not. @param {RoomStatus} status */
  #status(status) {
    if (!this.#knowsRecording) this.#recorded(false);
    this.#listener.status(status);
  }

  #forget() {
    this.#last = 0;
    this.#listener.reset();
  }

  /** @param {Durable} message */
  #take(message) {
    if (message.seq <= this.#last) {
      this.counts.duplicates++;
      return;
    }
    const expected = Math.max(this.#last, this.#floor) + 1;
    this.#last = message.seq;
    if (message.seq > expected) this.#listener.skipped();
    this.#listener.message(message, message.seq <= this.#greeted);
  }

  #leave() {
    if (this.#timer !== null) this.#host.clearTimeout(this.#timer);
    this.#timer = null;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** @param {number} ms @param {() => void} run */
  #schedule(ms, run) {
    if (this.#timer !== null) this.#host.clearTimeout(this.#timer);
    this.#timer = this.#host.setTimeout(() => {
      this.#timer = null;
      run();
    }, ms);
  }
}
