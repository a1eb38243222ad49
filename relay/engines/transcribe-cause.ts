import type { Explained } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import type { EngineFailure } from './engine.ts';
import { probe } from './transcribe-probe.ts';

export interface CauseParts {
  readonly log: Logger;
  /** Monotonic, ms. */
  readonly now: () => number;
  readonly proxy?: string | undefined;
  /** A probe, and how long what it found is believed. */
  readonly everyMs?: number;
}

interface Found {
  readonly atMs: number;
  readonly cause: Promise<Explained | null>;
  /** Once it is known. */
  known: Explained | null;
}

/**
 * Why there is no connection, looked for beside the attempts: a failure is told at once, and once a probe has found its cause, the
 * next ones say it. One probe a minute and place, however many rooms fail.
 */
export class CauseFinder {
  readonly #parts: CauseParts;
  /** By origin: as many as there are regions in use. */
  readonly #found = new Map<string, Found>();
  readonly #origins = new WeakMap<EngineFailure, string>();

  constructor(parts: CauseParts) {
    this.#parts = parts;
  }

  /** The failure, with its cause as far as it is known; begins to look for it where it is not. */
  explained(failure: EngineFailure, target: URL): EngineFailure {
    const { known } = this.#look(target);
    const told = known ? { ...failure, ...known } : { ...failure };
    this.#origins.set(told, target.origin);
    return told;
  }

  /** What the probe for this failure finds; null for failures that say themselves why. */
  async find(failure: EngineFailure): Promise<Explained | null> {
    const origin = this.#origins.get(failure);
    return origin === undefined ? null : this.#look(new URL(origin)).cause;
  }

  #look(target: URL): Found {
    const { now, proxy, log, everyMs = 60_000 } = this.#parts;
    const before = this.#found.get(target.origin);
    if (before && now() - before.atMs < everyMs) return before;
    const cause = probe(target, { proxy }).catch((error: unknown) => {
      log.warn({ err: error }, 'The search for the cause of a failed connection failed itself');
      return null;
    });
    // What was found a moment ago stands until the new answer is there.
    const stillKnown = before && now() - before.atMs < 2 * everyMs ? before.known : null;
    const found: Found = { atMs: now(), cause, known: stillKnown };
    this.#found.set(target.origin, found);
    void cause.then((known) => {
      found.known = known;
      if (known) log.warn({ event: 'connection-cause', ...known }, 'Why Amazon Transcribe cannot be reached');
    });
    return found;
  }
}
