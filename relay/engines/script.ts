import { readFileSync } from 'node:fs';
import { codeOf, type Explained, messageOf, SalaError } from '../../systemd/errors.ts';
import { bytesPerSample } from '../protocol.js';
import type { Engine, EngineListener, EngineSession, SessionSettings } from './engine.ts';
import { loadScript, parseScript, type Script } from './script-file.ts';
import { ScriptSegments } from './script-segments.ts';

/** The name of the built-in script of benchmarks, which needs no file. */
export const loadScriptName = 'load';

export interface ScriptEngineParts {
  /** NAME of `script:NAME`. */
  readonly name: string;
  /** The script's file (DATA-DIR/scripts/NAME.txt); read anew by each session. Not used by `script:load`. */
  readonly path: string;
}

/** Says what a file says at each position of a stream: for tests, rehearsals and benchmarks. Any language will do. */
export class ScriptEngine implements Engine {
  readonly name: string;
  readonly paid = false;
  readonly promptPartials = false;
  readonly #parts: ScriptEngineParts;

  constructor(parts: ScriptEngineParts) {
    this.#parts = parts;
    this.name = `script:${parts.name}`;
  }

  check(): Explained | null {
    return null;
  }

  open({ language }: SessionSettings, listener: EngineListener): EngineSession {
    const session = new ScriptSession(language, listener);
    session.start(() => this.#read());
    return session;
  }

  /** @throws {SalaError} */
  #read(): Script {
    const { name, path } = this.#parts;
    if (name === loadScriptName) return loadScript;
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      throw new SalaError(`The script ${path} cannot be read (${codeOf(error) || messageOf(error)}).`, {
        code: 'script-missing',
        hint: `Put a readable file there, or choose another engine than ${this.name}.`,
        cause: error,
      });
    }
    return parseScript(text, path);
  }
}

class ScriptSession implements EngineSession {
  readonly #language: string;
  readonly #listener: EngineListener;
  #segments: ScriptSegments | null = null;
  #ending = false;
  #over = false;

  constructor(language: string, listener: EngineListener) {
    this.#language = language;
    this.#listener = listener;
  }

  start(read: () => Script): void {
    try {
      this.#segments = new ScriptSegments(read(), this.#language, {
        partial: (result) => this.#tell((listener) => listener.partial(result)),
        final: (result) => this.#tell((listener) => listener.final(result)),
      });
      this.#tell((listener) => listener.ready());
    } catch (error) {
      const { code, hint } = error instanceof SalaError ? error : { code: 'script', hint: 'Report this.' };
      this.#tell((listener) => {
        this.#over = true;
        listener.failed({ kind: 'configuration', code, message: messageOf(error), hint, cause: error });
      });
    }
  }

  write(audio: Uint8Array, origin: { readonly stream: string; readonly position: number } | null): void {
    if (!this.#over && !this.#ending) this.#segments?.pass(Math.floor(audio.length / bytesPerSample), origin);
  }

  end(): void {
    if (this.#over || this.#ending) return;
    this.#ending = true;
    this.#segments?.close();
    this.#tell((listener) => {
      this.#over = true;
      listener.ended();
    });
  }

  abort(): void {
    this.#over = true;
  }

  /** In order, and never within the caller's own call, as from any other engine. */
  #tell(call: (listener: EngineListener) => void): void {
    queueMicrotask(() => {
      if (!this.#over) call(this.#listener);
    });
  }
}
