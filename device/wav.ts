/** A small reader of RIFF/WAVE files, piece by piece: a recording of a conference day may be larger than the memory. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { SalaError } from '../systemd/errors.ts';

export interface WavFormat {
  readonly encoding: 'integer' | 'float';
  readonly bits: 8 | 16 | 24 | 32 | 64;
  readonly rateHz: number;
  readonly channels: number;
  /** Where the samples lie in the file, in bytes; whole sample frames. */
  readonly dataOffset: number;
  readonly dataBytes: number;
}

const formatPcm = 1;
const formatFloat = 3;
const formatExtensible = 0xfffe;
/** More than any file has before its samples. */
const maxChunks = 1000;

const wavError = (message: string) =>
  new SalaError(message, {
    code: 'wav',
    hint: 'Give a WAV file with PCM of 8, 16, 24 or 32 bits or float samples; ffmpeg -i IN -c:a pcm_s16le OUT.wav makes one.',
  });

/** An open WAV file. */
export class WavFile {
  readonly format: WavFormat;
  readonly #file: number;

  /** @throws {SalaError} `wav` where it is none that can be played; a system error where it cannot be read */
  constructor(path: string) {
    this.#file = openSync(path, 'r');
    try {
      this.format = readFormat(this.#file);
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  get frameBytes(): number {
    return (this.format.bits / 8) * this.format.channels;
  }

  get frames(): number {
    return this.format.dataBytes / this.frameBytes;
  }

  /** Up to `count` sample frames from frame `from` as interleaved s16le; fewer at the end of the file. */
  read(from: number, count: number): Buffer {
    const frames = Math.max(0, Math.min(count, this.frames - from));
    const bytes = Buffer.alloc(frames * this.frameBytes);
    const read = readFully(this.#file, bytes, this.format.dataOffset + from * this.frameBytes);
    return toS16(bytes.subarray(0, read - (read % this.frameBytes)), this.format);
  }

  close(): void {
    closeSync(this.#file);
  }
}

function readFully(file: number, into: Buffer, at: number): number {
  let read = 0;
  while (read < into.length) {
    const more = readSync(file, into, read, into.length - read, at + read);
    if (more === 0) break;
    read += more;
  }
  return read;
}

function readFormat(file: number): WavFormat {
  const { size } = fstatSync(file);
  const head = Buffer.alloc(12);
  readFully(file, head, 0);
  const kind = head.toString('latin1', 0, 4);
  if ((kind !== 'RIFF' && kind !== 'RF64') || head.toString('latin1', 8, 12) !== 'WAVE')
    throw wavError('is not a WAV file');
  let format: Omit<WavFormat, 'dataOffset' | 'dataBytes'> | null = null;
  let at = 12;
  const chunk = Buffer.alloc(8);
  for (let i = 0; i < maxChunks && readFully(file, chunk, at) === chunk.length; i++) {
    const id = chunk.toString('latin1', 0, 4);
    const length = chunk.readUInt32LE(4);
    at += chunk.length;
    if (id === 'fmt ') format = parseFormat(file, at, length);
    if (id === 'data') {
      if (!format) throw wavError('has samples before it says of what kind');
      const left = size - at;
      // Recorders that could not go back to write the length leave 0 or all ones: the samples go on to the end.
      const bytes = length === 0 || length === 0xffffffff ? left : Math.min(length, left);
      const frameBytes = (format.bits / 8) * format.channels;
      if (bytes < frameBytes) throw wavError('holds no audio');
      return { ...format, dataOffset: at, dataBytes: bytes - (bytes % frameBytes) };
    }
    at += length + (length % 2);
  }
  throw wavError('holds no audio');
}

function parseFormat(file: number, at: number, length: number): Omit<WavFormat, 'dataOffset' | 'dataBytes'> {
  const body = Buffer.alloc(Math.min(length, 40));
  if (length < 16 || readFully(file, body, at) < body.length) throw wavError('is cut off in its head');
  const tag = body.readUInt16LE(0);
  const kind = tag === formatExtensible && body.length >= 26 ? body.readUInt16LE(24) : tag;
  const channels = body.readUInt16LE(2);
  const rateHz = body.readUInt32LE(4);
  const bits = ([8, 16, 24, 32, 64] as const).find((each) => each === body.readUInt16LE(14));
  if (!bits || (kind === formatFloat ? bits < 32 : kind !== formatPcm || bits > 32))
    throw wavError(`has samples of an unknown kind (format ${kind}, ${body.readUInt16LE(14)} bits)`);
  if (channels < 1 || channels > 64) throw wavError(`has ${channels} channels`);
  if (rateHz < 8000 || rateHz > 48000) throw wavError(`has ${rateHz} Hz, and 8000 to 48000 can be played`);
  return { encoding: kind === formatFloat ? 'float' : 'integer', bits, rateHz, channels };
}

const clamped = (value: number) => Math.max(-32768, Math.min(32767, Math.round(value)));

function toS16(bytes: Buffer, { encoding, bits }: WavFormat): Buffer {
  if (bits === 16) return bytes;
  const step = bits / 8;
  const read = reader(bytes, encoding, bits);
  const out = Buffer.alloc((bytes.length / step) * 2);
  for (let i = 0; i < bytes.length / step; i++) out.writeInt16LE(clamped(read(i * step)), i * 2);
  return out;
}

function reader(bytes: Buffer, encoding: WavFormat['encoding'], bits: WavFormat['bits']): (at: number) => number {
  if (encoding === 'float')
    return bits === 64 ? (at) => bytes.readDoubleLE(at) * 32768 : (at) => bytes.readFloatLE(at) * 32768;
  if (bits === 8) return (at) => (bytes.readUInt8(at) - 128) * 256;
  if (bits === 24) return (at) => bytes.readIntLE(at, 3) / 256;
  return (at) => bytes.readInt32LE(at) / 65536;
}
