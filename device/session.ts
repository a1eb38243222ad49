import {
  type Anchor,
  bytesPerSample,
  type DeviceMessage,
  encodeAudioFrame,
  frameSamples,
  type Health,
  type Hole,
  headerBytes,
  intersect,
  limits,
  type RangeSet,
  type RelayMessage,
  type RoomSettingsForDevice,
  sampleRate,
  size,
  subtract,
  union,
  type Welcome,
} from '../relay/protocol.js';
import type { Logger } from '../systemd/log.ts';
import type { HeldAudio } from './buffer.ts';
import { type SessionLimits, sessionDefaults } from './session-limits.ts';
import type { CapturedStream } from './streams.ts';
import { BacklogWindow, TokenBucket } from './window.ts';

/** The part of a socket that a session writes to. */
export interface Link {
  send(data: string | Uint8Array): void;
  readonly bufferedAmount: number;
}

interface Flight {
  readonly channel: Channel;
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
  readonly live: boolean;
  readonly sentAtMs: number;
}

/** A stream as this connection knows it. */
interface Channel {
  readonly index: number;
  readonly stream: CapturedStream;
  received: RangeSet;
}

export interface SessionOptions {
  readonly link: Link;
  readonly audio: HeldAudio;
  readonly device: {
    readonly id: string;
    readonly version: string;
    readonly bootId: string;
    /** Added to `now` gives the kit's monotonic clock, which anchors are told in. */
    readonly sinceBootMs: number;
  };
  readonly takeover: boolean;
  /** It hands in what was captured for a room that this kit no longer serves, and asks for nothing. */
  readonly delivers: boolean;
  readonly health: () => Health;
  readonly now: () => number;
  readonly log: Logger;
  /** The room's settings arrived or changed. */
  readonly onSettings: (settings: RoomSettingsForDevice) => void;
  readonly limits?: Partial<SessionLimits>;
}

/**
 * One connection, from `hello` on: live frames at capture, backlog in what the line leaves over, and the bookkeeping
 * of what is on its way. It forgets all of it when the connection ends; what is stored, the buffer remembers.
 */
