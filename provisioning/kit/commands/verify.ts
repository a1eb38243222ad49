import { resolve } from 'node:path';
import { ConfigurationError } from '../../../systemd/errors.ts';
import { type BootAccess, kindOf, openDiskForReading, openFolder, openImage } from '../card/boot-access.ts';
import { compareContent } from '../card/card-content.ts';
import { cardSeed, compareSeed } from '../card/card-seed.ts';
import { askPoweredKit } from '../card/powered-kit.ts';
import { kitsNamed, removeFolder, workFolder } from '../card/preparation.ts';
import type { Command, CommandContext } from '../command.ts';
import { type Inventory, readInventory } from '../inventory.ts';
import { KitSecrets, secretsFileOf } from '../secrets.ts';
import { adminToken } from './enrol.ts';

/** What a card holds against the inventory, or what a powered kit says of itself. Writes nothing. */
export const verify: Command = {
  name: 'verify',
  summary: 'compares a card, image file or mounted folder with the inventory, or asks a powered kit',
  operands: 'INVENTORY [CARD]',
  options: {
    kit: { type: 'string', value: 'NAME', help: 'ask this kit, on the network and at the relay, in place of a card' },
    'admin-token-file': {
      type: 'string',
      value: 'FILE',
      help: 'the relay’s admin token, for --kit [SALA_ADMIN_TOKEN]',
    },
  },
  async run({ values, positionals: [file = '', where] }, context: CommandContext) {
    const inventory = readInventory(file);
    if ((where === undefined) === (values.kit === undefined))
      throw new ConfigurationError(['verify takes either a card or --kit NAME'], 'npm run kit -- verify --help');
    if (where !== undefined) return verifyCard(inventory, resolve(where), context);
    const [kit] = kitsNamed(inventory, [String(values.kit)]);
    if (kit === undefined) throw new TypeError('a kit that is named is there');
    const hasToken = values['admin-token-file'] !== undefined || context.env.SALA_ADMIN_TOKEN !== undefined;
    const { lines, isWell } = await askPoweredKit(inventory, kit, {
      adminToken: hasToken ? adminToken(values, context.env) : null,
      signal: context.signal,
    });
    context.stdout.write(`${lines.join('\n')}\n`);
    return isWell ? 0 : 1;
  },
};

async function open(path: string, folder: string): Promise<BootAccess> {
  switch (kindOf(path)) {
    case 'folder':
      return openFolder(path);
    case 'image':
      return openImage(path, folder, false);
    case 'disk':
      return openDiskForReading(path, folder);
  }
}

async function verifyCard(inventory: Inventory, path: string, { stdout, env }: CommandContext): Promise<number> {
  const say = (line: string) => stdout.write(`${line}\n`);
  const folder = workFolder(env);
  const access = await open(path, folder).catch((error: unknown) => {
    removeFolder(folder);
    throw error;
  });
  try {
    const seed = await cardSeed(access.files);
    const kit = inventory.kits.find(({ name }) => name === seed.kit);
    if (seed.instanceId === null || kit === undefined) {
      say(
        seed.kit === null
          ? `${path} is no card of Sala’s: it has no kit’s settings.`
          : `${path} is the card of ${seed.kit}, which is not in the inventory.`,
      );
      return 1;
    }
    let isSame = true;
    const compare = (what: string, differ: readonly string[]) => {
      if (differ.length > 0) isSame = false;
      say(
        `  ${what}: ${differ.length === 0 ? 'as in the inventory' : `not as in the inventory: ${differ.join(', ')}`}`,
      );
    };
    const secrets = new KitSecrets(secretsFileOf(inventory.file), env);
    const { differ, secrets: present, scrubbed } = await compareSeed(access.files, seed, inventory, kit, secrets);
    say(`${path} is the card of ${kit.name} (${kit.kind}, room ${kit.room}), seeded as ${seed.instanceId}.`);
    compare('settings', differ);
    say(
      scrubbed
        ? '  secrets: erased, as the kit does when it is enrolled; what they held is not compared'
        : `  secrets: on the card (${present.join(', ')}); the kit erases them when it is enrolled`,
    );
    if (access.data === null) say('  software and packages: not to be seen from here');
    else {
      const content = await compareContent(access.data, inventory, kit.kind, folder);
      compare(
        `software ${content.version ?? 'missing'}`,
        content.version !== null && content.version === content.wantedVersion
          ? []
          : [content.wantedVersion ?? 'no release there'],
      );
      compare(`packages (${content.packages} files)`, content.differ);
    }
    return isSame ? 0 : 1;
  } finally {
    await access.close();
    removeFolder(folder);
  }
}
