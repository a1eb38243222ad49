// @ts-check
/** Puts captions into the document: one paragraph each, keyed by `seq`, so that what is shown already stays put. */

/** @import { ShownCaption, Tail } from './messages.js' */

export class Rows {
  #container;
  /** @type {Map<number, HTMLElement>} */
  #shown = new Map();
  #tail;

  /** @param {HTMLElement} container */
  constructor(container) {
    this.#container = container;
    this.#tail = paragraph('tail');
  }

  /** Makes the document show exactly these. @param {readonly ShownCaption[]} captions @param {Tail | null} tail */
  render(captions, tail) {
    const wanted = new Map(captions.map((each) => [each.seq, each]));
    for (const [seq, element] of this.#shown) {
      if (wanted.has(seq)) continue;
      element.remove();
      this.#shown.delete(seq);
    }
    let at = this.#container.firstElementChild;
    for (const caption of captions) {
      const element = this.#shown.get(caption.seq) ?? paragraph('final');
      this.#shown.set(caption.seq, element);
      write(element, caption);
      if (element === at) at = at.nextElementSibling;
      else this.#container.insertBefore(element, at);
    }
    if (tail) {
      write(this.#tail, tail);
      if (this.#container.lastElementChild !== this.#tail) this.#container.append(this.#tail);
    } else this.#tail.remove();
  }
}

/** @param {string} name */
function paragraph(name) {
  const element = document.createElement('p');
  element.className = name;
  // Each caption decides its own direction: an Arabic speaker may follow an Italian one.
  element.dir = 'auto';
  return element;
}

/** @param {HTMLElement} element @param {{ text: string, language: string }} words */
function write(element, { text, language }) {
  if (element.lang !== language) element.lang = language;
  if (element.textContent !== text) element.textContent = text;
}
