// @ts-check
/** One connection to the relay, from `hello` on: live frames as they come, what was kept in what the line leaves over. */
import {
  encodeAudioFrame,
  frameSamples,
  headerBytes,
  intersect,
  limits,
  sampleRate,
  size,
  subtract,
  union,
} from '../../relay/protocol.js';
import { BacklogWindow, TokenBucket } from './pacing.js';

/** @import { Anchor, DeviceMessage, Health, Hole, RangeSet, RelayMessage, RoomSettingsForDevice, Welcome } from '../../relay/protocol.js' */
/** @import { Buffer } from './buffer.js' */
/** @import { Stream } from './stream.js' */

/** @typedef {{ index: number, stream: Stream, received: RangeSet, toldEnded: boolean }} Channel a stream as this connection numbers it */
/** @typedef {{ channel: Channel, from: number, to: number, bytes: number, live: boolean, sentAtMs: number }} Flight */

/**
 * @typedef {object} SessionOptions
 * @property {{ send: (data: string | Uint8Array<ArrayBuffer>) => void, readonly bufferedAmount: number }} link
 * @property {Pick<Buffer, 'offered' | 'welcomed' | 'stored'>} audio
 * @property {() => { id: string, version: string, bootId: string }} device
 * @property {boolean} takeover it may push out a kit that has sound: a person said so
 * @property {boolean} deliver it only hands in ended streams
 * @property {() => Health} health
 * @property {() => number} now monotonic, ms
 * @property {(run: () => void, ms: number) => number} setTimeout
 * @property {(timer: number) => void} clearTimeout
 * @property {(settings: RoomSettingsForDevice) => void} onSettings
 */

export const sessionLimits = Object.freeze({
  /** Live audio that the relay has not confirmed; beyond it frames wait with the backlog. */
  maxLiveInFlightMs: 5000,
  /** Before the edge, sent as live audio once the relay says welcome: what was said while the connection came about. */
  leadInMs: 2000,
  /** Backlog waits while the socket itself holds more than this. */
  maxSocketBytes: 64 * 1024,
  /** What is not confirmed within this time is sent again: storing by address makes that harmless. */
  ackTimeoutMs: 20_000,
});

export class Session {
  #options;
  #link;
  #audio;
  #now;
  /** @type {Map<string, Channel>} */
  #channels = new Map();
  /** @type {Channel[]} */
  #byIndex = [];
  /** @type {Flight[]} */
  #flights = [];
  #window = new BacklogWindow();
  /** @type {TokenBucket | null} */
  #bucket = null;
  #maxBacklogRate = 0;
  /** @type {number | undefined} */
  #timer;
  #over = false;
  /** The last live frame was left to the backlog: too much was unconfirmed. */
  #heldBack = false;

  /** @param {SessionOptions} options */
  constructor(options) {
    this.#options = options;
    this.#link = options.link;
    this.#audio = options.audio;
    this.#now = options.now;
  }

