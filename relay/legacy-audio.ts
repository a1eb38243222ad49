import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import { bytesOf } from './audio.ts';
import type { Publisher } from './charge.ts';
import { bytesPerSample, closeCodes, frameSamples, sampleRate } from './protocol.js';
import type { Room } from './room.ts';
import type { RoomTime } from './room-time.ts';
import type { Spool } from './spool.ts';
import type { SpoolStream } from './spool-stream.ts';

export interface LegacyAudioParts {
  readonly spool: Spool;
  readonly time: RoomTime;
  /** Stands for a kit's boot: this relay's own run. */
  readonly bootId: string;
}

/** A client that sends a file as fast as it can is read no further ahead of the clock than this. */
const maxAheadMs = 2000;
const anchorEverySamples = 10 * sampleRate;

/**
 * The predecessor's audio socket: raw mono s16le at 16 kHz in binary messages of any size, no positions and no answer.
 * The relay is its device: it makes the stream and counts the samples.
 */
export class LegacyAudio implements Publisher {
  readonly connectedAtMs = performance.now();
  heardAtMs = this.connectedAtMs;
  readonly standIn = false;
  readonly device = `legacy-${randomUUID().slice(0, 8)}`;
  readonly #socket: WebSocket;
  readonly #room: Room;
  readonly #parts: LegacyAudioParts;
  #stream: SpoolStream | null = null;
  #position = 0;
  #startedMs = 0;
  #anchorAt = 0;
  #rest: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  #over = false;

  constructor(socket: WebSocket, room: Room, parts: LegacyAudioParts) {
    this.#socket = socket;
    this.#room = room;
    this.#parts = parts;
  }

  /** How loud it is, is not looked at. */
  get soundAtMs(): number {
    return this.heardAtMs;
  }

  start(): void {
    this.#room.charge.take(this, { takeover: true, hasAudio: true, hasSound: true });
    this.#room.sourceChanged();
    this.#socket.on('message', (data, isBinary) => {
      if (!isBinary || this.#over) return; // the predecessor took no text and ignored it
      this.#audio(bytesOf(data));
    });
    this.#socket.once('close', () => this.#leave());
  }

  replaced(): void {
    this.#leave();
    this.#socket.close(closeCodes.otherSource, 'another source is in charge of the room');
  }

  #audio(bytes: Buffer<ArrayBufferLike>): void {
    const now = performance.now();
    this.heardAtMs = now;
    const stream = this.#stream ?? this.#begin(now);
    if (!stream) return;
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    const whole = all.length - (all.length % bytesPerSample);
    this.#rest = all.subarray(whole);
    for (let at = 0; at < whole; at += frameSamples * bytesPerSample) {
      const audio = all.subarray(at, Math.min(whole, at + frameSamples * bytesPerSample));
      this.#parts.spool.write(stream, this.#position, audio);
      this.#position += audio.length / bytesPerSample;
    }
    if (this.#position >= this.#anchorAt) this.#anchor(stream, now);
    const aheadMs = (this.#position * 1000) / sampleRate - (now - this.#startedMs);
    if (aheadMs <= maxAheadMs) return;
    this.#socket.pause();
    setTimeout(() => this.#socket.resume(), aheadMs - maxAheadMs / 2);
  }

  #begin(now: number): SpoolStream | null {
    const stream = this.#parts.spool.open(randomUUID(), this.#room.name, this.device, 1);
    this.#stream = stream;
    this.#startedMs = now;
    if (stream) {
      this.#anchor(stream, now);
      this.#room.follow(stream);
    }
    return stream;
  }

  #anchor(stream: SpoolStream, now: number): void {
    const anchor = {
      position: this.#position,
      bootId: this.#parts.bootId,
      monotonicMs: now,
      wallMs: Date.now(),
      wallSynced: true,
    };
    this.#parts.time.anchor(stream.id, anchor, Date.now());
    this.#anchorAt = this.#position + anchorEverySamples;
  }

  #leave(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#stream) this.#parts.spool.end(this.#stream, this.#position);
    this.#room.charge.release(this);
    this.#room.sourceChanged();
  }
}
