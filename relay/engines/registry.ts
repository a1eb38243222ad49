import { join } from 'node:path';
import { SalaError } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import type { Engine } from './engine.ts';
import { PocketSphinxEngine } from './pocketsphinx.ts';
import { ScriptEngine } from './script.ts';
import { SherpaEngine } from './sherpa.ts';
import { TranscribeEngine } from './transcribe.ts';
import type { VocabularyLender } from './transcribe-loan.ts';

export interface EngineSettings {
  readonly dataDir: string;
  readonly execPath: string;
  /** AWS_REGION, as far as the relay was told one. */
  readonly awsRegion?: string | null | undefined;
  readonly maxSessionMs?: number | undefined;
  readonly vocabularies?: VocabularyLender | undefined;
  /** HTTPS_PROXY or the like, as far as one is set. */
  readonly proxy?: string | undefined;
  readonly pocketsphinxLibrary?: string | undefined;
  readonly pocketsphinxModel?: string | undefined;
  readonly sherpaModel?: string | undefined;
  readonly sherpaLanguage?: readonly string[] | undefined;
  readonly sherpaThreads: number;
}

/** The engines by name, each made when a room first asks for it. */
export class Engines {
  readonly #settings: EngineSettings;
  readonly #log: (namespace: string) => Logger;
  readonly #made = new Map<string, Engine>();

  constructor(settings: EngineSettings, log: (namespace: string) => Logger) {
    this.#settings = settings;
    this.#log = log;
  }

  /** @throws {SalaError} `engine-unknown` */
  get(name: string): Engine {
    const known = this.#made.get(name) ?? this.#make(name);
    this.#made.set(name, known);
    return known;
  }

  #make(name: string): Engine {
    const { dataDir, execPath, awsRegion, pocketsphinxLibrary, pocketsphinxModel } = this.#settings;
    if (name === 'transcribe')
      return new TranscribeEngine({
        log: this.#log('transcribe'),
        region: awsRegion ?? undefined,
        maxSessionMs: this.#settings.maxSessionMs,
        vocabularies: this.#settings.vocabularies,
        proxy: this.#settings.proxy,
      });
    if (name === 'pocketsphinx')
      return new PocketSphinxEngine({
        log: this.#log('pocketsphinx'),
        execPath,
        ...(pocketsphinxLibrary === undefined ? {} : { libraryPath: pocketsphinxLibrary }),
        ...(pocketsphinxModel === undefined ? {} : { modelDir: pocketsphinxModel }),
      });
    if (name === 'sherpa')
      return new SherpaEngine({
        log: this.#log('sherpa'),
        execPath,
        modelDir: this.#settings.sherpaModel,
        languages: this.#settings.sherpaLanguage,
        threads: this.#settings.sherpaThreads,
      });
    const script = /^script:([a-z0-9][a-z0-9_-]{0,63})$/.exec(name)?.[1];
    if (script) return new ScriptEngine({ name: script, path: join(dataDir, 'scripts', `${script}.txt`) });
    throw new SalaError(`There is no engine "${name}"`, {
      code: 'engine-unknown',
      hint: 'Choose transcribe, pocketsphinx, sherpa or script:NAME.',
    });
  }
}
