// @ts-check
/** What concerns the whole event: tokens of the relay, text rules, vocabulary, schedule, audit, costs. */

export class EventPanels {
  #call;
  #tell;
  /** @type {HTMLElement | null} */
  #host = null;

  /** @param {{ call: import('./call.js').Call, tell: (message: unknown) => void }} parts */
  constructor({ call, tell }) {
    this.#call = call;
    this.#tell = tell;
  }

  /** Fills `host`. @param {HTMLElement} host */
  open(host) {
    this.#host = host;
  }

  /** Leaves the host empty. */
  close() {
    this.#host?.replaceChildren();
    this.#host = null;
  }
}
