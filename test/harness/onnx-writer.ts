/** Writes small ONNX models by hand: the few fields of onnx.proto (IR version 8, operators of set 13) that one needs. */

const wire = { varint: 0, bytes: 2 } as const;
const elementType = { float: 1, int64: 7 } as const;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    if (rest < 0x80n) return Buffer.from([...bytes, low]);
    bytes.push(low | 0x80);
  }
}

const number = (field: number, value: number) => Buffer.concat([varint((field << 3) | wire.varint), varint(value)]);
function bytes(field: number, value: Buffer | string): Buffer {
  const content = Buffer.from(value);
  return Buffer.concat([varint((field << 3) | wire.bytes), varint(content.length), content]);
}

/** A dimension is a size, or a name where any size is taken. */
export interface OnnxValue {
  readonly name: string;
  readonly type: keyof typeof elementType;
  readonly shape: readonly (number | string)[];
}

export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

export interface OnnxConstant {
  readonly name: string;
  readonly type: keyof typeof elementType;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export interface OnnxModel {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly OnnxConstant[];
  readonly metadata: Readonly<Record<string, string | number>>;
}

function valueInfo({ name, type, shape }: OnnxValue): Buffer {
  const dimensions = shape.map((size) => bytes(1, typeof size === 'number' ? number(1, size) : bytes(2, size)));
  const tensor = Buffer.concat([number(1, elementType[type]), bytes(2, Buffer.concat(dimensions))]);
  return Buffer.concat([bytes(1, name), bytes(2, bytes(1, tensor))]);
}

function tensor({ name, type, shape, values }: OnnxConstant): Buffer {
  const raw = type === 'float' ? new Float32Array(values) : new BigInt64Array(values.map(BigInt));
  return Buffer.concat([
    ...shape.map((size) => number(1, size)),
    number(2, elementType[type]),
    bytes(8, name),
    bytes(9, Buffer.from(raw.buffer)),
  ]);
}

function attribute([name, value]: [string, number | readonly number[]]): Buffer {
  const content =
    typeof value === 'number'
      ? [number(3, value), number(20, 2)]
      : [...value.map((each) => number(8, each)), number(20, 7)];
  return Buffer.concat([bytes(1, name), ...content]);
}

function node({ operator, inputs, outputs, attributes = {} }: OnnxNode): Buffer {
  return Buffer.concat([
    ...inputs.map((each) => bytes(1, each)),
    ...outputs.map((each) => bytes(2, each)),
    bytes(4, operator),
    ...Object.entries(attributes).map((each) => bytes(5, attribute(each))),
  ]);
}

/** The bytes of an .onnx file. */
export function onnx({ inputs, outputs, nodes, constants, metadata }: OnnxModel): Buffer {
  const graph = Buffer.concat([
    ...nodes.map((each) => bytes(1, node(each))),
    bytes(2, 'graph'),
    ...constants.map((each) => bytes(5, tensor(each))),
    ...inputs.map((each) => bytes(11, valueInfo(each))),
    ...outputs.map((each) => bytes(12, valueInfo(each))),
  ]);
  return Buffer.concat([
    number(1, 8),
    bytes(7, graph),
    bytes(8, Buffer.concat([bytes(1, ''), number(2, 13)])),
    ...Object.entries(metadata).map(([key, value]) =>
      bytes(14, Buffer.concat([bytes(1, key), bytes(2, String(value))])),
    ),
  ]);
}
