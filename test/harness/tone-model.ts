/**
 * A streaming transducer small enough to be written by hand, for sherpa-onnx to load and decode in earnest: each of its
 * tokens is a tone. Its encoder picks each token's band out of the log-mel features and averages four frames, its
 * decoder holds down the token said last, its joiner adds the two, and silence is blank. It keeps no state between
 * chunks, so it comes as the simplest kind that the library knows, `lstm`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OnnxModel, type OnnxValue, onnx } from './onnx-writer.ts';

const rate = 16000;
const bands = 80;
const frames = 16;
const subsampling = 4;
/** Log-mel energy of a tone is about 5 in its band, of silence -16. */
const blankLogit = 0;
const heldDown = -50;

const melOf = (hertz: number) => 1127 * Math.log(1 + hertz / 700);
const hertzOf = (mel: number) => 700 * (Math.exp(mel / 1127) - 1);
/** The middle of a mel band as the library lays them: 80 from 20 to 7600 Hz. */
const middle = (band: number) => hertzOf(melOf(20) + ((melOf(7600) - melOf(20)) * (band + 1)) / (bands + 1));

/** The pieces of words that it knows, each with its band. */
const pieces: Readonly<Record<string, number>> = {
  '▁GOOD': 20,
  '▁MOR': 26,
  NING: 32,
  '▁EVERY': 38,
  ONE: 44,
  '▁WEL': 50,
  COME: 56,
};
const tokens = ['<blk>', '<sos/eos>', '<unk>', ...Object.keys(pieces)];
const tokensFile = tokens.map((token, i) => `${token} ${i}\n`).join('');
const size = tokens.length;

const encoder: OnnxModel = {
  inputs: [
    { name: 'x', type: 'float', shape: ['N', frames, bands] },
    { name: 'h', type: 'float', shape: [1, 'N', 1] },
    { name: 'c', type: 'float', shape: [1, 'N', 1] },
  ],
  outputs: [
    { name: 'encoder_out', type: 'float', shape: ['N', frames / subsampling, size] },
    { name: 'next_h', type: 'float', shape: [1, 'N', 1] },
    { name: 'next_c', type: 'float', shape: [1, 'N', 1] },
  ],
  constants: [
    {
      name: 'pick',
      type: 'float',
      shape: [bands, size],
      values: Array.from({ length: bands * size }, (_, i) =>
        pieces[tokens[i % size] ?? ''] === Math.floor(i / size) ? 1 : 0,
      ),
    },
    {
      name: 'bias',
      type: 'float',
      shape: [size],
      values: tokens.map((token, i) => (i === 0 ? blankLogit : token in pieces ? 0 : heldDown)),
    },
    { name: 'four', type: 'int64', shape: [4], values: [-1, frames / subsampling, subsampling, size] },
  ],
  nodes: [
    { operator: 'MatMul', inputs: ['x', 'pick'], outputs: ['picked'] },
    { operator: 'Add', inputs: ['picked', 'bias'], outputs: ['logits'] },
    { operator: 'Reshape', inputs: ['logits', 'four'], outputs: ['grouped'] },
    { operator: 'ReduceMean', inputs: ['grouped'], outputs: ['encoder_out'], attributes: { axes: [2], keepdims: 0 } },
    { operator: 'Identity', inputs: ['h'], outputs: ['next_h'] },
    { operator: 'Identity', inputs: ['c'], outputs: ['next_c'] },
  ],
  metadata: {
    model_type: 'lstm',
    num_encoder_layers: 1,
    T: frames,
    decode_chunk_len: frames,
    rnn_hidden_size: 1,
    d_model: 1,
  },
};

const decoder: OnnxModel = {
  inputs: [{ name: 'y', type: 'int64', shape: ['N', 2] }],
  outputs: [{ name: 'decoder_out', type: 'float', shape: ['N', size] }],
  constants: [
    {
      name: 'table',
      type: 'float',
      shape: [size, size],
      values: Array.from({ length: size * size }, (_, i) =>
        i % size === Math.floor(i / size) && i % size > 2 ? heldDown : 0,
      ),
    },
    { name: 'last', type: 'int64', shape: [], values: [1] },
  ],
  nodes: [
    { operator: 'Gather', inputs: ['y', 'last'], outputs: ['token'], attributes: { axis: 1 } },
    { operator: 'Gather', inputs: ['table', 'token'], outputs: ['decoder_out'], attributes: { axis: 0 } },
  ],
  metadata: { vocab_size: size, context_size: 2 },
};

