import { z } from 'zod';
import { messageOf, SalaError } from '../../../systemd/errors.ts';
import { EventRelay } from '../event-relay.ts';
import type { Inventory, Kit } from '../inventory.ts';
import { statusAddress } from '../sheet/addresses.ts';

const statusTimeoutMs = 5000;
const relayTimeoutMs = 10_000;
const maxStatusBytes = 1_000_000;

const said = z.object({ state: z.string(), message: z.string(), hint: z.string().optional() });

export interface PoweredKitOptions {
  /** Null: the relay is not asked. */
  readonly adminToken: string | null;
  readonly signal: AbortSignal;
  readonly fetch?: typeof globalThis.fetch;
}

const statusPage = z.object({ health: z.object({ state: z.string(), message: z.string() }) });

/** Of the network: on a terminal it must be no command. */
const plain = (text: string) => text.replace(/\p{Cc}/gu, ' ').slice(0, 500);

/**
 * What a kit that has power says of itself: on its status page, where the inventory opens that, and at the relay.
 * @returns lines to print, and whether every place that was asked had an answer and no fault
 */
export async function askPoweredKit(
  inventory: Inventory,
  kit: Kit,
  { adminToken, signal, fetch = globalThis.fetch }: PoweredKitOptions,
): Promise<{ lines: readonly string[]; isWell: boolean }> {
  const lines: string[] = [];
  let isWell = true;
  let asked = 0;
  const page = statusAddress(kit);
  if (page === null) lines.push(`${kit.name}: has no status page on the network (see status in the inventory)`);
  else {
    asked++;
    try {
      const response = await fetch(new URL('status.json', page), {
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(statusTimeoutMs)]),
      });
      const { health } = statusPage.parse(JSON.parse((await response.text()).slice(0, maxStatusBytes)));
      lines.push(`${kit.name}: its own page says ${plain(health.state)}: ${plain(health.message)}`);
      if (health.state !== 'ok') isWell = false;
    } catch (error) {
      isWell = false;
      lines.push(`${kit.name}: its own page ${page} does not answer: ${messageOf(error)}`);
    }
  }
  if (kit.kind === 'solo') lines.push(`${kit.name}: its relay is its own, at ${page ?? 'itself'}`);
  else if (adminToken === null || !inventory.relay)
    lines.push(`${kit.name}: the relay was not asked: there is no admin token`);
  else {
    asked++;
    const relay = new EventRelay({ url: inventory.relay.url, adminToken, timeoutMs: relayTimeoutMs, signal, fetch });
    try {
      const { state, room, version, seen, health } = await relay.kit(kit.name);
      const told = said.safeParse(health).data;
      lines.push(
        `${kit.name}: the relay says ${state}, room ${room ?? 'none'}, version ${version ?? 'unknown'}, last heard ${seen === null ? 'never' : new Date(seen).toISOString()}`,
      );
      if (told)
        lines.push(
          `${kit.name}: it told the relay ${told.state}: ${told.message}${told.hint ? ` (${told.hint})` : ''}`,
        );
      if (room !== kit.room) lines.push(`${kit.name}: the inventory has room ${kit.room}`);
      if (state !== 'online' || room !== kit.room) isWell = false;
    } catch (error) {
      isWell = false;
      lines.push(`${kit.name}: ${messageOf(error)}${error instanceof SalaError ? `\n  ${error.hint}` : ''}`);
    }
  }
  return { lines, isWell: isWell && asked > 0 };
}
