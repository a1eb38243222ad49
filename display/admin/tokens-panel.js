// @ts-check
/** Tokens of a room or of the whole relay: made, shown once, exchanged, revoked. */
import { make } from '../make.js';
import { choiceField, momentField, textField } from './fields.js';
import { Form } from './form.js';
import { button, sureButton } from './press.js';
import { secret } from './secret.js';
import { momentIn, momentOr } from './times.js';

/**
 * @typedef {{ id: string, right: string, label: string, createdMs: number, expiresMs: number | null, lastUsedMs: number | null,
 *   successor: string | null }} TokenView
 * @typedef {{ value: string, text: string, address: ((token: string) => string) | null }} Right `address`: of the page
 *   that such a token opens
 */

export class TokensPanel {
  element;
  #call;
  #path;
  #rights;
  #list = make('ul', { class: 'items' });
  #said = make('p', { class: 'said', role: 'status' });
  #shown = make('div');
  /** The list as it was read last. */
  #listed = '';

  /**
   * @param {object} parts
   * @param {import('./call.js').Call} parts.call
   * @param {string} parts.path of the tokens' calls
   * @param {readonly Right[]} parts.rights
   */
  constructor({ call, path, rights }) {
    this.#call = call;
    this.#path = path;
    this.#rights = rights;
    const right = choiceField({
      name: 'right',
      label: 'It may',
      options: rights.map(({ value, text }) => [value, text]),
    });
    const label = textField({
      name: 'label',
      label: 'Label',
      hint: 'Who or what it is for. It stands in this list and in the log of acts',
      attributes: { maxlength: '200' },
    });
    const expires = momentField({ name: 'expires', label: 'Valid until', hint: 'Empty: until it is revoked' });
    const form = new Form({
      fields: [right, label, expires],
      button: 'Make a token',
      places: { 'token-past': 'expires' },
      act: async () => {
        const until = expires.read();
        /** @type {{ token: string }} */
        const { token } = await call('POST', path, {
          right: right.read(),
          label: label.read(),
          ...(until === null ? {} : { expires: new Date(until).toISOString() }),
        });
        this.#show(token, String(right.read()), String(label.read()));
        label.put('');
        await this.refresh();
      },
    });
    this.element = make(
      'div',
      {},
      this.#shown,
      make('h3', {}, 'A new one'),
      form.element,
      make('h3', {}, 'In use'),
      this.#said,
      this.#list,
    );
  }

  async refresh() {
    try {
      /** @type {{ tokens: TokenView[] }} */
      const { tokens } = await this.#call('GET', this.#path);
      const shown = JSON.stringify(tokens);
      if (shown === this.#listed) return; // somebody may be about to press in it
      this.#listed = shown;
      this.#list.replaceChildren(...tokens.map((each) => this.#item(each)));
      if (tokens.length === 0) this.#list.replaceChildren(make('li', {}, 'There are none.'));
    } catch (error) {
      this.#tell(error);
    }
  }

  /** @param {unknown} message */
  #tell(message) {
    this.#said.textContent = message instanceof Error ? message.message : String(message);
    this.#said.classList.toggle('error', message instanceof Error);
  }

  /** @param {string} token @param {string} right @param {string} label */
  #show(token, right, label) {
    const kind = this.#rights.find(({ value }) => value === right);
    const { element, show } = secret({
      token,
      title: label ? `New token: ${label}` : 'New token',
      address: kind?.address?.(token) ?? null,
      done: () => this.#shown.replaceChildren(),
    });
    this.#shown.replaceChildren(element);
    show();
  }

  /** @param {TokenView} view */
  #item({ id, right, label, createdMs, expiresMs, lastUsedMs, successor }) {
    const name = label || `token ${id}`;
    const may = this.#rights.find(({ value }) => value === right)?.text ?? right;
    const facts = [
      may,
      `made ${momentIn(createdMs)}`,
      `last used: ${momentOr(lastUsedMs, 'never')}`,
      ...(expiresMs === null ? [] : [`${expiresMs < Date.now() ? 'expired' : 'valid until'} ${momentIn(expiresMs)}`]),
      ...(successor ? [`replaced by ${successor}`] : []),
    ];
    const revoke = sureButton({
      text: 'Revoke',
      sure: 'Revoke now?',
      label: `Revoke ${name}`,
      act: async () => {
        try {
          await this.#call('DELETE', `${this.#path}/${encodeURIComponent(id)}`);
          this.#tell(`${name} is revoked. What was connected with it is cut off.`);
          await this.refresh();
        } catch (error) {
          this.#tell(error);
        }
      },
    });
    const rotate = button(
      'Exchange',
      async () => {
        try {
          /** @type {{ token: string }} */
          const { token } = await this.#call('POST', `${this.#path}/${encodeURIComponent(id)}/rotation`, {});
          this.#show(token, right, label);
          this.#tell(`${name} has a successor; the old one is valid for another 24 hours.`);
          await this.refresh();
        } catch (error) {
          this.#tell(error);
        }
      },
      { 'aria-label': `Exchange ${name} for a new one` },
    );
    return make(
      'li',
      { 'data-token': id },
      make('div', {}, make('strong', {}, name), make('small', {}, facts.join(' · '))),
      make('div', { class: 'buttons' }, ...(successor ? [] : [rotate]), revoke),
    );
  }
}
