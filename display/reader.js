// @ts-check
/** The captions of whoever reads along on a phone or laptop. */
import { Captions } from './captions.js';
import { Rows } from './rows.js';

/** @import { Durable, Tail } from './messages.js' */
/** @import { View, ViewParts } from './view.js' */

/** @implements {View} */
export class Reader {
  #captions = new Captions();
  #rows;
  #onStage;

  /** @param {ViewParts} parts */
  constructor({ container, onStage }) {
    this.#rows = new Rows(container);
    this.#onStage = onStage;
  }

  /** @param {Durable} message */
  message(message) {
    this.#captions.apply(message);
    this.#draw();
  }

  /** @param {Tail | null} tail */
  setTail(tail) {
    this.#captions.setTail(tail);
    this.#draw();
  }

  reset() {
    this.#captions.reset();
    this.#onStage('before');
    this.#draw();
  }

  #draw() {
    this.#rows.render(this.#captions.list, this.#captions.tail);
    if (this.#captions.list.length > 0 || this.#captions.tail) this.#onStage('talk');
  }
}
