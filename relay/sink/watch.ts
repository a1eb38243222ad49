import { setImmediate } from 'node:timers/promises';
import type { Logger } from '../../systemd/log.ts';
import { type Clock, Loop, realClock } from '../patience.ts';
import type { Outbox } from './outbox.ts';
import type { RelayTalks } from './relay-talks.ts';
import type { Sink } from './sink.ts';

const lookEveryMs = 30_000;

export interface SinkWatchParts {
  readonly sink: Pick<Sink, 'live' | 'canonical' | 'deleted'> & { readonly outbox: Pick<Outbox, 'talks' | 'sent'> };
  readonly talks: Pick<RelayTalks, 'marks'>;
  readonly log: Logger;
  readonly clock?: Clock;
}

/**
 * Looks at all talks twice a minute, and gives the sink those that are other than when they were last given to it: so
 * nothing is missed, whatever changed them, also while the sink was off or the relay down.
 */
export class SinkWatch {
  readonly #parts: SinkWatchParts;
  readonly #clock: Clock;
  readonly #loop = new Loop(
    (signal) => this.#next(signal),
    (err) => this.#failed(err),
  );

  constructor(parts: SinkWatchParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? realClock;
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  /** One look at all of them. */
  async look(): Promise<void> {
    const { sink, talks } = this.#parts;
    const there = new Set<string>();
    for (const { room, talk, live, canonical } of talks.marks()) {
      there.add(`${room}/${talk}`);
      const sent = sink.outbox.sent(room, talk);
      if (sent?.live !== live) sink.live(room, talk, live);
      if ((sent?.canonical ?? '') !== canonical) sink.canonical(room, talk, canonical);
      // Between two talks everyone else has a turn.
      await setImmediate();
    }
    for (const { room, talk } of sink.outbox.talks()) if (!there.has(`${room}/${talk}`)) sink.deleted(room, talk);
  }

  async #next(signal: AbortSignal): Promise<void> {
    await this.look().catch((error: unknown) => this.#failed(error));
    await this.#clock.sleep(lookEveryMs, signal);
  }

  #failed(err: unknown): void {
    this.#parts.log.warn({ err, event: 'sink-look' }, 'Talks cannot be looked through for the sink');
  }
}
