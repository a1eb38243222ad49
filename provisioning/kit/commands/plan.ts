import { kitsNamed } from '../card/preparation.ts';
import type { Command } from '../command.ts';
import { readInventory } from '../inventory.ts';
import { eventWarnings, planKit, planText } from '../plan.ts';
import { KitSecrets, secretsFileOf } from '../secrets.ts';

const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;

export const plan: Command = {
  name: 'plan',
  summary: 'checks an inventory and shows what each card would hold, without its secrets; writes nothing',
  operands: 'INVENTORY [KIT…]',
  options: {
    full: { type: 'boolean', help: 'also the content of every file' },
  },
  async run({ values, positionals: [file = '', ...names] }, { stdout, env, now, signal }) {
    const inventory = readInventory(file);
    const secrets = new KitSecrets(secretsFileOf(file), env);
    const kits = kitsNamed(inventory, names);
    const { event, relay, timezone, rooms } = inventory;
    stdout.write(
      `${event}: ${counted(inventory.kits.length, 'kit')} for ${counted(rooms.length, 'room')}, ${relay === null ? 'no relay' : `relay ${relay.url}`}, ${timezone}\n`,
    );
    const general = eventWarnings(inventory);
    for (const warning of general) stdout.write(`! ${warning}\n`);
    let warnings = general.length;
    let faults = 0;
    for (const kit of kits) {
      signal.throwIfAborted();
      const planned = planKit(inventory, kit, secrets.known(kit), now());
      warnings += planned.warnings.length;
      faults += planned.fault === null ? 0 : 1;
      stdout.write(`\n${planText(planned, values.full === true)}`);
    }
    const said = [
      ...(faults > 0 ? [`${counted(faults, 'kit')} cannot be seeded`] : []),
      warnings > 0 ? `${counted(warnings, 'warning')}, marked with !` : 'nothing to warn of',
    ];
    stdout.write(`\n${said.join('; ')}. Nothing was written.\n`);
    return faults > 0 ? 1 : 0;
  },
};
