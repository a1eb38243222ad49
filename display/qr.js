// @ts-check
/** The QR code by which a room's screen invites phones to read along. */
import encodeQR from './lib/qr.js';

/** The light border that ISO/IEC 18004 asks for, in modules. */
export const quietModules = 4;

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
