import encodeQr from 'qr';
import { html, type Markup } from './markup.ts';

/** The light border that ISO/IEC 18004 asks for, in modules. */
const quietModules = 4;

/** A QR code with its border. */
export function qrCode(text: string, label: string): Markup {
  const rows = encodeQr(text, 'raw', { ecc: 'medium', border: quietModules });
  const side = rows.length;
  const dark = rows.flatMap((row, y) => row.map((on, x) => (on ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  return html`<svg class="code" viewBox="0 0 ${side} ${side}" shape-rendering="crispEdges" role="img" aria-label="${label}"><path class="light" d="M0 0h${side}v${side}H0z"/><path d="${dark}"/></svg>`;
}

/** How long a drawn light is looked at. */
const lightMs = 4000;

/** Four seconds of a light that is on and off in turn. */
export function lightCode([onMs, offMs]: readonly [onMs: number, offMs: number], label: string): Markup {
  const starts = Array.from({ length: Math.ceil(lightMs / (onMs + offMs)) }, (_, turn) => turn * (onMs + offMs));
  // A flash shorter than a printer's line is drawn as long as one.
  const flashes = starts.map(
    (start) =>
      `M${start} 0h${Math.max(60, Math.min(onMs, lightMs - start))}v400h-${Math.max(60, Math.min(onMs, lightMs - start))}z`,
  );
  return html`<svg class="light-code" viewBox="0 0 ${lightMs} 400" preserveAspectRatio="none" role="img" aria-label="${label}"><path class="off" d="M0 0h${lightMs}v400H0z"/><path class="on" d="${flashes.join('')}"/></svg>`;
}
