import { readFileSync } from 'node:fs';
import type { Inventory, Kit, Room } from '../inventory.ts';
import { captionsAddress } from './addresses.ts';
import { qrCode } from './drawings.ts';
import { html, Markup, none } from './markup.ts';
import { staffPage } from './staff-page.ts';

export interface SheetSecrets {
  pinOf(kit: Kit): string;
  /** Null for a room whose captions need no token. */
  readTokenOf(room: string): string | null;
}

/** To be hung up in the room: the way to its captions on a phone. */
function audiencePage(inventory: Inventory, room: Room, kit: Kit, token: string | null): Markup {
  const address = captionsAddress(inventory, kit, token);
  // An address that needs its token opens nothing without it.
  const typed = token === null ? html`<p class="address">${address.replace(/^https?:\/\//, '')}</p>` : none;
  return html`<article class="page poster"><p class="event">${inventory.event}</p><h1>${room.title}</h1><p class="invitation">Read along on your phone</p>${qrCode(address, `QR code: captions of ${room.title}`)}<p>Scan the code with the camera: live captions of this room.</p>${typed}</article>`;
}

const style = new Markup(readFileSync(new URL('./sheet.css', import.meta.url), 'utf8'));

/**
 * Two pages a room, to print: one for its staff, one for its audience. Nothing is loaded from anywhere.
 * @returns a whole HTML document; it holds PINs
 */
export function renderSheet(inventory: Inventory, rooms: readonly Room[], secrets: SheetSecrets): string {
  const pages = rooms.map((room) => {
    const kits = inventory.kits.filter((kit) => kit.room === room.name);
    const [first] = kits;
    if (!first) return none;
    return html`${staffPage(inventory, room, kits, secrets.pinOf)}
${audiencePage(inventory, room, first, secrets.readTokenOf(room.name))}`;
  });
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>Kits of ${inventory.event}</title>
<style>${style}</style>
</head>
<body><main>
${pages}
</main></body>
</html>
`.text;
}
