/** What lies in a model's folder: which kind of streaming model it is, and which files the library is to load. */
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { codeOf, messageOf, SalaError } from '../../systemd/errors.ts';
import { onnxMetadata } from './onnx-metadata.ts';

/** The library's own names of the kinds of model. */
export type ModelKind = 'transducer' | 'paraformer' | 'zipformer2Ctc' | 'nemoCtc' | 'toneCtc';

export interface ModelFiles {
  readonly kind: ModelKind;
  /** Paths by what the library calls them: `encoder`, `decoder`, `joiner`, or `model`. */
  readonly paths: Readonly<Record<string, string>>;
  readonly tokens: string;
  /** It knows no small letters: its capitals say nothing. */
  readonly capitalsOnly: boolean;
}

type Metadata = ReadonlyMap<string, string>;

const whereFrom =
  'Get a folder whose name says "streaming" from the models of sherpa-onnx: transducer, zipformer2-CTC or paraformer.';

/** @param what the start of the sentence, e.g. `The model folder` */
export function problemOfReading(path: string, what: string, cause: unknown): SalaError {
  const code = codeOf(cause);
  if (code === 'ENOENT')
    return new SalaError(`${what} ${path} is not there`, {
      code: 'sherpa-folder',
      hint: 'Correct --sherpa-model, or plug in the disk it names.',
      cause,
    });
  if (code === 'ENOTDIR')
    return new SalaError(`${what} ${path} is no folder`, {
      code: 'sherpa-folder',
      hint: 'Let --sherpa-model name the folder that the .onnx files and tokens.txt lie in.',
      cause,
    });
  return new SalaError(`${what} ${path} cannot be read: ${messageOf(cause)}`, {
    code: 'sherpa-unreadable',
    hint: 'Let the user that runs the relay read it: chmod -R a+rX FOLDER',
    cause,
  });
}

function metadataOf(path: string): Metadata {
  let found: Metadata | null;
  try {
    accessSync(path, constants.R_OK);
    found = onnxMetadata(path);
  } catch (cause) {
    throw problemOfReading(path, 'The model file', cause);
  }
  if (found) return found;
  throw new SalaError(`The file ${path} is no whole ONNX model`, {
    code: 'sherpa-damaged',
    hint: 'Get it again; a file of some hundred bytes is a pointer that git lfs pull replaces by the real one.',
  });
}

const notStreaming = (path: string, metadata: Metadata) => {
  const type = metadata.get('model_type');
  return new SalaError(
    `${basename(path)} is no streaming model that sherpa-onnx knows${type ? ` (it is ${type})` : ''}`,
    {
      code: 'sherpa-not-streaming',
      hint: `A model for whole recordings cannot caption live. ${whereFrom}`,
    },
  );
};

const missing = (folder: string, what: string) =>
  new SalaError(`The model in ${folder} is incomplete: its ${what} is not there`, {
    code: 'sherpa-incomplete',
    hint: `Copy the whole folder of the model. ${whereFrom}`,
  });

/** Icefall's streaming models say how much they decode at once, NeMo's how wide their window is. */
const decodesChunks = (metadata: Metadata) => metadata.has('decode_chunk_len') && metadata.has('T');
const slidesWindow = (metadata: Metadata) => metadata.has('window_size') && metadata.has('chunk_shift');

/** A model's file of one role. Eight-bit files first: on a CPU they are the fastest; then those that share `like`'s name. */
function pick(names: readonly string[], role: string, like: string | null): string | undefined {
  const rest = (name: string) => name.replace(/encoder|decoder|joiner/, '').replace(/\.(int8|fp16)(?=\.)/, '');
  const byRank = (name: string) =>
    (like !== null && rest(name) !== rest(like) ? 4 : 0) +
    (name.includes('.int8.') ? 0 : name.includes('.fp16.') ? 2 : 1);
  return names
    .filter((name) => new RegExp(`(^|[-_.])${role}([-_.])`).test(name))
    .sort((a, b) => byRank(a) - byRank(b) || (a < b ? -1 : 1))[0];
}

