import { stringsFor } from '../../../display/strings.js';
import { ledPatterns } from '../../../systemd/agent/led.ts';
import type { Inventory, Kit, Room } from '../inventory.ts';
import { adminAddress, statusAddress } from './addresses.ts';
import { lightCode, qrCode } from './drawings.ts';
import { html, type Markup, none } from './markup.ts';

/** What staff of a room get: how to plug in, what lights and words mean, what to do. */

const words = stringsFor(['en']);

const titles = { device: 'Sound kit', display: 'Screen kit', solo: 'The kit' } as const;

const usbStep = html`<li>Plug the <b>USB cable of the mixer</b> into any USB socket of the kit. The mixer is on.</li>`;
const screenStep = ({ screen }: Kit) =>
  html`<li>Plug the <b>HDMI cable of the screen</b> into the kit’s ${screen?.connector === 'HDMI-A-2' ? 'HDMI socket farther from' : 'HDMI socket next to'} its power socket. Switch the screen on, to that input.</li>`;

function networkStep({ network: { wired, wifi } }: Kit): Markup {
  const names = wifi.map(({ ssid }) => html` <b>${ssid}</b>`);
  if (wired === 'off') return html`<li>Nothing for the network: it joins the Wi-Fi${names} by itself.</li>`;
  const otherwise = names.length > 0 ? html` Without one it joins the Wi-Fi${names} by itself.` : none;
  const fixed =
    typeof wired === 'object'
      ? html` Use the socket that is meant for it: its address is fixed (${wired.address}).`
      : none;
  return html`<li>Plug in the <b>network cable</b>.${fixed}${otherwise}</li>`;
}

const powerStep = html`<li>Plug in <b>power</b>. There is no switch and nothing to type. Half a minute later it works, or says what is wrong.</li>`;

/** MAC addresses that the makers of the Raspberry Pi were given. */
const makers = 'b8:27:eb, dc:a6:32, e4:5f:01, 28:cd:c1, d8:3a:dd, 2c:cf:67 or 88:a2:9e';

const macPart = ({ name, mac }: Kit) =>
  html`<p><span class="mono">${name}</span> MAC ${mac === undefined ? html`<span class="blank"></span>` : html`<b class="mono">${mac}</b>`}</p>`;

function statusPart(kit: Kit, pin: string): Markup {
  const address = statusAddress(kit);
  if (address === null) return none;
  return html`<div class="with-code">${qrCode(address, `QR code: status of ${kit.name}`)}<div><b>How is this kit?</b> On the venue’s network, with a phone or laptop:<br><span class="mono">${address}</span><br>Its buttons ask for the <b>PIN <span class="pin">${pin}</span></b></div></div>`;
}

function stepsOf(kit: Kit): Markup {
  const sound = kit.kind === 'display' ? none : usbStep;
  const picture = kit.screen ? screenStep(kit) : none;
  return html`${sound}${picture}${networkStep(kit)}${powerStep}`;
}

/** Kits that are plugged in alike. */
function kitsPart(kits: readonly Kit[], pinOf: (kit: Kit) => string): Markup {
  const [first] = kits;
  if (!first) return none;
  const title = kits.length > 1 ? `${titles[first.kind]}s` : titles[first.kind];
  return html`<section class="kit"><h2>${title}</h2><ol>${stepsOf(first)}</ol>${kits.map(
    (kit) => html`${macPart(kit)}${statusPart(kit, pinOf(kit))}`,
  )}</section>`;
}

const lights = [
  ['starting', 'It is starting. Wait: two minutes at most.'],
  ['listening', 'All is well.'],
  ['attention', 'It needs somebody: look at the screen or at the status page, they say why.'],
] as const;

const lightNames = {
  starting: 'Fast, even blinking',
  listening: 'A short flash every two seconds',
  attention: 'A second on, a second off',
} as const;

const lightsPart = html`<section><h2>The green light beside the power socket</h2><table class="lights">${lights.map(
  ([name, meaning]) =>
    html`<tr><td>${lightCode(ledPatterns[name], lightNames[name])}</td><th scope="row">${lightNames[name]}</th><td>${meaning}</td></tr>`,
)}</table><p class="small">No light at all: no power. A fast flicker for half a minute: somebody pressed Identify on the admin page.</p></section>`;

/** The screen's own words, so that the sheet never says others. */
const shown = ['no-audio', 'offline', 'no-network', 'lost', 'unenrolled', 'fault'] as const;
const levels = ['silent', 'quiet', 'loud'] as const;

const screenPart = html`<section><h2>What the screen says before a talk</h2><table class="messages">${shown.map(
  (state) => html`<tr><th scope="row">${words.states[state]}</th><td>${words.hints[state] ?? ''}</td></tr>`,
)}<tr><th scope="row">${words.loudness.good}</th><td>Nothing to do. Otherwise, below the level meter: ${levels.map(
  (level) => html`<q>${words.loudness[level]}.</q> `,
)}</td></tr></table></section>`;

const healing =
  'Kits heal by themselves when the cause goes: a cable, a mixer that was off, a network that was away. What was said meanwhile is kept. To unplug a kit and plug it in again does no harm, at any time.';

/** One page: all kits of a room. */
export function staffPage(inventory: Inventory, room: Room, kits: readonly Kit[], pinOf: (kit: Kit) => string): Markup {
  const [first] = kits;
  if (!first) return none;
  const alike = Map.groupBy(kits, (kit) => stepsOf(kit).text);
  const hasScreen = kits.some(({ kind }) => kind !== 'device');
  const admin = adminAddress(inventory, first);
  const addresses = kits.every(({ mac }) => mac !== undefined)
    ? none
    : html`<p class="small">MAC addresses that are left blank: the venue’s list of devices has them beside the kits’ names; they begin with ${makers}.</p>`;
  return html`<article class="page"><header><p>${inventory.event} · live captions · for staff</p><h1>${room.title}</h1></header>
${[...alike.values()].map((each) => kitsPart(each, pinOf))}
${lightsPart}
${hasScreen ? screenPart : none}
<footer class="with-code">${qrCode(admin, 'QR code: admin page')}<div><p>${healing}</p><p><b>For organizers</b>, with their token: <span class="mono">${admin}</span></p>${addresses}<p class="small">This page holds PINs: it is not for the audience.</p></div></footer></article>`;
}