  /** Says who we are and what is held here: the first message of a connection. */
  hello() {
    const { device, takeover, deliver, health } = this.#options;
    const streams = [];
    for (const stream of this.#audio.offered()) {
      if (streams.length >= limits.maxStreams || (deliver && !stream.ended)) continue;
      streams.push(stream.report(this.#announce(stream).index));
    }
    this.#say({
      type: 'hello',
      device: { ...device(), monotonicMs: this.#now() },
      ...{ takeover, standIn: true, ...(deliver && { deliver }), streams, health: health() },
    });
  }

  get isWelcome() {
    return this.#bucket !== null;
  }

  /** Something was sent and not answered yet. */
  get isWaiting() {
    return !this.isWelcome || this.#flights.length > 0;
  }

  /** Nothing is sent any more. Idempotent. */
  end() {
    this.#over = true;
    if (this.#timer !== undefined) this.#options.clearTimeout(this.#timer);
  }

  // --------------------------------------------------------------------------------------------- from the relay

  /** @param {RelayMessage} message checked */
  message(message) {
    if (message.type === 'welcome') this.#welcome(message);
    else if (message.type === 'received') this.#received(message.index, message.ranges);
    else if (message.type === 'stored') this.#stored(message.index, message.ranges);
    else if (message.type === 'settings') this.#options.onSettings(message.settings);
    if (this.isWelcome) this.#pump();
  }

  /** @param {Welcome} welcome */
  #welcome({ relay, streams, settings, limits: { maxBacklogRate } }) {
    if (this.isWelcome) return;
    this.#maxBacklogRate = maxBacklogRate;
    this.#bucket = new TokenBucket(maxBacklogRate, this.#now());
    /** @type {Map<string, { stored: RangeSet, received: RangeSet }>} */
    const known = new Map(this.#byIndex.map(({ stream }) => [stream.id, { stored: [], received: [] }]));
    for (const { index, stored, received } of streams) {
      const channel = this.#byIndex[index];
      if (!channel) continue;
      channel.received = union(received, stored);
      known.set(channel.stream.id, { stored, received });
    }
    this.#audio.welcomed(relay, known);
    // A run that began or ended between hello and welcome has not been told of.
    for (const { stream } of this.#byIndex) if (stream.ended) this.ended(stream);
    const running = this.#audio.offered().find((stream) => !stream.ended);
    if (running && !this.#options.deliver) {
      this.started(running);
      this.#leadIn(running, running.edge);
    }
    this.#options.onSettings(settings);
  }

  /** The newest audio goes first and in order, so that live captions begin before the line was free.
   * @param {Stream} stream @param {number} edge */
  #leadIn(stream, edge) {
    const channel = this.#channels.get(stream.id);
    if (!channel || this.#maxBacklogRate <= 0) return;
    const from = Math.max(0, edge - (sessionLimits.leadInMs * sampleRate) / 1000);
    const there = union(union(channel.received, stream.stored), this.#flyingOf(channel));
    const missing = subtract(intersect(stream.held, [[from, edge]]), there);
    this.#bucket?.take(size(missing) / sampleRate);
    for (const [start, end] of missing)
      for (let at = start; at < end; at += frameSamples) {
        const audio = stream.read(at, Math.min(end, at + frameSamples));
        if (audio) this.#send(channel, at, audio, true);
      }
  }

  /** @param {number} index @param {RangeSet} ranges */
  #received(index, ranges) {
    const channel = this.#byIndex[index];
    if (!channel) return;
    channel.received = union(channel.received, ranges);
    let backlogBytes = 0;
    let sentAtMs = Number.NEGATIVE_INFINITY;
    this.#flights = this.#flights.filter((flight) => {
      if (flight.channel !== channel || size(subtract([[flight.from, flight.to]], channel.received)) > 0) return true;
      if (!flight.live) backlogBytes += flight.bytes;
      sentAtMs = Math.max(sentAtMs, flight.sentAtMs);
      return false;
    });
    const now = this.#now();
    if (Number.isFinite(sentAtMs)) this.#window.acknowledged(backlogBytes, now - sentAtMs, now);
  }

  /** @param {number} index @param {RangeSet} ranges */
  #stored(index, ranges) {
    const channel = this.#byIndex[index];
    if (!channel) return;
    this.#received(index, ranges);
    this.#audio.stored(channel.stream, ranges);
  }

  // -------------------------------------------------------------------------------------------- from the buffer

