import { existsSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { machineDisk, type UpdateDisk } from '../../systemd/agent/updates/disk.ts';
import { makeRelease } from './release-maker.ts';
import { until } from './until.ts';
import { UpdatedKit } from './updated-kit.ts';

export type When = 'before' | 'torn' | 'after';

/** A disk whose power goes at its `cutAt`th change; from then on nothing answers. */
class CuttingDisk {
  changes = 0;
  isCut = false;
  readonly #cutAt: number;
  readonly #when: When;
  readonly disk: UpdateDisk;

  constructor(cutAt: number, when: When) {
    this.#cutAt = cutAt;
    this.#when = when;
    const real = machineDisk;
    const change =
      <A extends unknown[]>(work: (...args: A) => Promise<void>, tear: (...args: A) => void = () => {}) =>
      (...args: A) =>
        this.#change(
          () => work(...args),
          () => tear(...args),
        );
    this.disk = {
      ...real,
      replace: change(real.replace, (path) => writeFileSync(`${path}.new`, 'VERS')),
      rename: change(real.rename),
      // A folder goes file by file.
      remove: change(real.remove, (path) => {
        if (existsSync(path) && statSync(path).isDirectory())
          for (const name of readdirSync(path).slice(0, 1)) rmSync(join(path, name), { recursive: true });
      }),
      symlink: change(real.symlink),
      makeFolder: change(real.makeFolder),
      append: change(real.append, (path) => writeFileSync(path, 'half')),
      unpack: change(real.unpack),
      // What was not synced may be there in part: programs without content, under their own names.
      sync: change(real.sync, (path) => {
        for (const file of readdirSync(path, { recursive: true, withFileTypes: true }))
          if (file.isFile() && file.name === 'node') truncateSync(join(file.parentPath, file.name));
      }),
    };
  }

  async #change(work: () => Promise<void>, tear: () => void): Promise<void> {
    if (this.isCut) return new Promise(() => {});
    const isNow = ++this.changes === this.#cutAt;
    if (isNow && this.#when !== 'after') this.isCut = true;
    if (isNow && this.#when === 'torn') tear();
    if (!this.isCut) await work();
    if (isNow) this.isCut = true;
    if (this.isCut) await new Promise(() => {});
  }
}

/** Runs a whole update; true where power went before its end. */
async function update(kit: UpdatedKit, disk: CuttingDisk): Promise<boolean> {
  const made = makeRelease('1.1.0', 2);
  for (let starts = 0; starts < 4; starts++) {
    const before = kit.switches;
    kit.start(disk.disk);
    kit.updater.offer(kit.put(made));
    kit.updater.idle(true);
    const isConfirmed = () => kit.updater.report?.state === 'confirmed';
    await until(
      () => {
        kit.updater.look(kit.health);
        return disk.isCut || isConfirmed() || kit.switches > before || undefined;
      },
      { everyMs: 1 },
    );
    if (disk.isCut) return true;
    await kit.updater.stop();
    if (isConfirmed()) return false;
  }
  throw new Error('it is put in charge again and again');
}

/** Updates a kit again and again, with the power cut at each change of its disk in turn. @returns what was in charge after each cut */
export async function cutEverywhere(when: When): Promise<string[]> {
  const seen: string[] = [];
  for (let cutAt = 1; ; cutAt++) {
    const kit = new UpdatedKit();
    await kit.updater.stop();
    const disk = new CuttingDisk(cutAt, when);
    const wasCut = await update(kit, disk);
    try {
      // What nobody has seen work is on trial: else a bad one would stay.
      if (kit.switches === 0 && kit.inCharge === '1.1.0')
        expect(kit.read('var/lib/sala/kit/update/pending'), `${when} ${cutAt}`).toContain('VERSION=1.1.0');
      kit.boot();
      const version = kit.inCharge;
      seen.push(version);
      const node = kit.read(`var/lib/sala/software/releases/${version}/bin/node`);
      expect(node, `${when} ${cutAt}`).toContain(`the program of ${version}`);
      // What is on the card is enough to come to the same end.
      if (wasCut) {
        await update(kit, new CuttingDisk(0, 'before'));
        expect([kit.inCharge, kit.updater.report?.state], `${when} ${cutAt}`).toEqual(['1.1.0', 'confirmed']);
        expect(kit.releases.filter((name) => !name.endsWith('.part'))).toEqual(['1.0.0', '1.1.0']);
      }
      if (!wasCut) return seen;
    } finally {
      kit.folder.remove();
    }
  }
}
