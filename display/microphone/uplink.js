// @ts-check
/**
 * The page's line to the relay while it stands in for a kit: connects, asks for the room, leaves a dead line, comes back
 * after a random while, and gives way to the kit when that has sound again.
 */
import { closeCodes, parseRelayMessage, WireError } from '../../relay/protocol.js';
import { Session } from './session.js';

/** @import { Anchor, Health, Hole, RelayMessage, RoomSettingsForDevice } from '../../relay/protocol.js' */
/** @import { Buffer } from './buffer.js' */
/** @import { Stream } from './stream.js' */

/**
 * `standing-by`: another source is in charge. `refused`: the token opens nothing. `finished`: all that was said is stored.
 * @typedef {'idle' | 'connecting' | 'in-charge' | 'standing-by' | 'lost' | 'refused' | 'finished'} LinkState
 */

/**
 * What is used of a browser's WebSocket.
 * @typedef {object} Socket
 * @property {BinaryType} binaryType
 * @property {number} bufferedAmount
 * @property {((event: Event) => void) | null} onopen
 * @property {((event: MessageEvent) => void) | null} onmessage
 * @property {((event: CloseEvent) => void) | null} onclose
 * @property {(data: string | Uint8Array<ArrayBuffer>) => void} send
 * @property {(code: number) => void} close
 */

/**
 * @typedef {object} UplinkHost what the browser is to an uplink
 * @property {() => Socket} open throws where address or token cannot be used at all
 * @property {() => Promise<boolean>} isRefused whether the relay says that this link opens nothing; never throws
 * @property {() => number} now monotonic, ms
 * @property {() => number} random
 * @property {(run: () => void, ms: number) => number} setTimeout
 * @property {(timer: number) => void} clearTimeout
 */

/**
 * @typedef {object} UplinkOptions
 * @property {UplinkHost} host
 * @property {Buffer} buffer
 * @property {() => { id: string, version: string, bootId: string }} device
 * @property {() => Health} health
 * @property {() => void} onCut the running stream is to end here and another to begin: the room is another source's
 * @property {() => void} onChange
 */

export const uplinkLimits = Object.freeze({
  /** The first attempt after a cut comes after 0.25 to 1 s, later ones within 4 s, all at random. */
  minRetryMs: 250,
  firstRetryMs: 1000,
  maxRetryMs: 4000,
  restartRetryMs: [500, 2000],
  refusedRetryMs: 20_000,
  /** Where the relay does not say when to ask again. */
  otherSourceRetryMs: 5000,
  maxToldRetryMs: 60_000,
  openTimeoutMs: 6000,
  /** Sound was sent and nothing was heard for this long: the line is dead. */
  silentAfterMs: 4000,
  lookEveryMs: 250,
  healthEveryMs: 5000,
});

/** @type {readonly number[]} */
const refusals = [closeCodes.unauthorized, closeCodes.forbidden, closeCodes.roomGone];
/** @type {readonly number[]} what trying again at once would not mend */
const violations = [closeCodes.policy, closeCodes.tooBig, closeCodes.protocol, closeCodes.tooFast];

export class Uplink {
  #options;
  #host;
  #buffer;
  /** @type {Socket | null} */
  #socket = null;
  /** @type {Session | null} */
  #session = null;
  /** @type {Extract<RelayMessage, { type: 'refused' }> | null} */
  #refusal = null;
  /** @type {number | undefined} */
  #timer;
  /** @type {number | undefined} */
  #look;
  #failures = 0;
  #openedAtMs = 0;
  #heardAtMs = 0;
  #healthAtMs = 0;
  #isDelivering = false;
  /** A person said: take over from a kit that has sound. It holds until this page gives way. */
  #byHand = false;
  #isRunning = false;
  #isStopping = false;
  /** @type {LinkState} */
  state = 'idle';
  /** What the relay said when it refused, for people. */
  reason = '';
  /** @type {RoomSettingsForDevice} */
  settings = {};
  /** Connections that were welcome, of which the first is no reconnection. */
  connections = 0;

  /** @param {UplinkOptions} options */
  constructor(options) {
    this.#options = options;
    this.#host = options.host;
    this.#buffer = options.buffer;
  }

