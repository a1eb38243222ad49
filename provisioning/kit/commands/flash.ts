import { existsSync, mkdirSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigurationError } from '../../../systemd/errors.ts';
import { FlashSession, imageFileFor } from '../card/flash-session.ts';
import { kitsNamed, prepare, removeFolder, workFolder } from '../card/preparation.ts';
import type { Command, CommandContext } from '../command.ts';
import { type ReadMachine, readMachine } from '../disks/evidence.ts';
import { readInventory } from '../inventory.ts';
import { KitSecrets, secretsFileOf } from '../secrets.ts';
import { seedWarnings } from '../seed/index.ts';
import { Terminal } from '../terminal.ts';

const defaultImageBytes = 7.5e9; // fits on every card that is sold as 8 GB

/** `7.5` gigabytes in bytes, whole megabytes. */
function imageBytes(text: unknown): number {
  if (text === undefined) return defaultImageBytes;
  const bytes = Math.round(Number(text) * 1000) * 1e6;
  if (Number.isFinite(bytes) && bytes >= 50e6 && bytes <= 2e12) return bytes;
  throw new ConfigurationError([`--size ${String(text)}: must be a number of gigabytes, for example 15.5`]);
}

/** `flash`, with the eyes it looks at disks with; a test gives its own. */
export const flashCommand = (readDisks: ReadMachine): Command => ({
  name: 'flash',
  summary: 'writes the cards of all kits, one after the other, or image files',
  operands: 'INVENTORY [KIT…]',
  options: {
    to: { type: 'string', value: 'PATH', help: 'write an image file, or with several kits one per kit in a folder' },
    size: { type: 'string', value: 'GB', help: 'size of the card that an image file stands for [7.5]' },
    disk: { type: 'string', value: 'PATH', help: 'look at this disk alone; without, at whichever may be written' },
  },
  async run({ values, positionals: [file = '', ...names] }, context: CommandContext) {
    const inventory = readInventory(file);
    const kits = kitsNamed(inventory, names);
    const to = typeof values.to === 'string' ? resolve(values.to) : null;
    const disk = typeof values.disk === 'string' ? values.disk : null;
    if (to !== null && disk !== null) throw new ConfigurationError(['--to and --disk do not go together']);
    const sizeBytes = imageBytes(values.size);
    const terminal = new Terminal(context);
    const secrets = new KitSecrets(secretsFileOf(inventory.file), context.env);
    for (const kit of kits)
      for (const warning of seedWarnings(inventory, kit, secrets.of(kit), context.now()))
        terminal.warn(`${kit.name}: ${warning}`);
    const folder = workFolder(context.env);
    const startMs = context.now();
    try {
      const data = await prepare(inventory, kits, folder, context.signal, (done, total) =>
        terminal.progress('checking the image', done, total, startMs),
      );
      const session = new FlashSession({
        ...{ inventory, secrets, data, folder, terminal, context, disk },
        readMachine: readDisks,
      });
      if (to !== null) {
        const isFolder = kits.length > 1 || (existsSync(to) && statSync(to).isDirectory());
        if (isFolder) mkdirSync(to, { recursive: true });
        for (const kit of kits) await session.toFile(kit, imageFileFor(to, isFolder, kit), sizeBytes);
        return 0;
      }
      const left: string[] = [];
      for (const [index, kit] of kits.entries()) {
        const answer = await session.toCard(kit);
        if (answer === 'skipped') left.push(kit.name);
        if (answer === 'quit') {
          left.push(...kits.slice(index).map(({ name }) => name));
          break;
        }
      }
      if (left.length > 0) terminal.say(`Without a card from this run: ${left.join(', ')}.`);
      return left.length === 0 ? 0 : 1;
    } finally {
      terminal.close();
      removeFolder(folder);
    }
  },
});

export const flash: Command = flashCommand(readMachine);
