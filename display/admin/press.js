// @ts-check
/** Buttons of the admin page. */
import { make } from '../make.js';

/** The second press within this time does it. */
const sureWithinMs = 4000;

/**
 * A button that cannot be pressed again while its act is under way; it keeps the focus meanwhile.
 * @param {string} text @param {() => unknown} act @param {Record<string, string>} [attributes]
 */
export function button(text, act, attributes = {}) {
  const made = make('button', { type: 'button', ...attributes }, text);
  made.addEventListener('click', () => void whileBusy(made, act));
  return made;
}

/** @param {HTMLElement} element @param {() => unknown} act */
export async function whileBusy(element, act) {
  if (element.getAttribute('aria-disabled') === 'true') return;
  element.setAttribute('aria-disabled', 'true');
  try {
    await act();
  } finally {
    element.removeAttribute('aria-disabled');
  }
}

/**
 * A button for what cannot be undone: the first press asks, the second does it.
 * @param {{ text: string, sure: string, act: () => unknown, label?: string }} parts `sure`: what it says after the first
 *   press; `label`: what it is called for those who do not see beside what it stands
 */
export function sureButton({ text, sure, act, label = text }) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let asked;
  const forget = () => {
    clearTimeout(asked);
    asked = undefined;
    made.textContent = text;
    made.setAttribute('aria-label', label);
  };
  const made = button(
    text,
    async () => {
      if (asked === undefined) {
        asked = setTimeout(forget, sureWithinMs);
        made.textContent = sure;
        made.setAttribute('aria-label', `${sure} ${label}`);
        return;
      }
      forget();
      await act();
    },
    { 'aria-label': label, class: 'danger' },
  );
  made.addEventListener('blur', forget);
  return made;
}
