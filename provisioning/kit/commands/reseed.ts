import { resolve } from 'node:path';
import { ConfigurationError, codeOf, messageOf, SalaError } from '../../../systemd/errors.ts';
import { type BootAccess, kindOf, openDisk, openFolder, openImage } from '../card/boot-access.ts';
import { cardSeed } from '../card/card-seed.ts';
import { kitsNamed, removeFolder, workFolder } from '../card/preparation.ts';
import { CardRecords, giveToOwner } from '../card/records.ts';
import { makeSeed, readCmdline, seedHash, writeSeed } from '../card/seeding.ts';
import type { Command, CommandContext } from '../command.ts';
import { contentText, describeDisk, policyOf } from '../disks/description.ts';
import { type ReadMachine, readMachine } from '../disks/evidence.ts';
import { judge } from '../disks/gate.ts';
import { identityOf } from '../disks/machine.ts';
import { type Inventory, type Kit, readInventory } from '../inventory.ts';
import { KitSecrets, secretsFileOf } from '../secrets.ts';
import { seedWarnings } from '../seed/index.ts';
import { Terminal } from '../terminal.ts';

/** `reseed`, with the eyes it looks at disks with; a test gives its own. */
export const reseedCommand = (readDisks: ReadMachine): Command => ({
  name: 'reseed',
  summary: 'gives a flashed card the settings of now, in seconds',
  operands: 'INVENTORY CARD [KIT]',
  options: {},
  async run({ positionals: [file = '', where = '', name] }, context: CommandContext) {
    const inventory = readInventory(file);
    const terminal = new Terminal(context);
    const path = resolve(where);
    const secrets = new KitSecrets(secretsFileOf(inventory.file), context.env);
    const folder = workFolder(context.env);
    try {
      const access = await open(path, { inventory, folder, terminal, readDisks });
      if (access === null) return 1;
      try {
        const kit = await kitFor(inventory, access, name);
        for (const warning of seedWarnings(inventory, kit, secrets.of(kit), context.now()))
          terminal.warn(`${kit.name}: ${warning}`);
        const seed = makeSeed(inventory, kit, secrets.of(kit), context.now());
        secrets.setInstanceId(kit.name, seed.instanceId);
        const startMs = context.now();
        const work = () => writeSeed(access.files, seed, { wipe: access.wipe });
        await (access.isCopy ? work() : told(access.name, work));
        await told(access.name, () => access.commit(context.signal));
        const records = new CardRecords(inventory.file);
        const diskId = /root=PARTUUID=([0-9a-f]{8})-/i.exec(await readCmdline(access.files))?.[1] ?? '';
        const earlier = records.byDiskId(diskId);
        records.add({
          ...{ kit: kit.name, at: new Date(context.now()).toISOString(), target: access.name, diskId },
          ...{ serial: earlier?.serial ?? '', bytes: earlier?.bytes ?? 0, instanceId: seed.instanceId },
          ...{ image: earlier?.image ?? '', release: earlier?.release ?? '', seed: seedHash(seed) },
        });
        giveToOwner(inventory.file, [records.file, secretsFileOf(inventory.file)]);
        const seconds = ((context.now() - startMs) / 1000).toFixed(1);
        terminal.say(`${kit.name}: ${access.name} has new settings, read back and equal, in ${seconds} s.`);
        return 0;
      } finally {
        await access.close();
      }
    } finally {
      terminal.close();
      removeFolder(folder);
    }
  },
});

interface Surroundings {
  readonly inventory: Inventory;
  readonly folder: string;
  readonly terminal: Terminal;
  readonly readDisks: ReadMachine;
}

/** Null where the operator does not agree to the disk. */
async function open(path: string, surroundings: Surroundings): Promise<BootAccess | null> {
  const { inventory, folder, terminal, readDisks } = surroundings;
  const kind = kindOf(path);
  if (kind === 'folder') return openFolder(path);
  if (kind === 'image') return openImage(path, folder, true);
  const policy = policyOf(inventory);
  const machine = await readDisks();
  const device = judge(machine, path, policy);
  terminal.say(`${path}: ${describeDisk(device)}. It holds: ${contentText(machine, device.row.kname)}`);
  const answer = await terminal.ask('Give it new settings: yes, no? ');
  if (answer !== 'yes' && answer !== 'y') return null;
  return openDisk(readDisks, { path, identity: identityOf(device) }, policy, folder);
}

/** The kit that was named, or the one that the card was seeded for. */
async function kitFor(inventory: Inventory, access: BootAccess, name: string | undefined): Promise<Kit> {
  const known = name ?? (await cardSeed(access.files)).kit;
  if (known === null)
    throw new ConfigurationError([`${access.name} does not say which kit it is.`], 'Name the kit after the card.');
  const [kit] = kitsNamed(inventory, [known]);
  if (kit === undefined) throw new TypeError('a kit that is named is there');
  return kit;
}

/** What goes wrong while the card itself is written, with what that means for it. */
async function told(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (codeOf(error) === 'no-boot-partition') throw error;
    const isSala = error instanceof SalaError;
    throw new SalaError(
      `${isSala ? error.message : messageOf(error)}\n${name} may hold half of its settings: do not use it as it is.`,
      {
        code: isSala ? error.code : 'card-write',
        hint: isSala ? error.hint : 'Is it full, write-protected, or not yours to write to? Then reseed it again.',
        cause: error,
      },
    );
  }
}

export const reseed: Command = reseedCommand(readMachine);
