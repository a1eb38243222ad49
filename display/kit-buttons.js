// @ts-check
/** What the kit's page can do for whoever knows the PIN of the room's sheet. */

/** A second press within this time does it. */
const armedMs = 5000;

/** @typedef {{ buttons: string[], open: boolean }} Session */

export class StaffButtons {
  #element;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #armed;

  /** @param {(id: string) => HTMLElement} element */
  constructor(element) {
    this.#element = element;
  }

  start() {
    this.#element('pin-form').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#open();
    });
    this.#element('identify').addEventListener('click', () =>
      this.#do('POST', '/identify', 'Its light flickers for 30 seconds.'),
    );
    this.#element('restart').addEventListener('click', () => this.#restart());
    this.#element('close').addEventListener('click', async () => {
      await this.#do('DELETE', '/session', '');
      await this.#look();
    });
    void this.#look();
  }

  /** Shows what there is. */
  async #look() {
    /** @type {Session} */
    let session = { buttons: [], open: false };
    try {
      session = await (await fetch('/session', { cache: 'no-store' })).json();
    } catch {
      // The page says already that the kit does not answer.
    }
    this.#element('staff').hidden = session.buttons.length === 0;
    this.#element('pin-form').hidden = session.open;
    this.#element('buttons').hidden = !session.open;
    for (const name of ['identify', 'diagnostics', 'restart'])
      this.#element(name).hidden = !session.buttons.includes(name);
  }

  async #open() {
    const input = this.#element('pin');
    if (!(input instanceof HTMLInputElement)) return;
    const pin = input.value;
    input.value = '';
    const isOpen = await this.#do('POST', '/session', '', JSON.stringify({ pin }));
    await this.#look();
    if (isOpen) this.#element('identify').focus();
    else input.focus();
  }

  /** It takes a second press: sound is missing meanwhile. */
  #restart() {
    const button = this.#element('restart');
    if ('armed' in button.dataset) {
      this.#disarm();
      void this.#do('POST', '/restart', 'The device restarts. Its sound is back in some seconds.', '{}');
      return;
    }
    button.dataset.armed = '';
    button.textContent = 'Press again: sound will be missing for some seconds';
    this.#armed = setTimeout(() => this.#disarm(), armedMs);
  }

  #disarm() {
    clearTimeout(this.#armed);
    const button = this.#element('restart');
    delete button.dataset.armed;
    button.textContent = 'Restart the device';
  }

  /** Whether it was done; what came of it is told. @param {string} method @param {string} path @param {string} done @param {string} [body] */
  async #do(method, path, done, body = '{}') {
    this.#tell('');
    try {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(path, { method, headers, body });
      if (!response.ok) {
        const { error } = await response.json();
        if (response.status === 401 && path !== '/session') await this.#look();
        this.#tell(`${error.message}. ${error.hint}`);
        return false;
      }
      this.#tell(done);
      return true;
    } catch {
      this.#tell('The kit does not answer. Check that this phone is on the same network.');
      return false;
    }
  }

  /** @param {string} words */
  #tell(words) {
    this.#element('told').textContent = words;
  }
}
