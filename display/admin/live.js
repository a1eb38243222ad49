// @ts-check
/** The page's line to the relay: every room as it is, then what changes; opened again for ever. */

/**
 * @typedef {import('../../relay/protocol.js').Alarm} Alarm
 * @typedef {import('../../relay/protocol.js').LiveMessage} LiveMessage
 * @typedef {import('../../relay/protocol.js').Health} Health
 * @typedef {import('./room-panels.js').RoomView & { language: string, paused: boolean, readers: number,
 *   lastWords: { text: string, at: number } | null, alarms: Alarm[], talk: import('../../relay/protocol.js').Talk | null,
 *   live: { state: string, message: string, lagMs: number, backlogMs: number, backfillMs: number,
 *     source: { device: string, connectedMs: number, health: Health | null } | null,
 *     engine: { name: string, state: string, message: string, hint: string },
 *     rest: { resting: boolean, levelDb: number, thresholdDb: number | null },
 *     spent: { seconds: number, money: number } } }} RoomView
 * @typedef {'connecting' | 'open' | 'lost' | 'signed-out'} Link
 */

/**
 * @typedef {object} LiveListener
 * @property {(views: RoomView[], gone: string[]) => void} rooms those that changed, and those that were deleted
 * @property {(levels: Record<string, number>) => void} levels dBFS
 * @property {(alarms: Alarm[]) => void} alarms of the relay itself
 * @property {(link: Link) => void} link
 */

/**
 * @typedef {object} LiveHost what the browser is to this
 * @property {() => WebSocket} open
 * @property {() => Promise<boolean>} isSignedOut whether the relay asks for a login; never throws
 * @property {() => number} now monotonic, ms
 * @property {() => number} date
 * @property {() => number} random
 * @property {(run: () => void, ms: number) => number} setTimeout
 * @property {(timer: number) => void} clearTimeout
 */

export const liveLimits = Object.freeze({
  /** The first retry comes within 2 s, later ones within 5 s, spread out. */
  minRetryMs: 500,
  firstRetryMs: 2000,
  maxRetryMs: 5000,
  openTimeoutMs: 8000,
  /** A relay says something every 2 s. */
  silenceTimeoutMs: 6000,
});

export class Live {
  #listener;
  #host;
  /** @type {WebSocket | null} */
  #socket = null;
  #attempt = 0;
  #failures = 0;
  #heardAt = 0;
  #isOpen = false;
  #stopped = true;
  /** @type {number | null} */
  #timer = null;
  /** Names of the rooms that are there. */
  #rooms = new Set();
  /** The next list of rooms is of all there are. */
  #isWhole = false;
  /** Room time less this machine's. */
  #aheadMs = 0;

  /** @param {LiveListener} listener @param {LiveHost} host */
  constructor(listener, host) {
    this.#listener = listener;
    this.#host = host;
  }

  start() {
    this.#stopped = false;
    this.#failures = 0;
    this.#listener.link('connecting');
    this.#open();
  }

  stop() {
    this.#stopped = true;
    this.#leave();
  }

  /** The page is shown again, or the network is back: look at once. */
  wake() {
    if (this.#stopped) return;
    if (!this.#socket) this.#open();
    else if (this.#isOpen && this.#silentMs > liveLimits.silenceTimeoutMs) this.#lose(0);
  }

  /** Room time now. */
  get roomTime() {
    return this.#host.date() + this.#aheadMs;
  }

  /** How old what stands on the page is. */
  get ageMs() {
    return this.#silentMs;
  }

  get #silentMs() {
    return this.#host.now() - this.#heardAt;
  }

  #open() {
    this.#leave();
    const attempt = ++this.#attempt;
    /** @param {(() => void)} run */
    const mine = (run) => () => attempt === this.#attempt && run();
    const socket = this.#host.open();
    this.#socket = socket;
    socket.onmessage = ({ data }) => attempt === this.#attempt && this.#receive(String(data));
    socket.onclose = mine(() => void this.#closed(attempt));
    this.#schedule(liveLimits.openTimeoutMs, () => this.#lose(this.#retryMs()));
  }

  /** @param {number} attempt */
  async #closed(attempt) {
    const wasOpen = this.#isOpen;
    this.#leave();
    if (wasOpen) this.#listener.link('lost');
    // A page cannot see why it was not let in; the relay's answer to a plain call says it.
    const signedOut = await this.#host.isSignedOut();
    if (this.#stopped || attempt !== this.#attempt) return;
    if (signedOut) {
      this.#stopped = true;
      this.#listener.link('signed-out');
    } else this.#lose(this.#retryMs());
  }

  /** @param {number} retryMs */
  #lose(retryMs) {
    this.#leave();
    this.#listener.link('lost');
    this.#schedule(retryMs, () => this.#open());
  }

  /** Spread out between the least wait and a bound that doubles. */
  #retryMs() {
    const { minRetryMs, firstRetryMs, maxRetryMs } = liveLimits;
    const bound = Math.min(maxRetryMs, firstRetryMs * 2 ** this.#failures++);
    return minRetryMs + this.#host.random() * (bound - minRetryMs);
  }

  /** @param {string} text */
  #receive(text) {
    /** @type {LiveMessage} */
    const message = JSON.parse(text);
    this.#heardAt = this.#host.now();
    this.#watch();
    if (message.type === 'hello') {
      this.#aheadMs = message.at - this.#host.date();
      this.#isWhole = true;
    } else if (message.type === 'rooms') this.#show(message);
    else if (message.type === 'levels') this.#listener.levels(message.levels);
    else if (message.type === 'alarms') this.#listener.alarms(message.alarms);
  }

  /** @param {import('../../relay/protocol.js').LiveRoomsMessage} message */
  #show({ at, rooms, gone }) {
    this.#aheadMs = at - this.#host.date();
    const views = /** @type {RoomView[]} */ (rooms);
    const names = new Set(views.map(({ room }) => room));
    const missing = this.#isWhole ? [...this.#rooms].filter((name) => !names.has(name)) : gone;
    this.#rooms = this.#isWhole ? names : new Set([...this.#rooms, ...names].filter((name) => !gone.includes(name)));
    this.#isWhole = false;
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#failures = 0;
      this.#listener.link('open');
    }
    this.#listener.rooms(views, missing);
  }

  /** A line that says nothing for too long is left, not closed politely: that could take minutes. */
  #watch() {
    this.#schedule(liveLimits.silenceTimeoutMs, () => this.#lose(this.#retryMs()));
  }

  #leave() {
    if (this.#timer !== null) this.#host.clearTimeout(this.#timer);
    this.#timer = null;
    this.#isOpen = false;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
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
