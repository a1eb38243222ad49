/**
 * sherpa-onnx with a streaming model of the user's: the engine for venues without internet. Each session is a child
 * process with the model in its own memory: rooms share the cores without a scheduler of ours, and a crash ends one
 * session.
 */
import { type Explained, SalaError } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import type { Engine, EngineListener, EngineSession, SessionSettings } from './engine.ts';
import {
  type Death,
  hostBeside,
  type RecogniserLimits,
  RecogniserSession,
  recogniserLimits,
} from './recogniser-session.ts';
import type { Settings } from './sherpa-library.ts';
import { findModels, modelFor, type SherpaModel } from './sherpa-models.ts';

export interface SherpaOptions {
  readonly log: Logger;
  /** The Node that runs the child. */
  readonly execPath: string;
  /** A model, or models each in a folder of its own. */
  readonly modelDir?: string | undefined;
  /** What the model speaks, BCP 47; without it its folder's name says it. */
  readonly languages?: readonly string[] | undefined;
  /** Of one session. */
  readonly threads: number;
  readonly limits?: Partial<RecogniserLimits>;
  /** The child's program, for tests of what a bad one does. */
  readonly hostPath?: string;
}

const host = hostBeside(import.meta.url, 'sherpa-host');

export class SherpaEngine implements Engine {
  readonly name = 'sherpa';
  readonly paid = false;
  readonly promptPartials = true;
  readonly #options: SherpaOptions;
  #sessions = 0;

  constructor(options: SherpaOptions) {
    this.#options = options;
  }

  /** A folder that is not there or not readable may come back, so it is no conflict of settings: it fails the session. */
  check({ language }: SessionSettings): Explained | null {
    const found = this.#model(language);
    return 'folder' in found || found.code === 'sherpa-folder' || found.code === 'sherpa-unreadable' ? null : found;
  }

  open(settings: SessionSettings, listener: EngineListener): EngineSession {
    const { log, execPath, threads, limits, hostPath } = this.#options;
    const session = new RecogniserSession({
      id: `sherpa-${++this.#sessions}`,
      recogniser: 'sherpa-onnx',
      code: 'sherpa',
      tooSlowHint:
        'Use a smaller model or its int8 files, give it the cores it needs, or caption fewer rooms here with sherpa.',
      diagnose,
      language: settings.language,
      listener,
      log,
      limits: { ...recogniserLimits, ...limits },
    });
    const found = this.#model(settings.language);
    if ('folder' in found)
      session.start(execPath, hostPath ?? host, { folder: found.folder, threads } satisfies Settings);
    else session.refuse(found);
    return session;
  }

  #model(language: string): SherpaModel | Explained {
    const { modelDir, languages } = this.#options;
    if (modelDir === undefined)
      return {
        code: 'sherpa-no-model',
        message: 'The relay was told of no model for sherpa-onnx',
        hint: 'Start it with --sherpa-model DIR, the folder of a streaming model of sherpa-onnx.',
      };
    try {
      return modelFor(findModels(modelDir, languages ?? null), language);
    } catch (error) {
      if (!(error instanceof SalaError)) throw error;
      return { code: error.code, message: error.message, hint: error.hint };
    }
  }
}

/** Some of the library's sentences end in a page of C++. */
const maxReasonChars = 200;

/** The library ends its process over what it does not understand: with a line about it, or by a signal. */
function diagnose({ signal, errors }: Death): Explained | null {
  if (signal === 'SIGILL')
    return {
      code: 'sherpa-platform',
      message: "This computer's processor lacks instructions that sherpa-onnx is built with",
      hint: 'Run the relay on a newer computer, or give the room another engine.',
    };
  if (errors.includes('bad_alloc')) return null; // memory, which may come back
  const said = [...errors.matchAll(/^(?: *what\(\): +|\S+\.(?:cc|h):\w+:\d+ )(.+)$/gm)]
    .at(0)?.[1]
    ?.slice(0, maxReasonChars);
  if (said === undefined && signal !== 'SIGSEGV' && signal !== 'SIGABRT') return null;
  return {
    code: 'sherpa-model',
    message: `sherpa-onnx cannot use this model: ${said ?? `it crashes over it (${signal})`}`,
    hint: 'Copy the whole folder of the model again, or take another streaming model.',
  };
}
