import { EventStreamCodec } from '@smithy/core/event-streams';

/** AWS event stream framing (application/vnd.amazon.eventstream), both ways. */
export const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8')),
  (text) => Buffer.from(text, 'utf8'),
);

const text = (value: string) => ({ type: 'string' as const, value });

export function eventFrame(type: string, body: unknown): Uint8Array {
  return codec.encode({
    headers: {
      ':event-type': text(type),
      ':message-type': text('event'),
      ':content-type': text('application/json'),
    },
    body: Buffer.from(JSON.stringify(body)),
  });
}

/** `:message-type exception`, as the service's WebSocket table has it; the SDK fails on the HTTP/2 table's form. */
export function exceptionFrame(name: string, message: string): Uint8Array {
  return codec.encode({
    headers: {
      ':exception-type': text(name),
      ':message-type': text('exception'),
      ':content-type': text('application/json'),
    },
    body: Buffer.from(JSON.stringify({ Message: message })),
  });
}

/** Cuts a byte stream into whole frames; the first four bytes of each are its length, big-endian. */
export class FrameReader {
  #pending = Buffer.alloc(0);

  push(bytes: Uint8Array): Uint8Array[] {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    const frames: Uint8Array[] = [];
    while (this.#pending.length >= 4) {
      const length = this.#pending.readUInt32BE(0);
      if (this.#pending.length < length) break;
      frames.push(this.#pending.subarray(0, length));
      this.#pending = this.#pending.subarray(length);
    }
    return frames;
  }
}
