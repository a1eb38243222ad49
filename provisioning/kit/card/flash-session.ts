import { join } from 'node:path';
import { codeOf } from '../../../systemd/errors.ts';
import { explain } from '../../../systemd/program.ts';
import type { CommandContext } from '../command.ts';
import { contentText, describeDisk, policyOf, sizeText } from '../disks/description.ts';
import type { ReadMachine } from '../disks/evidence.ts';
import { type ConfirmedDisk, candidates, judge, openConfirmed } from '../disks/gate.ts';
import { identityOf } from '../disks/machine.ts';
import type { Inventory, Kit } from '../inventory.ts';
import type { KitSecrets } from '../secrets.ts';
import { secretsFileOf } from '../secrets.ts';
import type { Terminal } from '../terminal.ts';
import type { DataImage } from './data-partition.ts';
import { flashCard } from './flashing.ts';
import { CardRecords, giveToOwner } from './records.ts';
import { makeSeed, seedHash } from './seeding.ts';
import { type CardTarget, createImageFile, diskTarget } from './target.ts';

export interface FlashSessionOptions {
  readonly inventory: Inventory;
  readonly secrets: KitSecrets;
  /** By kind of kit. */
  readonly data: ReadonlyMap<Kit['kind'], DataImage>;
  readonly folder: string;
  readonly terminal: Terminal;
  readonly context: Pick<CommandContext, 'now' | 'signal'>;
  readonly readMachine: ReadMachine;
  /** The one disk to look at; null: whichever may be written. */
  readonly disk: string | null;
}

type Answer = 'written' | 'skipped' | 'quit';

/** What stands between the kinds of targets. */
interface Place {
  readonly target: CardTarget;
  readonly serial: string;
  begin?(): Promise<void>;
  stillThere?(): Promise<void>;
}

/** One evening's cards, one after the other. */
export class FlashSession {
  readonly #options: FlashSessionOptions;
  readonly #records: CardRecords;
  /** Disk identifiers of the cards that were written since the start. */
  readonly #fresh = new Map<string, string>();
  #lastBytes = 0;

  constructor(options: FlashSessionOptions) {
    this.#options = options;
    this.#records = new CardRecords(options.inventory.file);
  }

