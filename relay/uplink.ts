import type { WebSocket } from 'ws';
import type { Logger } from '../systemd/log.ts';
import { bytesOf } from './audio.ts';
import type { AudioRates } from './audio-rates.ts';
import type { Publisher } from './charge.ts';
import { RoomCoverage } from './coverage.ts';
import { bar, type Delivery, servedPositions } from './delivery.ts';
import { rmsOf } from './loudness.ts';
import {
  closeCodes,
  type DeviceMessage,
  decodeAudioFrame,
  type Hello,
  parseDeviceMessage,
  type RangeSet,
  type RelayMessage,
  runEnd,
  type StreamReport,
  union,
  WireError,
  limits as wire,
} from './protocol.js';
import { kitElsewhere } from './refusal.ts';
import type { Room } from './room.ts';
import type { RoomTime, Way } from './room-time.ts';
import type { RoomRecord } from './rooms.ts';
import type { Spool } from './spool.ts';
import type { SpoolStream } from './spool-stream.ts';
import { type UplinkLimits, uplinkLimits } from './uplink-limits.ts';
import { audioCostMs, type LiveEdge, UplinkRates } from './uplink-rates.ts';
import { takeUp } from './uplink-streams.ts';

export interface UplinkParts {
  readonly relayId: string;
  readonly spool: Spool;
  readonly time: RoomTime;
  readonly log: Logger;
  /** Over all connections of a room. */
  readonly rates?: AudioRates;
  readonly limits?: Partial<UplinkLimits>;
  /** It comes with the key of a kit that serves another room by now. */
  readonly delivery?: Delivery | undefined;
}

/** A stream as this connection numbers it. */
interface Channel extends LiveEdge {
  readonly index: number;
  readonly stream: SpoolStream;
  /** Taken and not confirmed yet. */
  received: RangeSet;
  /** Nothing of it ever came, on this connection or before. */
  isEmpty: boolean;
  /** All that may be handed in of it; null: anything. */
  readonly served: RangeSet | null;
}

/**
 * The relay's end of one audio socket: `hello` to `welcome`, audio into the spool by its address, and back what was
 * received and what is stored.
 */
export class Uplink implements Publisher {
  readonly connectedAtMs = performance.now();
  heardAtMs = this.connectedAtMs;
  soundAtMs = this.connectedAtMs;
  standIn = false;
  readonly #socket: WebSocket;
  readonly #room: Room;
  readonly #parts: UplinkParts;
  readonly #limits: UplinkLimits;
  readonly #channels = new Map<number, Channel>();
  #device = '';
  readonly #way: Way = { leastRttMs: 0 };
  readonly #rates: UplinkRates;
  #timer: NodeJS.Timeout | undefined;
  #unlisten: () => void = () => {};
  #closed = false;
  /** Another source is in charge; what was on its way is taken all the same. */
  #isReplaced = false;
  /** It said goodbye: nobody waits for it to come back. */
  #isLeavingForGood = false;

  constructor(socket: WebSocket, room: Room, parts: UplinkParts) {
    this.#socket = socket;
    this.#room = room;
    this.#parts = parts;
    this.#limits = { ...uplinkLimits, ...parts.limits };
    this.#rates = new UplinkRates(this.#limits);
  }

  get device(): string {
    return this.#device;
  }