  start() {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#isStopping = false;
    this.#failures = 0;
    this.#byHand = false;
    this.#set('connecting');
    this.#open();
  }

  /** The microphone is off: hands in what is left, says goodbye and is `finished`. */
  finish() {
    if (!this.#isRunning) return;
    this.#isStopping = true;
    this.#finishIfDone();
    if (this.#isRunning && !this.#socket) this.#open();
  }

  /** Says goodbye at once, whatever is left. */
  leave() {
    this.#session?.goodbye();
    this.#isRunning = false;
    this.#leave();
  }

  /** Takes the room over from a kit that has sound. */
  takeOver() {
    this.#byHand = true;
    if (this.state === 'in-charge' || !this.#isRunning) return;
    this.#set('connecting');
    this.#open();
  }

  /** Something happened that may end a wait: the network is back, the page is shown again. */
  wake() {
    if (this.#isRunning && !this.#socket && this.state !== 'standing-by') this.#open();
  }

  // --------------------------------------------------------------------------------------------- from the buffer

  /** @param {Stream} stream */
  started(stream) {
    this.#session?.started(stream);
  }

  /** @param {Stream} stream @param {number} position @param {Uint8Array} audio */
  frame(stream, position, audio) {
    this.#session?.frame(stream, position, audio);
  }

  /** @param {Stream} stream */
  ended(stream) {
    this.#session?.ended(stream);
  }

  /** @param {Stream} stream @param {Hole} hole */
  hole(stream, hole) {
    this.#session?.hole(stream, hole);
  }

  /** @param {Stream} stream @param {Anchor} anchor */
  anchor(stream, anchor) {
    this.#session?.anchor(stream, anchor);
  }

  // ---------------------------------------------------------------------------------------------- the connection

  #open() {
    this.#leave();
    if (!this.#isRunning) return;
    const { host } = this.#options;
    /** @type {Socket} */
    let socket;
    try {
      socket = host.open();
    } catch {
      this.#wait(uplinkLimits.refusedRetryMs, 'refused');
      return;
    }
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#refusal = null;
    this.#openedAtMs = this.#heardAtMs = host.now();
    let isOpen = false;
    socket.onopen = () => {
      isOpen = true;
      this.#heardAtMs = host.now();
      this.#greet(socket);
    };
    socket.onmessage = ({ data }) => this.#receive(String(data));
    socket.onclose = ({ code }) => void this.#closed(code, isOpen);
    this.#watch();
  }

  /** @param {Socket} socket */
  #greet(socket) {
    const { host, buffer, device, health, onChange } = this.#options;
    // Of a room that is another source's, only what was recorded before is handed in.
    this.#isDelivering = (this.state === 'standing-by' || this.#isStopping) && !this.#byHand && buffer.hasEnded;
    this.#session = new Session({
      ...{ link: socket, audio: buffer, device, health, now: host.now },
      ...{ takeover: this.#byHand, deliver: this.#isDelivering },
      ...{ setTimeout: host.setTimeout, clearTimeout: host.clearTimeout },
      onSettings: (settings) => {
        this.settings = settings;
        onChange();
      },
    });
    this.#session.hello();
  }

  /** @param {string} text */
  #receive(text) {
    this.#heardAtMs = this.#host.now();
    /** @type {RelayMessage} */
    let message;
    try {
      message = parseRelayMessage(text);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.reason = 'This page and the relay do not understand each other: reload the page.';
      this.#lose(uplinkLimits.maxRetryMs);
      return;
    }
    if (message.type === 'refused') this.#refusal = message;
    this.#session?.message(message);
    if (message.type === 'welcome') {
      this.#failures = 0;
      this.reason = '';
      this.connections++;
      if (!this.#isDelivering) this.#set('in-charge');
    }
    this.#finishIfDone();
  }

  #finishIfDone() {
    const { buffer } = this.#options;
    if (this.#isDelivering && !this.#isStopping && !buffer.hasEnded && this.#session?.isWelcome) {
      this.#leave();
      this.#wait(uplinkLimits.otherSourceRetryMs, 'standing-by');
    }
    if (!this.#isStopping || !buffer.isEmpty) return;
    this.#session?.goodbye();
    this.#isRunning = false;
    this.#leave();
    this.#set('finished');
  }

  /** @param {number} code @param {boolean} wasOpen */
  async #closed(code, wasOpen) {
    const refusal = this.#refusal;
    const wasInCharge = this.state === 'in-charge';
    this.#leave();
    if (!this.#isRunning) return;
    const { host } = this.#options;
    if (code === closeCodes.otherSource) {
      this.#displaced(wasInCharge, refusal);
      return;
    }
    if (refusals.includes(code)) {
      this.#wait(uplinkLimits.refusedRetryMs, 'refused');
      return;
    }
    if (code === closeCodes.restart) {
      const [from = 0, to = 0] = uplinkLimits.restartRetryMs;
      this.#wait(from + host.random() * (to - from), 'lost');
      return;
    }
    const delayMs = violations.includes(code) ? uplinkLimits.maxRetryMs : this.#retryMs();
    this.#wait(delayMs, 'lost');
    // A browser does not say why a door stayed shut; the relay does, when asked in HTTP.
    if (!wasOpen && (await host.isRefused()) && this.#isRunning && !this.#socket)
      this.#wait(uplinkLimits.refusedRetryMs, 'refused');
  }

  /** @param {boolean} wasInCharge @param {Extract<RelayMessage, { type: 'refused' }> | null} refusal */
  #displaced(wasInCharge, refusal) {
    const { buffer, onCut } = this.#options;
    this.reason = refusal?.message ?? '';
    this.#byHand = false;
    if (this.#isStopping) {
      // What was recorded while another source had the room is that one's to tell.
      this.#wait(this.#retryMs(), 'standing-by');
      return;
    }
    // What was recorded until now can then be handed in, though the room is another's.
    if (wasInCharge || this.state === 'lost') onCut();
    const told = refusal?.retryAfterMs ?? uplinkLimits.otherSourceRetryMs;
    const delayMs = buffer.hasEnded ? this.#retryMs() : Math.min(uplinkLimits.maxToldRetryMs, told);
    this.#wait(delayMs + this.#host.random() * 250, 'standing-by');
  }

  #retryMs() {
    const { minRetryMs, firstRetryMs, maxRetryMs } = uplinkLimits;
    const ceiling = Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(10, this.#failures++));
    return minRetryMs + this.#host.random() * (ceiling - minRetryMs);
  }

  /** @param {number} ms @param {LinkState} state */
  #wait(ms, state) {
    this.#set(state);
    if (this.#timer !== undefined) this.#host.clearTimeout(this.#timer);
    this.#timer = this.#host.setTimeout(() => this.#open(), ms);
  }

  /** Looks whether the line still lives; a browser answers pings without telling the page. */
  #watch() {
    this.#look = this.#host.setTimeout(() => {
      const { host, health } = this.#options;
      const now = host.now();
      const { openTimeoutMs, silentAfterMs, healthEveryMs } = uplinkLimits;
      const session = this.#session;
      if (!session?.isWelcome && now - this.#openedAtMs > openTimeoutMs) this.#lose(this.#retryMs());
      else if (session?.isWaiting && now - this.#heardAtMs > silentAfterMs) this.#lose(this.#retryMs());
      else {
        if (session?.isWelcome && now - this.#healthAtMs > healthEveryMs) {
          this.#healthAtMs = now;
          session.health(health());
        }
        this.#watch();
      }
    }, uplinkLimits.lookEveryMs);
  }

  /** The line is given up; it may not even hear of it. @param {number} delayMs */
  #lose(delayMs) {
    this.#leave();
    this.#wait(delayMs, 'lost');
  }

  #leave() {
    const { clearTimeout } = this.#host;
    for (const timer of [this.#timer, this.#look]) if (timer !== undefined) clearTimeout(timer);
    this.#timer = this.#look = undefined;
    this.#session?.end();
    this.#session = null;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }

  /** @param {LinkState} state */
  #set(state) {
    if (state === this.state) return;
    this.state = state;
    this.#buffer.standBy(state === 'standing-by');
    this.#options.onChange();
  }
}