  /** Writes a kit's card to a new image file. @throws SalaError; the file is gone then */
  async toFile(kit: Kit, file: string, sizeBytes: number): Promise<void> {
    const { target, remove } = createImageFile(file, sizeBytes);
    try {
      await this.#write(kit, { target, serial: '' });
      giveToOwner(this.#options.inventory.file, [file]);
    } catch (error) {
      target.close();
      remove();
      throw error;
    } finally {
      target.close();
    }
  }

  /** Asks for a kit's card until it is written, skipped or all is quit. */
  async toCard(kit: Kit): Promise<Answer> {
    const { terminal, inventory } = this.#options;
    const room = inventory.rooms.find(({ name }) => name === kit.room)?.title ?? kit.room;
    for (;;) {
      const answer = await terminal.ask(`Insert the card for ${kit.name} (${room}): yes, skip, quit? `);
      if (answer === null || 'quit'.startsWith(answer || '-')) return 'quit';
      if ('skip'.startsWith(answer || '-')) return 'skipped';
      if (!'yes'.startsWith(answer || '-')) continue;
      const disk = await this.#choose(kit);
      if (disk !== null && (await this.#writeDisk(kit, disk))) return 'written';
    }
  }

  /** Shows what would be written and has it agreed to; null where there is nothing, or it is not. */
  async #choose(kit: Kit): Promise<(ConfirmedDisk & { bytes: number }) | null> {
    const { terminal, readMachine, disk, inventory } = this.#options;
    const machine = await readMachine();
    const policy = policyOf(inventory);
    const all = candidates(machine, policy);
    const writable = all.filter(({ refusals }) => refusals.length === 0);
    let path = disk;
    if (path === null) {
      if (writable.length === 0) {
        terminal.warn('There is no card that may be written.');
        for (const { device, refusals } of all)
          if (!refusals.some(({ ground }) => ground === 'transport' || ground === 'empty'))
            terminal.warn(`  ${device.row.path}: ${refusals.map(({ message }) => message).join(' ')}`);
        return null;
      }
      path = writable.length === 1 ? (writable[0]?.device.row.path ?? null) : null;
      if (path === null) {
        for (const [index, { device }] of writable.entries())
          terminal.say(`  ${index + 1}  ${device.row.path}  ${describeDisk(device)}`);
        const number = await terminal.ask('There are several. Which one, by its number? ');
        path = writable[Number(number) - 1]?.device.row.path ?? null;
        if (path === null) return null;
      }
    }
    const device = this.#told(() => judge(machine, path, policy));
    if (device === null) return null;
    const identity = identityOf(device);
    const just = this.#fresh.get(identity.tableUuid);
    if (just !== undefined && identity.tableUuid !== '') {
      terminal.warn(`This is still the card of ${just}. Take it out, write "${just}" on it, and insert the next.`);
      return null;
    }
    const earlier = this.#records.byDiskId(identity.tableUuid);
    const content = contentText(machine, device.row.kname);
    terminal.say(`${path}: ${describeDisk(device)}`);
    terminal.say(content === '' ? '  It is empty.' : `  It holds: ${content}`);
    if (earlier) terminal.say(`  It was written as ${earlier.kit} at ${earlier.at}.`);
    if (this.#lastBytes !== 0 && Math.abs(identity.sizeBytes / this.#lastBytes - 1) > 0.1)
      terminal.say(`  Its size is not that of the last card (${sizeText(this.#lastBytes)}).`);
    const agreed = await terminal.ask(`Everything on it will be lost. Write ${kit.name} to it: yes, no? `);
    return agreed === 'yes' || agreed === 'y' ? { path, identity, bytes: identity.sizeBytes } : null;
  }

  /** @returns whether the card was written; why not is told */
  async #writeDisk(kit: Kit, disk: ConfirmedDisk & { bytes: number }): Promise<boolean> {
    const { terminal, readMachine, inventory, context } = this.#options;
    let begun = false;
    let target: CardTarget | null = null;
    try {
      const opened = await openConfirmed(readMachine, disk, policyOf(inventory));
      target = diskTarget(disk.path, opened.descriptor, disk.bytes);
      const begin = async () => {
        await opened.recheck();
        begun = true;
      };
      await this.#write(kit, { target, serial: disk.identity.serial, begin, stillThere: opened.stillThere });
      this.#lastBytes = disk.bytes;
      return true;
    } catch (error) {
      const lost = `The card in ${disk.path} is NOT usable: flash it again before it goes into a kit.`;
      if (context.signal.aborted) {
        terminal.warn(begun ? `Stopped. ${lost}` : `Stopped. Nothing was written to ${disk.path}.`);
        throw error;
      }
      if (codeOf(error) === '') throw error;
      terminal.warn(`${explain(error).text}\n${begun ? lost : `Nothing was written to ${disk.path}.`}`);
      return false;
    } finally {
      target?.close();
    }
  }

  async #write(kit: Kit, { target, serial, begin, stillThere }: Place): Promise<void> {
    const { inventory, secrets, folder, terminal, context } = this.#options;
    const data = this.#options.data.get(kit.kind);
    if (!data) throw new Error(`nothing was made for the cards of ${kit.kind} kits`);
    const startMs = context.now();
    const seed = makeSeed(inventory, kit, secrets.of(kit), startMs);
    secrets.setInstanceId(kit.name, seed.instanceId);
    let phase = '';
    let phaseMs = startMs;
    const { diskId, verifiedBytes } = await flashCard(target, {
      image: inventory.image,
      data,
      seed,
      rootBytes: inventory.disks.rootBytes,
      folder,
      signal: context.signal,
      progress: (name, done, total) => {
        if (name !== phase) [phase, phaseMs] = [name, context.now()];
        terminal.progress(`${kit.name}  ${name}`, done, total, phaseMs);
      },
      ...(begin && { begin }),
      ...(stillThere && { stillThere }),
    });
    this.#fresh.set(diskId, kit.name);
    this.#records.add({
      kit: kit.name,
      at: new Date(context.now()).toISOString(),
      serial,
      target: target.name,
      bytes: target.sizeBytes,
      diskId,
      instanceId: seed.instanceId,
      image: inventory.image.sha256,
      seed: seedHash(seed),
      release: data.version,
    });
    giveToOwner(inventory.file, [this.#records.file, secretsFileOf(inventory.file)]);
    const seconds = ((context.now() - startMs) / 1000).toFixed(0);
    terminal.say(
      `${kit.name}: ${target.name} is done, ${sizeText(verifiedBytes)} read back and equal, in ${seconds} s. Write "${kit.name}" on it.`,
    );
  }

  /** What `judge` gives, or null with its refusal told. */
  #told<T>(look: () => T): T | null {
    try {
      return look();
    } catch (error) {
      if (codeOf(error) !== 'disk-refused') throw error;
      this.#options.terminal.warn(explain(error).text);
      return null;
    }
  }
}

/** Where `flash --to` writes a kit's card: the file itself, or in a folder one per kit. */
export const imageFileFor = (to: string, isFolder: boolean, { name }: Kit): string =>
  isFolder ? join(to, `${name}.img`) : to;