  start(): void {
    const hello = setTimeout(() => this.#close(closeCodes.helloTimeout, 'no hello came'), wire.helloTimeoutMs);
    this.#socket.on('message', (data, isBinary) => {
      clearTimeout(hello);
      if (this.#closed && !(this.#isReplaced && isBinary)) return;
      try {
        const bytes = bytesOf(data);
        if (isBinary) this.#audio(bytes);
        else {
          this.#rates.spendMessage(bytes.length);
          this.#message(parseDeviceMessage(bytes.toString('utf8')));
        }
      } catch (error) {
        if (error instanceof WireError) this.#close(error.closeCode, error.message);
        else {
          // Of our own making: this source comes back, the other rooms do not notice.
          this.#parts.log.error({ err: error, room: this.#room.name }, 'An audio socket stumbled');
          this.#close(closeCodes.restart, 'the relay could not go on');
        }
      }
    });
    this.#socket.on('pong', (data) => {
      const rttMs = performance.now() - Number(data.toString('latin1'));
      if (rttMs >= 0 && rttMs < wire.deadAfterMs) this.#way.leastRttMs = Math.min(rttMs, this.#way.leastRttMs || rttMs);
    });
    this.#socket.once('close', () => {
      clearTimeout(hello);
      clearInterval(pings);
      for (const { stream } of this.#channels.values()) stream.holders--;
      this.#leave();
    });
    let left = this.#limits.firstPings;
    const ping = () => {
      if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping(String(performance.now()));
      if (--left <= 0) clearInterval(pings);
    };
    const pings = setInterval(ping, this.#limits.firstPingsEveryMs);
    // The first before "welcome": what the source then has to say queues on a narrow line, and later answers behind it.
    ping();
  }

  replaced(by: string): void {
    this.#isReplaced = true;
    this.#refuseFor(`Another source (${by}) is in charge of the room now`);
  }

  /** Another source has the room: in words for whoever looks after this one, and when to ask again. */
  #refuseFor(message: string): void {
    const { retryStandInMs, retryAfterMs } = this.#limits;
    const { holder } = this.#room.charge;
    if (holder?.standIn && !this.standIn)
      this.#refuse(
        'stand-in',
        `A stand-in microphone (${holder.device}) is in charge of the room`,
        'This kit takes over as soon as it has sound, unless a person took over from it: then press Stop on that device.',
        retryStandInMs,
      );
    else
      this.#refuse(
        'other-source',
        message,
        'It is asked again from time to time; an organizer can pin a source.',
        this.standIn || holder?.standIn ? retryStandInMs : retryAfterMs,
      );
  }

  #message(message: DeviceMessage): void {
    if (message.type === 'hello') {
      this.#hello(message);
      return;
    }
    if (!this.#device) throw new WireError(`"${message.type}" came before "hello"`);
    if (message.type === 'stream') {
      if (!message.stream.ended && this.#room.charge.holder !== this)
        throw new WireError('a stream that runs came from a source that only hands in ended ones');
      const channel = this.#open(message.stream);
      const { stored, received } = channel.stream;
      this.#say({ type: 'received', index: channel.index, ranges: newest(received) });
      this.#say({ type: 'stored', index: channel.index, ranges: newest(stored) });
      if (!message.stream.ended) this.#room.follow(channel.stream);
    } else if (message.type === 'health') {
      if (this.#room.charge.holder === this) this.#room.heard(message.health);
    } else if (message.type === 'goodbye') this.#isLeavingForGood = true;
    else {
      const { stream, served } = this.#channel(message.index);
      if (message.type === 'ended') this.#parts.spool.end(stream, message.edge);
      else if (message.type === 'hole') this.#parts.spool.declareHole(stream, message);
      // What may be handed in was decided by the times that were told with the stream: they stay as they are.
      else if (served === null)
        this.#parts.time.anchor(
          stream.id,
          message.anchor,
          arrivalOf(message.anchor.monotonicMs, message.sentMonotonicMs),
          this.#way,
          this.#room.name,
        );
    }
  }

  #hello(hello: Hello): void {
    if (this.#device) throw new WireError('a second "hello" came');
    this.#device = hello.device.id;
    this.standIn = hello.standIn ?? false;
    const live = hello.streams.findLast((report) => !report.ended);
    const claim = { takeover: hello.takeover, hasAudio: live !== undefined, hasSound: hasSound(hello) };
    // What only hands in what it recorded while it was in charge need not be so again.
    const isForRoom = !hello.deliver || live !== undefined;
    if (isForRoom && this.#parts.delivery) {
      const { code, message, hint } = kitElsewhere;
      this.#refuse(code, message, hint, this.#limits.retryAfterMs, closeCodes.forbidden);
      return;
    }
    if (isForRoom && !this.#room.charge.take(this, claim)) {
      const holder = this.#room.charge.holder?.device;
      const message = holder
        ? `Another source (${holder}) is in charge of the room`
        : 'Another source was in charge of the room just now';
      if (live) this.#refuseFor(message);
      else
        this.#refuse(
          'no-audio-yet',
          message,
          'It is given the room as soon as it has audio.',
          this.#limits.retryWithoutAudioMs,
        );
      return;
    }
    if (hello.device.monotonicMs !== undefined)
      this.#parts.time.heard(hello.device.bootId, hello.device.monotonicMs, Date.now(), this.#way);
    const coverage = this.#coverage();
    const channels = hello.streams.map((report) => this.#open(report, coverage));
    const { record, name } = this.#room;
    this.#say({
      type: 'welcome',
      relay: this.#parts.relayId,
      room: name,
      roomTime: Date.now(),
      streams: channels.map(({ index, stream }) => ({
        index,
        received: newest(stream.received),
        stored: newest(stream.stored),
      })),
      settings: settingsOf(record),
      limits: { maxBacklogRate: this.#limits.maxBacklogRate, maxLiveRate: this.#limits.maxLiveRate },
    });
    const unlistenSpool = this.#parts.spool.listen({
      written: () => {},
      changed: () => {},
      stored: (stream, ranges) => {
        for (const channel of this.#channels.values())
          if (channel.stream === stream) this.#say({ type: 'stored', index: channel.index, ranges: newest(ranges) });
      },
    });
    const unlistenRoom = this.#room.listen({
      logged: () => {},
      partial: () => {},
      status: () => {},
      deleted: () => {},
      settings: (changed) => this.#say({ type: 'settings', settings: settingsOf(changed) }),
    });
    this.#unlisten = () => {
      unlistenSpool();
      unlistenRoom();
    };
    if (isForRoom && hello.health) this.#room.heard(hello.health);
    this.#room.sourceChanged();
    const channel = live && this.#channels.get(live.index);
    if (channel) this.#room.follow(channel.stream);
    this.#parts.log.info(
      { event: isForRoom ? 'source' : 'source-delivers', room: name, device: this.#device, streams: channels.length },
      isForRoom ? 'A source is in charge' : 'A source hands in what it recorded',
    );
  }

  /** Takes a stream up, under the number that this connection gives it. */
  #open(report: StreamReport, coverage = this.#coverage()): Channel {
    if (this.#channels.has(report.index)) throw new WireError(`stream index ${report.index} is taken`);
    if (this.#channels.size >= wire.maxStreams * 4)
      throw new WireError('too many streams on one connection', closeCodes.policy);
    const { spool, time } = this.#parts;
    const { maxStreamsPerRoom } = this.#limits;
    const { delivery } = this.#parts;
    const stream = takeUp(report, {
      ...{ room: this.#room, device: this.#device, spool, time, coverage, maxStreamsPerRoom },
    });
    const served = delivery ? servedPositions(stream, report.edge, delivery, time) : null;
    if (served) bar(spool, stream, [0, report.edge], served);
    const channel: Channel = {
      index: report.index,
      stream,
      served,
      edgeAtStart: report.edge,
      startedMs: performance.now(),
      edge: report.edge,
      received: [],
      isEmpty: stream.isEmpty,
    };
    this.#channels.set(report.index, channel);
    stream.holders++;
    return channel;
  }

  #coverage(): RoomCoverage {
    return new RoomCoverage(this.#room.name, this.#parts.spool, this.#parts.time);
  }

  #audio(bytes: Uint8Array): void {
    const frame = decodeAudioFrame(bytes);
    this.heardAtMs = performance.now();
    if (!this.#device) throw new WireError('audio came before "hello"');
    const channel = this.#channel(frame.index);
    const { stream, served } = channel;
    if (frame.audio.length % stream.bytesPerFrame !== 0)
      throw new WireError('an audio frame ends within a sample frame');
    const samples = frame.audio.length / stream.bytesPerFrame;
    if (samples > wire.maxFrameSamples)
      throw new WireError('an audio frame is longer than a second', closeCodes.tooBig);
    const to = frame.position + samples;
    this.#rates.spendAudio(channel, frame.position, to);
    const joins = frame.position === 0 || runEnd(stream.received, frame.position - 1) >= frame.position;
    if (this.#parts.rates?.take(this.#room.name, audioCostMs(samples, joins), served !== null) === false)
      throw new WireError('more audio came than a room may bring', closeCodes.tooFast);
    if (channel.isEmpty && this.#parts.rates?.takeStream(this.#room.name, served !== null) === false)
      throw new WireError('more streams with audio came than a room may bring', closeCodes.tooFast);
    channel.isEmpty = false;
    if (stream.ended && to > stream.edge) throw new WireError('audio came past the end of its stream');
    if (frame.live && rmsOf(frame.audio) > silenceRms) this.soundAtMs = this.heardAtMs;
    if (stream.received.length > this.#limits.maxPieces)
      throw new WireError('the audio of a stream is in too many pieces', closeCodes.policy);
    if (served) bar(this.#parts.spool, stream, [frame.position, to], served);
    this.#parts.spool.write(stream, frame.position, frame.audio);
    channel.received = union(channel.received, [[frame.position, to]]);
    this.#timer ??= setTimeout(() => this.#confirm(), this.#limits.receivedIntervalMs);
  }

  #confirm(): void {
    this.#timer = undefined;
    for (const channel of this.#channels.values()) {
      if (channel.received.length === 0) continue;
      this.#say({ type: 'received', index: channel.index, ranges: newest(channel.received) });
      channel.received = [];
    }
  }

  #channel(index: number): Channel {
    const channel = this.#channels.get(index);
    if (!channel) throw new WireError(`there is no stream of index ${index}`);
    return channel;
  }

  #say(message: RelayMessage): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > this.#limits.maxUnsentBytes)
      this.#close(closeCodes.slowReader, 'it does not read what it is told');
    else this.#socket.send(JSON.stringify(message));
  }

  #refuse(
    code: string,
    message: string,
    hint: string,
    retryAfterMs: number,
    close: number = closeCodes.otherSource,
  ): void {
    this.#say({ type: 'refused', code, message, hint, retryAfterMs });
    this.#close(close, message);
  }

  #close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#parts.rates?.closed(code);
    this.#parts.log.info(
      { event: 'source-closed', room: this.#room.name, device: this.#device, code, reason },
      'An audio socket is closed',
    );
    this.#leave();
    this.#socket.close(code, reason.slice(0, 120));
    // A peer that does not answer must not hold the room's place.
    const timer = setTimeout(() => this.#socket.terminate(), 2000);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #leave(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#unlisten();
    this.#room.charge.release(this, this.#isLeavingForGood);
    this.#room.sourceChanged();
  }
}

/** RMS of what counts as no sound at all, -60 dBFS. */
const silenceRms = 32.8;
const silenceDbfs = -60;

/** By the level that a source tells of itself; one that tells none is believed to have sound. */
const hasSound = ({ health }: Hello) => (health?.level?.rmsDbfs ?? 0) > silenceDbfs;

const settingsOf = ({ settings: { language }, paused }: RoomRecord) => ({ language, paused });

/** When a reading of a kit's monotonic clock would have come, had it been sent at once. */
const arrivalOf = (monotonicMs: number, sentMonotonicMs = monotonicMs) =>
  Date.now() - Math.max(0, sentMonotonicMs - monotonicMs);

/** As many ranges as a message may hold, the newest. */
const newest = (ranges: RangeSet): RangeSet => ranges.slice(-wire.maxRanges);
