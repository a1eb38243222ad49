import { chownSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ConfigurationError, messageOf } from '../../../systemd/errors.ts';

const record = z.object({
  kit: z.string(),
  /** RFC 3339. */
  at: z.string(),
  /** Serial number of the disk, which for a card in a USB reader is the reader's; '' of an image file. */
  serial: z.string(),
  /** `/dev/sdb`, or the image file. */
  target: z.string(),
  bytes: z.number(),
  /** Identifier of the card's partition table, made for it alone. */
  diskId: z.string(),
  instanceId: z.string(),
  /** SHA-256 of the image as downloaded, and of all files of the seed. */
  image: z.string(),
  seed: z.string(),
  release: z.string(),
});

/** What was written to one card. */
export type CardRecord = Readonly<z.output<typeof record>>;

const records = z.object({ cards: z.array(record) });

const maxRecords = 10_000;

/** `cards.json` beside the inventory: one record per card that was written and read back; the newest are kept. */
export class CardRecords {
  readonly #file: string;

  constructor(inventoryFile: string) {
    this.#file = join(dirname(inventoryFile), 'cards.json');
  }

  get file(): string {
    return this.#file;
  }

  /** The oldest first. @throws ConfigurationError where the file is not what it should be */
  all(): readonly CardRecord[] {
    if (!existsSync(this.#file)) return [];
    try {
      return records.parse(JSON.parse(readFileSync(this.#file, 'utf8'))).cards;
    } catch (error) {
      throw new ConfigurationError([`${this.#file}: ${messageOf(error)}`], 'Mend that file, or move it away.');
    }
  }

  /** The last card with this partition table. */
  byDiskId(diskId: string): CardRecord | undefined {
    return this.all().findLast((each) => each.diskId !== '' && each.diskId === diskId);
  }

  add(card: CardRecord): void {
    const cards = [...this.all(), card].slice(-maxRecords);
    writeFileSync(`${this.#file}.new`, `${JSON.stringify({ cards }, null, 2)}\n`, { mode: 0o600, flush: true });
    renameSync(`${this.#file}.new`, this.#file);
  }
}

/** Under sudo, what is written beside the inventory stays with whom the inventory belongs to. */
export function giveToOwner(inventoryFile: string, paths: readonly string[]): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(inventoryFile);
  for (const path of paths) if (existsSync(path)) chownSync(path, uid, gid);
}
