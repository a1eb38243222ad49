// @ts-check
/** The form that asks for the admin token. */

export class Login {
  #form;
  #field;

  /** @param {{ form: HTMLFormElement, enter: (token: string) => Promise<void>, tell: (message: unknown) => void }} parts */
  constructor({ form, enter, tell }) {
    this.#form = form;
    const field = form.querySelector('input');
    if (!field) throw new Error('The login form has no field');
    this.#field = field;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const token = field.value.trim();
      field.value = '';
      try {
        await enter(token);
      } catch (error) {
        tell(error);
      }
    });
  }

  ask() {
    this.#form.hidden = false;
    this.#field.focus();
  }

  done() {
    this.#form.hidden = true;
  }
}
