import type { Health, KitNote } from './protocol.js';

/** A supply that gives way does so under load, again and again: it is told for so long. */
const powerForMs = 10 * 60_000;
/** Less is too little for a day without the network. */
const minFreeBytes = 500e6;

/** What a room's screen tells of the kit at the mixer before a talk: what staff in the room can do something about, and no more. */
export class KitNotes {
  readonly #now: () => number;
  #lowAtMs = Number.NEGATIVE_INFINITY;

  /** @param now monotonic, ms */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @param health what the kit said last; null: there is none */
  of(health: Health | null): KitNote[] {
    if (!health) {
      // Another one may come.
      this.#lowAtMs = Number.NEGATIVE_INFINITY;
      return [];
    }
    if (health.power?.low) this.#lowAtMs = this.#now();
    const notes: KitNote[] = [];
    if (this.#now() - this.#lowAtMs < powerForMs) notes.push('power');
    const { state, buffer, disk } = health;
    const isFull = disk !== undefined && disk.freeBytes < minFreeBytes;
    if (/^(disk|buffer)-/.test(state) || (buffer && buffer.state !== 'ok') || isFull) notes.push('card');
    return notes;
  }
}