export class UplinkSession {
  readonly #link: Link;
  readonly #audio: HeldAudio;
  readonly #options: SessionOptions;
  readonly #now: () => number;
  readonly #log: Logger;
  readonly #limits: SessionLimits;
  readonly #channels = new Map<string, Channel>();
  readonly #byIndex: Channel[] = [];
  #flights: Flight[] = [];
  /** On the slowest lines that carry live audio one frame at a time is all that is left over. */
  readonly #window = new BacklogWindow({ minBytes: frameSamples * bytesPerSample });
  #bucket: TokenBucket | null = null;
  #maxBacklogRate = 0;
  #timer: NodeJS.Timeout | undefined;
  /** One stretch read from the disk. */
  #loaded: { stream: CapturedStream; from: number; audio: Uint8Array } | null = null;
  #loading = false;
  #over = false;
  /** The last live frame was left to the backlog: too much was unconfirmed. */
  #heldBack = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#link = options.link;
    this.#audio = options.audio;
    this.#now = options.now;
    this.#log = options.log;
    this.#limits = { ...sessionDefaults, ...options.limits };
  }

  /** Says who we are and what we hold: the first message of a connection. */
  hello(): void {
    const streams = [];
    let bytes = 0;
    for (const stream of this.#audio.offered()) {
      const report = stream.report(this.#byIndex.length);
      bytes += JSON.stringify(report).length;
      if (streams.length >= limits.maxStreams || (bytes > this.#limits.maxHelloBytes && streams.length > 0)) break;
      this.#announce(stream);
      streams.push(report);
    }
    const { device, takeover, delivers, health } = this.#options;
    const { id, version, bootId } = device;
    const monotonicMs = this.#monotonicMs();
    const hello = { type: 'hello', device: { id, version, bootId, monotonicMs }, streams } as const;
    this.#say(delivers ? { ...hello, takeover: false, deliver: true } : { ...hello, takeover, health: health() });
  }

  #monotonicMs(): number {
    return this.#now() + this.#options.device.sinceBootMs;
  }

  get welcomed(): boolean {
    return this.#bucket !== null;
  }

  /** Nothing of what this connection knows waits, but there are streams that its hello had no room for. */
  get wantsNewHello(): boolean {
    if (!this.welcomed || this.#flights.length > 0) return false;
    const offered = this.#audio.offered();
    return offered.some(({ id }) => !this.#channels.has(id)) && this.#nextStretch() === null;
  }

  /** Frees the timer; nothing is sent any more. Idempotent. */
  end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  // ----------------------------------------------------------------------------------------------- from the relay

  /** @throws WireError never: the message is checked already */
  message(message: RelayMessage): void {
    if (message.type === 'welcome') this.#welcome(message);
    else if (message.type === 'received') this.#received(message.index, message.ranges);
    else if (message.type === 'stored') this.#stored(message.index, message.ranges);
    else if (message.type === 'settings') this.#options.onSettings(message.settings);
    if (this.welcomed) this.#pump();
  }

  #welcome({ relay, streams, settings, limits: { maxBacklogRate } }: Welcome): void {
    if (this.welcomed) return;
    this.#maxBacklogRate = maxBacklogRate;
    this.#bucket = new TokenBucket(maxBacklogRate, this.#now());
    const stored = new Map<string, RangeSet>();
    for (const each of streams) {
      const channel = this.#byIndex[each.index];
      if (!channel) continue;
      channel.received = union(each.received, each.stored);
      stored.set(channel.stream.id, each.stored);
    }
    for (const { stream } of this.#byIndex) if (!stored.has(stream.id)) stored.set(stream.id, []);
    this.#audio.welcomed(relay, stored);
    for (const { stream, received } of this.#byIndex) this.#audio.closeGaps(stream, received);
    // A stream that began between hello and welcome has not been told of.
    const unended = this.#audio.offered().find((stream) => !stream.ended);
    if (unended) {
      this.started(unended);
      this.#leadIn(unended, unended.edge);
    }
    this.#options.onSettings(settings);
  }

  /** The newest audio goes first and in order, so that live captions begin before the line was free: the relay jumps to the
   * beginning of what reaches to the edge. */
  #leadIn(stream: CapturedStream, edge: number): void {
    const channel = this.#channels.get(stream.id);
    if (!channel || this.#maxBacklogRate <= 0) return;
    const newest: RangeSet = [[edge - (this.#limits.leadInMs * sampleRate) / 1000, edge]];
    const there = union(union(channel.received, stream.stored), this.#flyingOf(channel));
    const missing = subtract(intersect(stream.ram, newest), there);
    this.#bucket?.take(size(missing) / sampleRate);
    for (const [from, to] of missing)
      for (let at = from; at < to; at += frameSamples) {
        const audio = this.#audio.read(stream, at, Math.min(to, at + frameSamples));
        if (audio) this.#send(channel, at, audio, true);
      }
  }

  #received(index: number, ranges: RangeSet): void {
    const channel = this.#byIndex[index];
    if (!channel) return;
    channel.received = union(channel.received, ranges);
    const now = this.#now();
    let backlogBytes = 0;
    let sentAtMs = Number.NEGATIVE_INFINITY;
    const left: Flight[] = [];
    for (const flight of this.#flights) {
      if (flight.channel !== channel || size(subtract([[flight.from, flight.to]], channel.received)) > 0) {
        left.push(flight);
        continue;
      }
      if (!flight.live) backlogBytes += flight.bytes;
      sentAtMs = Math.max(sentAtMs, flight.sentAtMs);
    }
    this.#flights = left;
    if (Number.isFinite(sentAtMs)) this.#window.acknowledged(backlogBytes, now - sentAtMs, now);
  }

  #stored(index: number, ranges: RangeSet): void {
    const channel = this.#byIndex[index];
    if (!channel) return;
    this.#received(index, ranges);
    this.#audio.stored(channel.stream, ranges);
  }

  // ---------------------------------------------------------------------------------------------- from the buffer

  /** Announces a stream that began during the connection. */
  started(stream: CapturedStream): void {
    if (!this.welcomed || this.#channels.has(stream.id)) return;
    const { index } = this.#announce(stream);
    this.#say({ type: 'stream', stream: stream.report(index) });
  }

  /** Sends a frame as it is captured, unless too much is unconfirmed: then it waits with the backlog. */
  frame(stream: CapturedStream, position: number, audio: Uint8Array): void {
    const channel = this.#channels.get(stream.id);
    if (!this.welcomed || !channel) return;
    const unconfirmed = this.#flights.reduce((sum, { live, from, to }) => (live ? sum + to - from : sum), 0);
    if ((unconfirmed * 1000) / sampleRate >= this.#limits.maxLiveInFlightMs) this.#heldBack = true;
    else {
      if (this.#heldBack) this.#leadIn(stream, position);
      this.#heldBack = false;
      this.#send(channel, position, audio, true);
    }
    this.#pump();
  }

  ended(stream: CapturedStream): void {
    const channel = this.#channels.get(stream.id);
    if (!this.welcomed || !channel) return;
    this.#say({ type: 'ended', index: channel.index, edge: stream.edge });
    this.#pump();
  }

  hole(stream: CapturedStream, { from, to, reason }: Hole): void {
    const channel = this.#channels.get(stream.id);
    if (this.welcomed && channel) this.#say({ type: 'hole', index: channel.index, from, to, reason });
  }

  anchor(stream: CapturedStream, anchor: Anchor): void {
    const channel = this.#channels.get(stream.id);
    if (this.welcomed && channel) {
      const sentMonotonicMs = this.#monotonicMs();
      this.#say({ type: 'anchor', index: channel.index, anchor, sentMonotonicMs });
    }
  }

  health(health: Health): void {
    if (this.welcomed && !this.#options.delivers) this.#say({ type: 'health', health });
  }

  // ------------------------------------------------------------------------------------------------------ backlog

  /** Sends as much backlog as window, bucket and socket allow now; acknowledgements and a timer call it again. */
  #pump(): void {
    while (!this.#over && !this.#loading) {
      const waitMs = this.#sendBacklog();
      if (waitMs === 0) continue;
      if (Number.isFinite(waitMs)) this.#pumpAfter(waitMs);
      return;
    }
  }

  /** Sends one frame of backlog. @returns 0, or milliseconds until it is worth another try */
  #sendBacklog(): number {
    if (!this.#bucket || this.#maxBacklogRate <= 0) return Number.POSITIVE_INFINITY;
    if (this.#link.bufferedAmount > this.#limits.maxSocketBytes) return 50;
    this.#expire();
    const stretch = this.#nextStretch();
    if (!stretch) return Number.POSITIVE_INFINITY;
    const { channel, from, to } = stretch;
    const { stream } = channel;
    const inFlight = this.#flights.reduce((sum, { live, bytes }) => (live ? sum : sum + bytes), 0);
    const share = Math.floor(this.#window.bytes / 4 / stream.frameBytes);
    const wanted = Math.min(to - from, limits.maxFrameSamples, Math.max(frameSamples, share));
    if (inFlight > 0 && inFlight + wanted * stream.frameBytes > this.#window.bytes) return 1000;
    const waitMs = this.#bucket.waitMs(wanted / sampleRate, this.#now());
    if (waitMs > 0) return waitMs;
    const audio = this.#take(stream, from, from + wanted);
    if (!audio) {
      this.#load(stream, from, to);
      return Number.POSITIVE_INFINITY;
    }
    this.#bucket.take(audio.length / stream.frameBytes / sampleRate);
    this.#send(channel, from, audio, false);
    return 0;
  }

  #pumpAfter(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#pump(), Math.ceil(ms));
  }

  /** The oldest position of the newest stretch that is held and neither stored, received nor on its way. */
  #nextStretch(): { channel: Channel; from: number; to: number } | null {
    for (const stream of this.#audio.offered()) {
      const channel = this.#channels.get(stream.id);
      if (!channel) continue;
      const last = subtract(stream.backlog, union(channel.received, this.#flyingOf(channel))).at(-1);
      if (last) return { channel, from: last[0], to: last[1] };
    }
    return null;
  }

  #flyingOf(channel: Channel): RangeSet {
    return this.#flights.filter((flight) => flight.channel === channel).map(({ from, to }) => [from, to]);
  }

  #take(stream: CapturedStream, from: number, to: number): Uint8Array | null {
    const inMemory = this.#audio.read(stream, from, to);
    if (inMemory) return inMemory;
    const loaded = this.#loaded;
    if (loaded?.stream !== stream || from < loaded.from) return null;
    const start = (from - loaded.from) * stream.frameBytes;
    const audio = loaded.audio.subarray(start, start + (to - from) * stream.frameBytes);
    return audio.length > 0 ? audio : null;
  }

  #load(stream: CapturedStream, from: number, to: number): void {
    this.#loading = true;
    this.#audio.load(stream, from, Math.min(to, from + this.#limits.readAheadSamples)).then(
      (pieces) => {
        this.#loading = false;
        let end = from;
        const parts: Uint8Array[] = [];
        for (const { position, samples, audio } of pieces) {
          if (position > end || position + samples <= end) continue;
          parts.push(audio.subarray((end - position) * stream.frameBytes));
          end = position + samples;
        }
        this.#loaded = { stream, from, audio: Buffer.concat(parts) };
        this.#pump();
      },
      (error: unknown) => {
        this.#loading = false;
        this.#log.debug({ error: String(error) }, 'buffered audio cannot be read');
        if (!this.#over) this.#pumpAfter(1000);
      },
    );
  }

  /** Frames that were never confirmed are sent again: storing by address makes that harmless. */
  #expire(): void {
    const before = this.#now() - this.#limits.ackTimeoutMs;
    if (this.#flights.some(({ sentAtMs }) => sentAtMs < before))
      this.#flights = this.#flights.filter(({ sentAtMs }) => sentAtMs >= before);
  }

  #announce(stream: CapturedStream): Channel {
    const channel: Channel = { index: this.#byIndex.length, stream, received: [] };
    this.#byIndex.push(channel);
    this.#channels.set(stream.id, channel);
    return channel;
  }

  #send(channel: Channel, position: number, audio: Uint8Array, live: boolean): void {
    const to = position + audio.length / channel.stream.frameBytes;
    this.#link.send(encodeAudioFrame({ index: channel.index, position, live, audio }));
    const bytes = audio.length + headerBytes;
    this.#flights.push({ channel, from: position, to, bytes, live, sentAtMs: this.#now() });
  }

  #say(message: DeviceMessage): void {
    this.#link.send(JSON.stringify(message));
  }
}
