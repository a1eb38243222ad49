import type { Inventory, Kit } from '../inventory.ts';
import type { KitSecret } from '../secrets.ts';

/** A file of the boot partition. */
export interface SeedFile {
  /** From its top, with `/`: `user-data`, `sala/enrolment-token`. */
  readonly path: string;
  readonly content: string;
  /** Whether it holds a secret; it is never shown, and the agent erases it. */
  readonly secret: boolean;
}

/** What a seed is made of. */
export interface SeedInput {
  readonly inventory: Inventory;
  readonly kit: Kit;
  readonly secrets: KitSecret;
  /** Fresh for each writing of a card. */
  readonly instanceId: string;
  /** When the seed is made, ms since 1970: the kit's clock cannot be earlier. */
  readonly nowMs: number;
}

/** A way by which an image takes its settings at the first start. */
export interface SeedFormat {
  readonly name: string;
  /** @returns every file, read back and checked @throws SalaError where something is missing or does not read back */
  render(input: SeedInput): readonly SeedFile[];
}
