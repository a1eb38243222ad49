// @ts-check
/** A token that is shown this once: to be copied, or taken along by a phone's camera. */
import { make } from '../make.js';
import { drawCode } from '../qr.js';
import { button } from './press.js';

/** A code of more has too many modules for a phone that is held up to a screen. */
const maxCodeLength = 300;

/**
 * @param {object} parts
 * @param {string} parts.token
 * @param {string} parts.title what it is for
 * @param {string | null} parts.address the page that it opens, with the token; null: there is none
 * @param {() => void} parts.done the organizer has it
 */
export function secret({ token, title, address, done }) {
  const said = make('p', { class: 'said', role: 'status' });
  const copy = (/** @type {string} */ text, /** @type {HTMLInputElement} */ field) => async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = 'Copied.';
    } catch {
      field.focus(); // without TLS a browser lets no page write to the clipboard
      said.textContent = 'The browser does not let this page copy. It is selected: copy it by hand.';
    }
  };
  /** @param {string} label @param {string} text */
  const line = (label, text) => {
    const field = make('input', { readonly: '', value: text, 'aria-label': label, spellcheck: 'false' });
    return make('div', { class: 'copied' }, field, button(`Copy the ${label.toLowerCase()}`, copy(text, field)));
  };
  const heading = make('h3', { tabindex: '-1' }, title);
  const element = make(
    'div',
    { class: 'secret' },
    heading,
    make('p', {}, 'It is shown this once. The relay keeps no copy that could be read.'),
    line('Token', token),
    ...(address ? [line('Address', address)] : []),
    code(address ?? token, address ? `QR code of the address: ${title}` : `QR code of the token: ${title}`),
    make('div', { class: 'buttons' }, button('I have it', done)),
    said,
  );
  return { element, show: () => heading.focus() };
}

/** @param {string} text @param {string} label */
export function code(text, label) {
  if (text.length > maxCodeLength) return make('p', {}, 'The address is too long for a QR code.');
  const { image } = drawCode(text);
  image.setAttribute('role', 'img');
  image.setAttribute('aria-label', label);
  return make('div', { class: 'code' }, image);
}
