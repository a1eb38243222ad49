import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { messageOf, SalaError } from '../../../systemd/errors.ts';
import type { Command } from '../command.ts';
import { type Inventory, type Room, readInventory } from '../inventory.ts';
import { didYouMean } from '../nearest.ts';
import { KitSecrets, secretsFileOf } from '../secrets.ts';
import { renderSheet } from '../sheet/sheet.ts';

function selectRooms({ rooms }: Inventory, names: readonly string[]): readonly Room[] {
  const known = rooms.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new SalaError(`there is no room "${unknown}" in this inventory${didYouMean(unknown, known)}`, {
      code: 'unknown-room',
      hint: `It has ${known.slice(0, 12).join(', ')}${known.length > 12 ? ' and more' : ''}.`,
    });
  return names.length === 0 ? rooms : rooms.filter(({ name }) => names.includes(name));
}

/** As a whole or not at all; for its owner alone, as it holds PINs. */
function write(file: string, text: string): void {
  try {
    writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true });
    chmodSync(`${file}.new`, 0o600);
    renameSync(`${file}.new`, file);
  } catch (error) {
    throw new SalaError(`the sheet cannot be written: ${messageOf(error)}`, {
      code: 'sheet-not-written',
      hint: 'Choose another place with --output.',
    });
  }
}

export const sheet: Command = {
  name: 'sheet',
  summary: 'makes two pages a room to print: for its staff (plugs, lights, PINs) and for its audience',
  operands: 'INVENTORY [ROOM…]',
  options: {
    output: { type: 'string', short: 'o', value: 'FILE', help: 'where to [INVENTORY’s name, .sheet.html]' },
  },
  async run({ values, positionals: [file = '', ...names] }, { stdout, env }) {
    const inventory = readInventory(file);
    const rooms = selectRooms(inventory, names);
    const secrets = new KitSecrets(secretsFileOf(file), env);
    const text = renderSheet(inventory, rooms, {
      pinOf: (kit) => secrets.of(kit).pin,
      readTokenOf: (room) => secrets.readToken(room),
    });
    const output =
      typeof values.output === 'string'
        ? values.output
        : join(dirname(file), `${basename(file, extname(file))}.sheet.html`);
    write(output, text);
    stdout.write(`${output}: open it in a browser and print it on A4. It holds PINs: only you can read the file.\n`);
    return 0;
  },
};
