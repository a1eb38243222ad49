// @ts-check
/** A section beside the wall, or in its place on a small screen: opened from the wall, closed back to it. */

export class Side {
  #section;
  #closed;
  #title;
  #host;
  /** @type {Element | null} */
  #from = null;

  /** @param {HTMLElement} section @param {{ closed: () => void }} parts */
  constructor(section, { closed }) {
    this.#section = section;
    this.#closed = closed;
    const [title, host] = [section.querySelector('h2'), section.querySelector('.host')];
    if (!title || !(host instanceof HTMLElement)) throw new Error('A side has a title and a host');
    this.#title = title;
    this.#host = host;
    section.querySelector('.close')?.addEventListener('click', () => this.close());
    section.addEventListener('keydown', ({ key, target }) => {
      // In a field Escape is the field's own.
      if (key === 'Escape' && !(target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement))
        this.close();
    });
  }

  get isOpen() {
    return !this.#section.hidden;
  }

  /** @param {string} title @returns {HTMLElement} what to fill */
  open(title) {
    this.#from = document.activeElement;
    this.#title.textContent = title;
    this.#section.hidden = false;
    document.body.classList.add('beside');
    this.#section.scrollTop = 0;
    this.#title.focus();
    return this.#host;
  }

  /** Idempotent; the focus goes back to where it was. */
  close() {
    if (!this.isOpen) return;
    this.#section.hidden = true;
    document.body.classList.remove('beside');
    this.#closed();
    this.#host.replaceChildren();
    if (this.#from instanceof HTMLElement && this.#from.isConnected) this.#from.focus();
    this.#from = null;
  }
}
