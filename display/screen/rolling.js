// @ts-check
/** Rows that move up smoothly when new ones come below them. Only `transform` changes, which costs a small kit little. */

const rollMs = 260;
/** Fast at once, as the words are there already; soft at the end. */
const easing = 'cubic-bezier(0.25, 0.6, 0.3, 1)';

export class Rolling {
  #element;
  #isStill;
  /** @type {Animation | null} */
  #animation = null;

  /** @param {HTMLElement} element @param {() => boolean} isStill whether the reader wants no movement */
  constructor(element, isStill) {
    this.#element = element;
    this.#isStill = isStill;
  }

  /** The element has grown at its lower end by `px`: it rolls there from where it is seen now. @param {number} px */
  push(px) {
    const from = this.#offset() + px;
    this.stop();
    if (this.#isStill()) return;
    this.#animation = this.#element.animate([{ transform: `translateY(${from}px)` }, { transform: 'translateY(0)' }], {
      duration: rollMs,
      easing,
      // A browser short of time may let it begin a moment later: until then the rows wait where it begins.
      fill: 'backwards',
    });
  }

  /** The element is where it belongs, at once. */
  stop() {
    this.#animation?.cancel();
    this.#animation = null;
  }

  /** How far below its place it is seen now, px. */
  #offset() {
    if (this.#animation?.playState !== 'running') return 0;
    return new DOMMatrixReadOnly(getComputedStyle(this.#element).transform).m42;
  }
}
