// @ts-check
/** The form that asks for the admin token. The token goes to the relay once and is not kept: a cookie that no script sees
 * takes its place. */
import { make } from '../make.js';
import { ApiError, SignedOut, wordsOf } from './call.js';
import { whileBusy } from './press.js';

export class Login {
  #form;
  #field;
  #error = make('p', { id: 'entry-error', class: 'error', role: 'alert' });

  /** @param {{ form: HTMLFormElement, enter: (token: string) => Promise<void>, tell: (message: unknown) => void }} parts
   *   `enter` throws where the relay does not let in */
  constructor({ form, enter, tell }) {
    this.#form = form;
    const [field, button] = [form.querySelector('input'), form.querySelector('button')];
    if (!field || !button) throw new Error('The login form has no field');
    this.#field = field;
    field.after(this.#error);
    field.setAttribute('aria-describedby', this.#error.id);
    field.addEventListener('input', () => this.#fail(''));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      tell('');
      void whileBusy(button, () => this.#try(enter));
    });
  }

  /** What was typed stays where it let nobody in, to be corrected or tried again. @param {(token: string) => Promise<void>} enter */
  async #try(enter) {
    this.#fail('');
    try {
      await enter(this.#field.value.trim());
      this.#field.value = '';
    } catch (error) {
      this.#fail(refusalIn(error));
      this.#field.select();
    }
  }

  /** @param {string} message */
  #fail(message) {
    this.#error.textContent = message;
    if (message) this.#field.setAttribute('aria-invalid', 'true');
    else this.#field.removeAttribute('aria-invalid');
  }

  ask() {
    this.#form.hidden = false;
    this.#field.focus();
  }

  done() {
    this.#form.hidden = true;
    this.#fail('');
  }
}

/** @param {unknown} error */
function refusalIn(error) {
  if (error instanceof SignedOut)
    return 'This relay does not know this admin token. It is in the file that the relay was started with, or was made on this page.';
  if (error instanceof ApiError && error.status === 403)
    return error.code === 'token-wrong-right'
      ? 'This token does not let administer: an admin token is needed.'
      : error.message;
  return wordsOf(error) === '' ? 'The relay did not let you in.' : wordsOf(error);
}
