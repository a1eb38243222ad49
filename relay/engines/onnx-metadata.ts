/** The metadata of an .onnx file, read past its weights: the few bytes that say what kind of model it is. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Fields of ModelProto and StringStringEntryProto in onnx.proto. */
const graphField = 7;
const metadataField = 14;
/** More than any model says of itself; a field this long is no metadata. */
const maxEntryBytes = 1024 * 1024;

/** A field of a protobuf message: `bytes` is where its content lies, for those that have a length. */
interface Field {
  readonly number: number;
  readonly bytes: { readonly from: number; readonly to: number } | null;
  readonly next: number;
}

type Read = (from: number, length: number) => Buffer;

function varint(read: Read, from: number): { value: number; next: number } | null {
  const bytes = read(from, 10);
  let value = 0;
  for (const [i, byte] of bytes.entries()) {
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, next: from + i + 1 };
  }
  return null;
}

/** The fields from `from` to `to`; null as soon as one is none. */
function* fields(read: Read, from: number, to: number): Generator<Field | null> {
  for (let at = from; at < to; ) {
    const key = varint(read, at);
    const wire = key && key.value % 8;
    const field = key && Math.floor(key.value / 8);
    let next = -1;
    let bytes: Field['bytes'] = null;
    if (key && wire === 0) next = varint(read, key.next)?.next ?? -1;
    else if (key && wire === 1) next = key.next + 8;
    else if (key && wire === 5) next = key.next + 4;
    else if (key && wire === 2) {
      const length = varint(read, key.next);
      next = length ? length.next + length.value : -1;
      bytes = length && { from: length.next, to: next };
    }
    if (!field || next < 0 || next > to) {
      yield null;
      return;
    }
    yield { number: field, bytes, next };
    at = next;
  }
}

function entry(bytes: Buffer): [string, string] {
  const read: Read = (from, length) => bytes.subarray(from, from + length);
  const texts = ['', ''];
  for (const field of fields(read, 0, bytes.length))
    if (field?.bytes && (field.number === 1 || field.number === 2))
      texts[field.number - 1] = bytes.toString('utf8', field.bytes.from, field.bytes.to);
  return [texts[0] ?? '', texts[1] ?? ''];
}

/**
 * What the model says of itself; null where the file is no whole ONNX model.
 * @throws system errors of opening and reading
 */
export function onnxMetadata(path: string): ReadonlyMap<string, string> | null {
  const file = openSync(path, 'r');
  try {
    const size = fstatSync(file).size;
    const read: Read = (from, length) => {
      const bytes = Buffer.alloc(Math.min(length, size - from));
      return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, from));
    };
    const found = new Map<string, string>();
    let graph = false;
    for (const field of fields(read, 0, size)) {
      if (field === null) return null;
      graph ||= field.number === graphField;
      const { bytes } = field;
      if (field.number === metadataField && bytes && bytes.to - bytes.from <= maxEntryBytes)
        found.set(...entry(read(bytes.from, bytes.to - bytes.from)));
    }
    return graph ? found : null;
  } finally {
    closeSync(file);
  }
}
