// @ts-check
/** The captions of a room's screen. */
import { Captions } from './captions.js';
import { Rows } from './rows.js';

/** @import { Durable, Tail } from './messages.js' */
/** @import { View, ViewParts } from './view.js' */

/** @implements {View} */
export class Screen {
  #captions = new Captions();
  #rows;
  #onStage;
  #drawing = false;

  /** @param {ViewParts} parts */
  constructor({ container, parameters: { lines, size }, onStage }) {
    const { documentElement: root } = document;
    root.toggleAttribute('data-lines', lines !== null);
    if (lines !== null) root.style.setProperty('--lines', String(lines));
    root.style.setProperty('--size', String(size));
    const ground = document.createElement('div');
    ground.id = 'rows';
    container.append(ground);
    this.#rows = new Rows(ground);
    this.#onStage = onStage;
  }

  /** @param {Durable} message */
  message(message) {
    this.#captions.apply(message);
    this.#changed();
  }

  /** @param {Tail | null} tail */
  setTail(tail) {
    this.#captions.setTail(tail);
    this.#changed();
  }

  reset() {
    this.#captions.reset();
    this.#onStage('before');
    this.#changed();
  }

  /** Everything that happens before the next frame is drawn at once: a whole day may come in one go after a reset. */
  #changed() {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#drawing = false;
    this.#rows.render(this.#captions.list, this.#captions.tail);
    if (this.#captions.list.length > 0 || this.#captions.tail) this.#onStage('talk');
  }
}
