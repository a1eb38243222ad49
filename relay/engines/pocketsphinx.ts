/**
 * PocketSphinx, the engine that needs no credentials: modest, US English only, a demonstration and a test partner. Each
 * session is a child process, because decoding blocks and a library that crashes must not take the relay along.
 */
import type { Explained } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import type { Engine, EngineListener, EngineSession, SessionSettings } from './engine.ts';
import type { Settings } from './pocketsphinx-library.ts';
import { hostBeside, type RecogniserLimits, RecogniserSession, recogniserLimits } from './recogniser-session.ts';

export interface PocketSphinxOptions {
  readonly log: Logger;
  /** The Node that runs the child. */
  readonly execPath: string;
  readonly libraryPath?: string | undefined;
  readonly modelDir?: string | undefined;
  readonly limits?: Partial<RecogniserLimits>;
  /** The child's program, for tests of what a bad one does. */
  readonly hostPath?: string;
}

const host = hostBeside(import.meta.url, 'pocketsphinx-host');

export class PocketSphinxEngine implements Engine {
  readonly name = 'pocketsphinx';
  readonly paid = false;
  readonly promptPartials = false;
  readonly #options: PocketSphinxOptions;
  #sessions = 0;

  constructor(options: PocketSphinxOptions) {
    this.#options = options;
  }

  check({ language }: SessionSettings): Explained | null {
    if (/^en(-|$)/i.test(language)) return null;
    return {
      code: 'language-unsupported',
      message: `PocketSphinx knows English only, not ${language}`,
      hint: 'Give the room an English language, or another engine: transcribe or sherpa.',
    };
  }

  open(settings: SessionSettings, listener: EngineListener): EngineSession {
    const { log, execPath, libraryPath, modelDir, limits, hostPath } = this.#options;
    const session = new RecogniserSession({
      id: `pocketsphinx-${++this.#sessions}`,
      recogniser: 'PocketSphinx',
      code: 'pocketsphinx',
      tooSlowHint: 'Caption fewer rooms here with PocketSphinx, or give this room the engine transcribe.',
      language: settings.language,
      listener,
      log,
      limits: { ...recogniserLimits, ...limits },
    });
    const refusal = this.check(settings);
    if (refusal) session.refuse(refusal);
    else
      session.start(execPath, hostPath ?? host, {
        libraryPath: libraryPath ?? 'libpocketsphinx.so.3',
        modelDir: modelDir ?? '/usr/share/pocketsphinx/model/en-us',
      } satisfies Settings);
    return session;
  }
}
