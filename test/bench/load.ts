import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import {
  audioProtocol,
  bearerPrefix,
  type CaptionsMessage,
  captionsProtocol,
  type DeviceMessage,
  encodeAudioFrame,
  frameSamples,
} from '../../relay/protocol.js';
import { machineMs } from './clock.ts';
import { frameOf } from './load-words.ts';

const frameMs = 100;
const healthEvery = 10;
const anchorEvery = 100;
const audio = new Uint8Array(frameSamples * 2).map((_, i) => (i * 37) & 0xff);

/** A relay that takes this load, and who may use it. */
export interface Target {
  /** `ws://HOST:PORT` */
  readonly address: string;
  room(name: string): Promise<{ publish: string; read: string }>;
}

export interface Heard {
  readonly room: string;
  readonly frame: number;
  readonly isFinal: boolean;
  /** From the frame given to the socket to the caption's message event. */
  readonly latencyMs: number;
  readonly sentMs: number;
  readonly heardMs: number;
}

/** What a device's uplink is to a relay: hello, 100 ms frames at absolute deadlines, health and anchors. */
class Kit {
  readonly sentMs: number[] = [];
  readonly #socket: WebSocket;
  readonly #bootId = randomUUID();
  readonly #lateness: number[];
  #frame = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(socket: WebSocket, lateness: number[]) {
    this.#socket = socket;
    this.#lateness = lateness;
  }

  static async open(address: string, room: string, token: string, lateness: number[]): Promise<Kit> {
    const socket = new WebSocket(`${address}/api/rooms/${room}/audio`, audioProtocol, {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
    });
    await once(socket, 'open');
    const kit = new Kit(socket, lateness);
    const welcomed = once(socket, 'message');
    kit.#hello(room);
    await welcomed;
    socket.on('message', () => {});
    return kit;
  }

  start(atMs: number): void {
    const dueMs = () => atMs + this.#frame * frameMs;
    const beat = () => {
      while (dueMs() <= machineMs()) {
        this.#lateness.push(machineMs() - dueMs());
        this.#send();
      }
      this.#timer = setTimeout(beat, Math.max(0, dueMs() - machineMs()));
    };
    beat();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#socket.terminate();
  }

  #hello(room: string): void {
    this.#say({
      type: 'hello',
      device: { id: `kit-${room}`, version: '1', bootId: this.#bootId, monotonicMs: machineMs() },
      takeover: true,
      streams: [
        {
          index: 0,
          id: randomUUID(),
          format: { encoding: 'pcm_s16le', rate: 16000, channels: 1 },
          edge: 0,
          ended: false,
          ranges: [],
          holes: [],
          anchors: [],
        },
      ],
    });
  }

  #send(): void {
    const position = this.#frame * frameSamples;
    if (this.#frame % anchorEvery === 0) {
      const monotonicMs = machineMs();
      const anchor = { position, bootId: this.#bootId, monotonicMs, wallMs: Date.now(), wallSynced: true };
      this.#say({ type: 'anchor', index: 0, anchor, sentMonotonicMs: monotonicMs });
    }
    if (this.#frame % healthEvery === 0)
      this.#say({
        type: 'health',
        health: {
          state: 'ok',
          message: 'All is well',
          version: '1',
          source: { state: 'capturing', name: 'mixer', rateHz: 48000, channels: 2 },
          level: { rmsDbfs: -20, peakDbfs: -6, clipped: 0 },
          buffer: { heldMs: 120_000, backlogMs: 0, diskBytes: 0, droppedMs: 0, state: 'ok' },
          uplink: { state: 'connected', reconnects: 0, rttMs: 1 },
          clock: { synced: true, driftPpm: 3 },
        },
      });
    this.#frame++;
    this.sentMs[this.#frame] = machineMs();
    this.#socket.send(encodeAudioFrame({ index: 0, position, live: true, audio }));
  }

  #say(message: DeviceMessage): void {
    this.#socket.send(JSON.stringify(message));
  }
}

/** Whether each reader of a room wants partials. */
export type Crowd = (room: number) => readonly boolean[];
const twoReaders: Crowd = () => [true, false];
/** Sockets that are being opened at once. */
const maxOpening = 50;

/** Rooms with one kit each and their readers. More rooms can join while it runs. */
export class Load {
  heard: Heard[] = [];
  /** How late each frame left, ms. */
  readonly #lateness: number[] = [];
  /** Messages of every kind that readers got. */
  messages = 0;
  readonly #target: Target;
  readonly #crowd: Crowd;
  readonly #kits: Kit[] = [];
  readonly #readers: WebSocket[] = [];

  constructor(target: Target, crowd: Crowd = twoReaders) {
    this.#target = target;
    this.#crowd = crowd;
  }

  /** Brings the number of rooms up to `count`; their kits start spread over a line of the script and over the frame. */
  async grow(count: number): Promise<void> {
    const first = this.#kits.length;
    for (let i = first; i < count; i++) await this.#addRoom(`room-${i}`, this.#crowd(i));
    const atMs = machineMs() + 50;
    for (const [i, kit] of this.#kits.entries()) if (i >= first) kit.start(atMs + (i * 3100) / count);
  }

  /** Forgets what was heard so far: a measurement begins. */
  reset(): void {
    this.heard = [];
    this.#lateness.length = 0; // the kits hold on to it
    this.messages = 0;
  }

  get lateness(): readonly number[] {
    return [...this.#lateness];
  }

  stop(): void {
    for (const kit of this.#kits) kit.stop();
    for (const reader of this.#readers) reader.terminate();
  }

  async #addRoom(room: string, crowd: readonly boolean[]): Promise<void> {
    const { address } = this.#target;
    const { publish, read } = await this.#target.room(room);
    const kit = await Kit.open(address, room, publish, this.#lateness);
    this.#kits.push(kit);
    const open = async (partial: boolean) => {
      const socket = new WebSocket(
        `${address}/api/rooms/${room}/captions?partial=${partial}`,
        [captionsProtocol, `${bearerPrefix}${read}`],
        { perMessageDeflate: false },
      );
      this.#readers.push(socket);
      await once(socket, 'open');
      socket.on('message', (data) => this.#hear(room, kit, String(data)));
    };
    for (let i = 0; i < crowd.length; i += maxOpening) await Promise.all(crowd.slice(i, i + maxOpening).map(open));
  }

  #hear(room: string, kit: Kit, text: string): void {
    const heardMs = machineMs();
    this.messages++;
    const message: CaptionsMessage = JSON.parse(text);
    if (message.type !== 'caption' && message.type !== 'partial') return;
    const isFinal = message.type === 'caption';
    const frame = frameOf(message.text, isFinal);
    const sentMs = kit.sentMs[frame];
    if (sentMs !== undefined) this.heard.push({ room, frame, isFinal, latencyMs: heardMs - sentMs, sentMs, heardMs });
  }
}
