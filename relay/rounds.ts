import { setImmediate } from 'node:timers';

/**
 * Serves every member of a set, soon: what comes up in one turn of the event loop is served together, and many members
 * take several turns. What comes up while a round is under way begins another one after it.
 */
export class Rounds<M> {
  readonly #members: ReadonlySet<M>;
  readonly #maxPerTurn: number;
  readonly #serve: (member: M) => void;
  readonly #begins: () => void;
  #running = false;
  #due = false;

  /** @param begins called when a round begins */
  constructor(members: ReadonlySet<M>, maxPerTurn: number, serve: (member: M) => void, begins: () => void = () => {}) {
    this.#members = members;
    this.#maxPerTurn = maxPerTurn;
    this.#serve = serve;
    this.#begins = begins;
  }

  start(): void {
    this.#due = true;
    if (this.#running) return;
    this.#running = true;
    setImmediate(() => this.#begin());
  }

  #begin(): void {
    this.#due = false;
    this.#begins();
    this.#turn(this.#members.values());
  }

  #turn(members: Iterator<M>): void {
    for (let served = 0; served < this.#maxPerTurn; served++) {
      const { value, done } = members.next();
      if (!done) this.#serve(value);
      else if (this.#due) return void setImmediate(() => this.#begin());
      else {
        this.#running = false;
        return;
      }
    }
    setImmediate(() => this.#turn(members));
  }
}
