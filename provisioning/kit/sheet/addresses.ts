import type { Inventory, Kit } from '../inventory.ts';
import { pagesOf } from '../seed/kit-files.ts';

/** Where a kit's status page listens, when the inventory opens it. */
export const statusPort = 8081;

/** The kit's own status page on the venue's network; null where it has none. */
export function statusAddress({ name, status, network: { wired } }: Kit): string | null {
  if (!status) return null;
  const host = typeof wired === 'object' ? wired.address.split('/')[0] : `${name}.local`;
  return `http://${host}:${statusPort}/`;
}

/** Where phones read a room's captions: the token is in the part of an address that no server sees. */
export function captionsAddress(inventory: Inventory, kit: Kit, readToken: string | null): string {
  const page = `${pagesOf(inventory, kit)}/rooms/${kit.room}`;
  return readToken === null ? page : `${page}#token=${encodeURIComponent(readToken)}`;
}

export const adminAddress = (inventory: Inventory, kit: Kit): string => `${pagesOf(inventory, kit)}/admin`;
