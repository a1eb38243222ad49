import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from '../../systemd/log.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { recordingOf, type TalkAddress } from './contract.ts';
import { type Exit, exits, faultOf, type JobFault } from './job-fault.ts';
import { Publishing } from './publishing.ts';

export interface SweepParts {
  readonly store: ObjectStore;
  /** Does one recording and tells what came of it. @throws {JobFault} */
  readonly work: (key: string) => Promise<void>;
  /** Also what has a transcript that counts. */
  readonly replace: boolean;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly random: () => number;
}

/** What is known of a recording that was not done. */
interface Trouble {
  readonly failures: number;
  readonly notBeforeMs: number;
}

/** From one attempt to the next: doubling, up to an hour. */
const firstPauseMs = 60_000;
const maxPauseMs = 3_600_000;

const nameOf = ({ event, room, talk }: TalkAddress) => `${event}/${room}/${talk}`;

/** The recordings of a store that have no canonical transcript yet, one after the other. */
export class Sweep {
  readonly #parts: SweepParts;
  readonly #publishing: Publishing;
  /** By key and etag: done, or failed for good. */
  readonly #settled = new Set<string>();
  readonly #troubles = new Map<string, Trouble>();

  constructor(parts: SweepParts) {
    this.#parts = parts;
    this.#publishing = new Publishing({ store: parts.store, now: parts.now, signal: parts.signal });
  }

  /** @returns the gravest of what happened: 75 where another run may do more, else 78, 70 or 65, else 0 */
  async once(): Promise<Exit> {
    let gravest: Exit = exits.done;
    for (const { key, id } of await this.#manifests()) {
      const fault = await this.#do(key, id);
      if (fault && (gravest === exits.done || gravest < fault.exit || fault.exit === exits.again))
        gravest = gravest === exits.again ? gravest : fault.exit;
    }
    return gravest;
  }

  /** Goes on until the signal says otherwise; what may work another time is tried again, ever more rarely. */
  async watch(everyMs: number): Promise<never> {
    const { signal, log } = this.#parts;
    let told = '';
    for (;;) {
      try {
        await this.once();
        told = '';
      } catch (error) {
        signal.throwIfAborted();
        const { code, message, hint } = faultOf(error);
        if (told !== code) log.error({ event: 'fault', code, hint }, message);
        told = code;
      }
      await wait(everyMs, undefined, { signal });
    }
  }

  async #do(key: string, id: string): Promise<JobFault | null> {
    const { work, signal, now, random } = this.#parts;
    if ((this.#troubles.get(id)?.notBeforeMs ?? 0) > now()) return null;
    try {
      if (!(await this.#counts(key))) await work(key);
      this.#settle(id);
      return null;
    } catch (error) {
      signal.throwIfAborted();
      const fault = faultOf(error);
      if (fault.isFinal) this.#settle(id);
      else {
        const failures = (this.#troubles.get(id)?.failures ?? 0) + 1;
        const pauseMs = Math.min(maxPauseMs, firstPauseMs * 2 ** (failures - 1));
        this.#troubles.set(id, { failures, notBeforeMs: now() + pauseMs * (0.5 + random() / 2) });
      }
      return fault;
    }
  }

  #settle(id: string): void {
    this.#settled.add(id);
    this.#troubles.delete(id);
  }

  /** Whether a transcript of this recording, or of a later one, counts. */
  async #counts(key: string): Promise<boolean> {
    const recording = recordingOf(key);
    if (!recording || this.#parts.replace) return false;
    return ((await this.#publishing.pointer(recording))?.revision ?? 0) >= recording.revision;
  }

  /** Of each talk the latest recording, unless it is settled. */
  async #manifests(): Promise<{ key: string; id: string }[]> {
    const { store, signal } = this.#parts;
    const latest = new Map<string, { key: string; id: string; revision: number }>();
    let after: string | undefined;
    for (;;) {
      const { objects, more } = await store.list('recordings/v1/', after, signal);
      for (const { key, etag } of objects) {
        const recording = recordingOf(key);
        if (!recording) continue;
        const { revision } = recording;
        if (revision > (latest.get(nameOf(recording))?.revision ?? 0))
          latest.set(nameOf(recording), { key, id: `${key} ${etag}`, revision });
      }
      after = objects.at(-1)?.key;
      if (!more || after === undefined) return [...latest.values()].filter(({ id }) => !this.#settled.has(id));
    }
  }
}
