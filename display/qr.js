// @ts-check
/** The QR code by which a room's screen invites phones to read along. */

import { roomPattern } from '../relay/protocol.js';
import encodeQR from './lib/qr.js';

/** @import { Place } from './place.js' */

/** A code of a longer address has too many modules to be read from the back of a room. */
export const maxCodeLength = 300;
/** The light border that ISO/IEC 18004 asks for, in modules. */
export const quietModules = 4;

/**
 * What a phone opens: the room's page for readers, with the right that is meant for them.
 * @param {Place} place @returns {string | null} null: this place cannot be handed on
 */
export function readersAddress({ relay, room, token, readers }) {
  if (!URL.canParse(relay) || !/^https?:$/.test(new URL(relay).protocol) || !roomPattern.test(room)) return null;
  const right = readers || token;
  const address = `${new URL(relay).origin}/rooms/${room}?view=reader${right && `#token=${encodeURIComponent(right)}`}`;
  return address.length > maxCodeLength ? null : address;
}

/** The same in words, without what nobody could type. @param {Place} place */
export const spokenAddress = ({ relay, room }) => `${new URL(relay).host}/rooms/${room}`;

/**
 * Draws a QR code, dark on light in every theme, with its quiet zone around it.
 * @param {string} text @returns {{ image: SVGSVGElement, modules: number }} modules of one side, without the quiet zone
 */
export function drawCode(text) {
  const rows = encodeQR(text, 'raw', { ecc: 'medium', border: quietModules });
  const side = rows.length;
  const image = shape('svg', { viewBox: `0 0 ${side} ${side}`, 'shape-rendering': 'crispEdges' });
  const dark = rows.flatMap((row, y) => row.map((on, x) => (on ? `M${x} ${y}h1v1h-1z` : '')));
  image.append(
    shape('path', { class: 'light', d: `M0 0h${side}v${side}H0z` }),
    shape('path', { class: 'dark', d: dark.join('') }),
  );
  return { image, modules: side - 2 * quietModules };
}

/** @template {'svg' | 'path'} K @param {K} name @param {Record<string, string>} attributes @returns {SVGElementTagNameMap[K]} */
function shape(name, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
