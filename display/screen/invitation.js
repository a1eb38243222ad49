// @ts-check
/** How a room's screen invites phones: a QR code with a word or two, in a corner or as a slide before the talk. */
import { readersAddress, spokenAddress } from '../place.js';
import { drawCode } from '../qr.js';

/** @import { Place } from '../place.js' */
/** @import { Strings } from '../strings.js' */

/**
 * Shows the code, where the place can be handed on.
 * @param {(id: string) => HTMLElement} element @param {'corner' | 'slide'} kind @param {Place} place @param {Strings} strings
 */
export function showInvitation(element, kind, place, strings) {
  const address = readersAddress(place);
  const container = element('invitation');
  if (address !== null) {
    const { image, modules } = drawCode(address);
    image.setAttribute('role', 'img');
    image.setAttribute('aria-label', strings.readAlong);
    element('code').replaceChildren(image);
    element('code-words').textContent = strings.readAlong;
    element('code-address').textContent = spokenAddress(place);
    const { documentElement: root } = document;
    root.style.setProperty('--modules', String(modules));
    root.dataset.qr = kind;
    container.hidden = false;
  }
  return {
    /** A screen whose own right has ended hands on nothing. @param {boolean} refused */
    setRefused(refused) {
      container.toggleAttribute('data-void', refused && !place.readers);
    },
  };
}
