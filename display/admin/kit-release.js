// @ts-check
/** Which release all kits are offered, of those that were uploaded. */
import { make } from '../make.js';
import { wordsOf } from './call.js';
import { sureButton } from './press.js';
import { momentIn } from './times.js';

/** @typedef {{ version: string, created: string, bytes: number, complete: boolean, offered: boolean }} ReleaseView */

const path = '/api/releases';

export class KitRelease {
  element;
  #call;
  #choice = make('select', { 'aria-label': 'Release for all kits' });
  #offer;
  #said = make('p', { class: 'said', role: 'status' });
  /** The version that is offered; empty: none. */
  #offered = '';

  /** @param {{ call: import('./call.js').Call }} parts */
  constructor({ call }) {
    this.#call = call;
    this.#choice.addEventListener('change', () => this.#arm());
    this.#offer = sureButton({
      text: 'Offer',
      sure: 'Offer now?',
      label: 'Offer to all kits',
      act: () => this.#put(this.#choice.value),
    });
    this.element = make(
      'div',
      { hidden: '' },
      make('h3', {}, 'Release'),
      make(
        'p',
        { class: 'hint' },
        'Each kit fetches what is offered at once, and goes over to it when its room rests.',
      ),
      make('div', { class: 'kit-release' }, this.#choice, this.#offer),
      this.#said,
    );
  }

  async refresh() {
    try {
      /** @type {{ releases: ReleaseView[] }} */
      const { releases } = await this.#call('GET', path);
      this.#show(releases);
    } catch (error) {
      this.#tell(error);
    }
  }

  /** @param {ReleaseView[]} releases */
  #show(releases) {
    const whole = releases.filter(({ complete }) => complete);
    this.element.hidden = whole.length === 0;
    this.#offered = whole.find(({ offered }) => offered)?.version ?? '';
    this.#choice.replaceChildren(
      make('option', { value: '' }, 'None: kits stay with what they run'),
      ...whole.map(({ version, created, offered }) =>
        make('option', { value: version }, `${version}, ${momentIn(Date.parse(created))}${offered ? ': offered' : ''}`),
      ),
    );
    this.#choice.value = this.#offered;
    this.#arm();
  }

  #arm() {
    this.#offer.hidden = this.#choice.value === this.#offered;
  }

  /** @param {string} version empty: none */
  async #put(version) {
    try {
      /** @type {{ releases: ReleaseView[] }} */
      const { releases } = await this.#call('PUT', `${path}/offered`, { version: version || null });
      this.#show(releases);
      this.#tell(version ? `All kits are offered ${version}.` : 'No release is offered any more.');
    } catch (error) {
      this.#tell(error);
    }
  }

  /** @param {unknown} message */
  #tell(message) {
    this.#said.textContent = message instanceof Error ? wordsOf(message) : String(message);
    this.#said.classList.toggle('error', message instanceof Error);
    if (message instanceof Error) this.element.hidden = false;
  }
}