function modelOf(
  folder: string,
  names: readonly string[],
): Pick<ModelFiles, 'kind' | 'paths'> & { metadata: Metadata } {
  const at = (name: string) => join(folder, name);
  const encoder = pick(names, 'encoder', null);
  if (encoder === undefined) return singleFile(folder, names);
  const decoder = pick(names, 'decoder', encoder);
  const joiner = pick(names, 'joiner', encoder);
  const metadata = metadataOf(at(encoder));
  const isParaformer = metadata.has('decoder_num_blocks') && metadata.has('encoder_output_size');
  if (!isParaformer && !decodesChunks(metadata) && !slidesWindow(metadata)) {
    // One kind of NeMo's says what it is in its decoder alone.
    const said = decoder !== undefined && metadataOf(at(decoder)).has('streaming_model_type');
    if (!said) throw notStreaming(at(encoder), metadata);
  }
  if (decoder === undefined) throw missing(folder, 'decoder');
  if (isParaformer) {
    metadataOf(at(decoder));
    return { kind: 'paraformer', paths: { encoder: at(encoder), decoder: at(decoder) }, metadata };
  }
  if (joiner === undefined) throw missing(folder, 'joiner');
  const all = new Map([...metadata, ...metadataOf(at(decoder)), ...metadataOf(at(joiner))]);
  return {
    kind: 'transducer',
    paths: { encoder: at(encoder), decoder: at(decoder), joiner: at(joiner) },
    metadata: all,
  };
}

function singleFile(folder: string, names: readonly string[]): ReturnType<typeof modelOf> {
  const [name] = [...names].sort((a, b) => Number(b.includes('.int8.')) - Number(a.includes('.int8.')));
  if (name === undefined) throw missing(folder, '.onnx file');
  if (['decoder', 'joiner'].some((role) => pick(names, role, null) !== undefined)) throw missing(folder, 'encoder');
  const path = join(folder, name);
  const metadata = metadataOf(path);
  const paths = { model: path };
  if (decodesChunks(metadata)) return { kind: 'zipformer2Ctc', paths, metadata };
  if (slidesWindow(metadata)) return { kind: 'nemoCtc', paths, metadata };
  if (metadata.has('frame_length_ms') && metadata.has('state_dim')) return { kind: 'toneCtc', paths, metadata };
  throw notStreaming(path, metadata);
}

/**
 * The model in `folder`.
 * @throws {SalaError} `sherpa-folder`, `-unreadable`, `-incomplete`, `-damaged`, `-not-streaming` or `-tokens`
 */
export function readModel(folder: string): ModelFiles {
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch (cause) {
    throw problemOfReading(folder, 'The model folder', cause);
  }
  const { kind, paths, metadata } = modelOf(
    folder,
    names.filter((name) => name.endsWith('.onnx')),
  );
  if (!names.includes('tokens.txt')) throw missing(folder, 'tokens.txt');
  const tokens = join(folder, 'tokens.txt');
  let lines: string[];
  try {
    lines = readFileSync(tokens, 'utf8').split('\n').filter(Boolean);
  } catch (cause) {
    throw problemOfReading(tokens, 'The file', cause);
  }
  // The library ends its process at a token that its table lacks.
  const size = Number(metadata.get('vocab_size') ?? 0);
  if (lines.length < size)
    throw new SalaError(`${tokens} has ${lines.length} tokens and the model ${size}: they do not belong together`, {
      code: 'sherpa-tokens',
      hint: 'Copy tokens.txt again, from where the .onnx files came from.',
    });
  const letters = lines.filter((line) => !line.startsWith('<')).join('');
  return { kind, paths, tokens, capitalsOnly: /\p{Lu}/u.test(letters) && !/\p{Ll}/u.test(letters) };
}
