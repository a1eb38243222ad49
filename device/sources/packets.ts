/**
 * What a capture child writes to its pipe: packets of a 16-byte header (type u8, three bytes 0, length u32, monotonic
 * time f64 in ms, little-endian) and a body: s16le audio, or a message as JSON. The time is stamped by the child, so that audio
 * which waited in the pipe is not taken for audio that came late.
 */
const headerBytes = 16;
const audioType = 1;
const messageType = 2;

/** One second of 8 channels at 192 kHz is 3 MB; anything near this is not ours. */
export const maxPacketBytes = 4 * 1024 * 1024;

export type Packet =
  | { readonly type: 'audio'; readonly audio: Buffer; readonly monotonicMs: number }
  | { readonly type: 'message'; readonly text: string };

/** Milliseconds of the clock that all processes of one boot share. */
export const sharedMonotonicMs = () => Number(process.hrtime.bigint()) / 1e6;

function encode(type: number, body: Uint8Array, monotonicMs: number): Buffer {
  const packet = Buffer.alloc(headerBytes + body.length);
  packet.writeUInt8(type, 0);
  packet.writeUInt32LE(body.length, 4);
  packet.writeDoubleLE(monotonicMs, 8);
  packet.set(body, headerBytes);
  return packet;
}

/** `monotonicMs` is the time of the last sample. */
export const encodeAudioPacket = (audio: Uint8Array, monotonicMs: number) => encode(audioType, audio, monotonicMs);
export const encodeMessagePacket = (message: unknown) => encode(messageType, Buffer.from(JSON.stringify(message)), 0);

/** Cuts a byte stream into packets. */
export class PacketReader {
  #pending: Buffer[] = [];
  #bytes = 0;

  /** The packets that are whole now; null once the stream is not one of packets. */
  push(bytes: Buffer): Packet[] | null {
    this.#pending.push(bytes);
    this.#bytes += bytes.length;
    const packets: Packet[] = [];
    for (;;) {
      if (this.#bytes < headerBytes) return packets;
      const head = this.#peek(headerBytes);
      const type = head.readUInt8(0);
      const length = head.readUInt32LE(4);
      if ((type !== audioType && type !== messageType) || length > maxPacketBytes) return null;
      if (this.#bytes < headerBytes + length) return packets;
      const body = this.#peek(headerBytes + length).subarray(headerBytes);
      this.#drop(headerBytes + length);
      packets.push(
        type === audioType
          ? { type: 'audio', audio: body, monotonicMs: head.readDoubleLE(8) }
          : { type: 'message', text: body.toString('utf8') },
      );
    }
  }

  #peek(length: number): Buffer {
    let [first = Buffer.alloc(0)] = this.#pending;
    if (first.length < length) {
      first = Buffer.concat(this.#pending);
      this.#pending = [first];
    }
    return first.subarray(0, length);
  }

  #drop(length: number): void {
    const [first = Buffer.alloc(0), ...rest] = this.#pending;
    this.#pending = first.length > length ? [first.subarray(length), ...rest] : rest;
    this.#bytes -= length;
  }
}
