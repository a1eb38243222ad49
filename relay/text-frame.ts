/**
 * A text message as a server sends it, with its head (RFC 6455, 5.2): one frame, not masked, not compressed. Made once, it goes to
 * every reader in one write; `ws` would make a head for each and write the two parts.
 * @param payload UTF-8
 */
export function textFrame(payload: Uint8Array): Buffer {
  const { length } = payload;
  const head = length < 126 ? 2 : length < 0x10000 ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = 0x81; // final, text
  if (head === 2) frame[1] = length;
  else if (head === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.set(payload, head);
  return frame;
}