const joiner: OnnxModel = {
  inputs: [
    { name: 'encoder_out', type: 'float', shape: ['N', size] },
    { name: 'decoder_out', type: 'float', shape: ['N', size] },
  ],
  outputs: [{ name: 'logit', type: 'float', shape: ['N', size] }],
  constants: [],
  nodes: [{ operator: 'Add', inputs: ['encoder_out', 'decoder_out'], outputs: ['logit'] }],
  metadata: { joiner_dim: size },
};

/** Writes the model's folder, which it makes; `changes` make it a wrong one. */
export function writeToneModel(
  folder: string,
  changes: { readonly encoder?: Partial<OnnxModel>; readonly joiner?: Partial<OnnxModel> } = {},
): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'encoder.onnx'), onnx({ ...encoder, ...changes.encoder }));
  writeFileSync(join(folder, 'decoder.onnx'), onnx(decoder));
  writeFileSync(join(folder, 'joiner.onnx'), onnx({ ...joiner, ...changes.joiner }));
  writeFileSync(join(folder, 'tokens.txt'), tokensFile);
}

/**
 * The same ears as a zipformer2-CTC model of one file. That kind comes with the caches of its layers; these have one
 * layer, and hand its caches on as they are.
 */
export function writeToneCtcModel(folder: string): void {
  const caches: Pick<OnnxValue, 'name' | 'shape'>[] = [
    { name: 'cached_key', shape: [1, 'N', 1] },
    { name: 'cached_nonlin_attn', shape: [1, 'N', 1, 3] },
    { name: 'cached_val1', shape: [1, 'N', 1] },
    { name: 'cached_val2', shape: [1, 'N', 1] },
    { name: 'cached_conv1', shape: ['N', 4, 1] },
    { name: 'cached_conv2', shape: ['N', 4, 1] },
    { name: 'embed_states', shape: ['N', 128, 3, 19] },
    { name: 'processed_lens', shape: ['N'] },
  ];
  const values = caches.map(
    (each): OnnxValue => ({ ...each, type: each.name === 'processed_lens' ? 'int64' : 'float' }),
  );
  const model: OnnxModel = {
    ...encoder,
    inputs: [...encoder.inputs.slice(0, 1), ...values],
    outputs: [...encoder.outputs.slice(0, 1), ...values.map((each) => ({ ...each, name: `new_${each.name}` }))],
    nodes: [
      ...encoder.nodes.filter(({ operator }) => operator !== 'Identity'),
      ...values.map(({ name }) => ({ operator: 'Identity', inputs: [name], outputs: [`new_${name}`] })),
    ],
    metadata: {
      model_type: 'zipformer2',
      T: frames,
      decode_chunk_len: frames,
      encoder_dims: 4,
      query_head_dims: 1,
      value_head_dims: 1,
      num_heads: 1,
      num_encoder_layers: 1,
      cnn_module_kernels: 3,
      left_context_len: 1,
    },
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'ctc-chunk-16.onnx'), onnx(model));
  writeFileSync(join(folder, 'tokens.txt'), tokensFile);
}

/** Each piece lasts this long; so does the pause after a word. */
export const pieceSamples = 0.2 * rate;

/** The words as tones, and where each lies. @throws on a word that the model does not know */
export function toneSpeech(words: readonly string[]) {
  const pieceNames = Object.keys(pieces);
  const spoken: { text: string; start: number; end: number }[] = [];
  const bandsInTurn: (number | null)[] = [null];
  for (const text of words) {
    const first = pieceNames.findIndex((piece) => piece.startsWith('▁') && `▁${text.toUpperCase()}`.startsWith(piece));
    const start = bandsInTurn.length * pieceSamples;
    let said = '';
    for (const piece of pieceNames.slice(first)) {
      said += piece.replace('▁', '').toLowerCase();
      bandsInTurn.push(pieces[piece] ?? null);
      if (said === text) break;
    }
    if (said !== text) throw new Error(`the tone model has no pieces for "${text}"`);
    spoken.push({ text, start, end: bandsInTurn.length * pieceSamples });
    bandsInTurn.push(null);
  }
  const audio = new Int16Array(bandsInTurn.length * pieceSamples);
  for (const [i, band] of bandsInTurn.entries())
    if (band !== null)
      for (let n = 0; n < pieceSamples; n++)
        audio[i * pieceSamples + n] = Math.round(10_000 * Math.sin((2 * Math.PI * middle(band) * n) / rate));
  return { audio, words: spoken };
}
