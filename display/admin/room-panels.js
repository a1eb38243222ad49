// @ts-check
/** What can be set and seen of one room, as tabs in a section. */

/** @typedef {import('./live.js').RoomView} RoomView */

export class RoomPanels {
  #call;
  #tell;
  /** @type {HTMLElement | null} */
  #host = null;

  /** @param {{ call: import('./call.js').Call, tell: (message: unknown) => void }} parts */
  constructor({ call, tell }) {
    this.#call = call;
    this.#tell = tell;
  }

  /** Fills `host`. @param {RoomView} view @param {HTMLElement} host */
  open(view, host) {
    this.#host = host;
    this.update(view);
  }

  /** The room as it is now. @param {RoomView} _view */
  update(_view) {}

  /** Leaves the host empty. */
  close() {
    this.#host?.replaceChildren();
    this.#host = null;
  }
}