  /** @param {Stream} stream */
  started(stream) {
    if (!this.isWelcome || this.#options.deliver || this.#channels.has(stream.id)) return;
    this.#say({ type: 'stream', stream: stream.report(this.#announce(stream).index) });
  }

  /** Sends a frame as it is captured, unless too much is unconfirmed: then it waits with the backlog.
   * @param {Stream} stream @param {number} position @param {Uint8Array} audio */
  frame(stream, position, audio) {
    const channel = this.#channels.get(stream.id);
    if (!this.isWelcome || !channel) return;
    const unconfirmed = this.#flights.reduce((sum, { live, from, to }) => (live ? sum + to - from : sum), 0);
    if ((unconfirmed * 1000) / sampleRate >= sessionLimits.maxLiveInFlightMs) this.#heldBack = true;
    else {
      if (this.#heldBack) this.#leadIn(stream, position);
      this.#heldBack = false;
      this.#send(channel, position, audio, true);
    }
    this.#pump();
  }

  /** @param {Stream} stream */
  ended(stream) {
    const channel = this.#channels.get(stream.id);
    if (!this.isWelcome || !channel || channel.toldEnded) return;
    channel.toldEnded = true;
    this.#say({ type: 'ended', index: channel.index, edge: stream.edge });
    this.#pump();
  }

  /** @param {Stream} stream @param {Hole} hole */
  hole(stream, { from, to, reason }) {
    const channel = this.#channels.get(stream.id);
    if (this.isWelcome && channel) this.#say({ type: 'hole', index: channel.index, from, to, reason });
  }

  /** @param {Stream} stream @param {Anchor} anchor */
  anchor(stream, anchor) {
    const channel = this.#channels.get(stream.id);
    if (this.isWelcome && channel)
      this.#say({ type: 'anchor', index: channel.index, anchor, sentMonotonicMs: this.#now() });
  }

  /** @param {Health} health */
  health(health) {
    if (this.isWelcome) this.#say({ type: 'health', health });
  }

  /** Nobody need wait for us to come back. */
  goodbye() {
    if (this.isWelcome) this.#say({ type: 'goodbye' });
  }

  // ---------------------------------------------------------------------------------------------------- backlog

  /** Sends as much backlog as window, bucket and socket allow now; acknowledgements and a timer call it again. */
  #pump() {
    while (!this.#over) {
      const waitMs = this.#sendBacklog();
      if (waitMs === 0) continue;
      if (Number.isFinite(waitMs)) {
        if (this.#timer !== undefined) this.#options.clearTimeout(this.#timer);
        this.#timer = this.#options.setTimeout(() => this.#pump(), Math.ceil(waitMs));
      }
      return;
    }
  }

  /** Sends one frame of backlog. @returns {number} 0, or milliseconds until it is worth another try */
  #sendBacklog() {
    if (!this.#bucket || this.#maxBacklogRate <= 0) return Number.POSITIVE_INFINITY;
    if (this.#link.bufferedAmount > sessionLimits.maxSocketBytes) return 50;
    const now = this.#now();
    this.#flights = this.#flights.filter(({ sentAtMs }) => now - sentAtMs < sessionLimits.ackTimeoutMs);
    const stretch = this.#nextStretch();
    if (!stretch) return Number.POSITIVE_INFINITY;
    const { channel, from, to } = stretch;
    const inFlight = this.#flights.reduce((sum, { live, bytes }) => (live ? sum : sum + bytes), 0);
    const share = Math.floor(this.#window.bytes / 8);
    const wanted = Math.min(to - from, limits.maxFrameSamples, Math.max(frameSamples, share));
    if (inFlight > 0 && inFlight + wanted * 2 > this.#window.bytes) return 1000;
    const waitMs = this.#bucket.waitMs(wanted / sampleRate, now);
    if (waitMs > 0) return waitMs;
    const audio = channel.stream.read(from, from + wanted);
    if (!audio) return Number.POSITIVE_INFINITY;
    this.#bucket.take(audio.length / 2 / sampleRate);
    this.#send(channel, from, audio, false);
    return 0;
  }

  /** The oldest position of the newest stretch that is held and neither stored, received nor on its way. */
  #nextStretch() {
    for (const stream of this.#audio.offered()) {
      const channel = this.#channels.get(stream.id);
      if (!channel) continue;
      const last = subtract(stream.backlog, union(channel.received, this.#flyingOf(channel))).at(-1);
      if (last) return { channel, from: last[0], to: last[1] };
    }
    return null;
  }

  /** @param {Channel} channel @returns {RangeSet} */
  #flyingOf(channel) {
    return union(
      [],
      this.#flights.filter((flight) => flight.channel === channel).map(({ from, to }) => [from, to]),
    );
  }

  /** @param {Stream} stream */
  #announce(stream) {
    /** @type {Channel} */
    const channel = { index: this.#byIndex.length, stream, received: [], toldEnded: stream.ended };
    this.#byIndex.push(channel);
    this.#channels.set(stream.id, channel);
    return channel;
  }

  /** @param {Channel} channel @param {number} position @param {Uint8Array} audio @param {boolean} live */
  #send(channel, position, audio, live) {
    this.#link.send(new Uint8Array(encodeAudioFrame({ index: channel.index, position, live, audio })));
    const to = position + audio.length / 2;
    this.#flights.push({
      ...{ channel, from: position, to, live, sentAtMs: this.#now() },
      bytes: audio.length + headerBytes,
    });
  }

  /** @param {DeviceMessage} message */
  #say(message) {
    this.#link.send(JSON.stringify(message));
  }
}
