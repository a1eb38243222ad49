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
    const plans = kits.map((kit) => {
      signal.throwIfAborted();
      return planKit(inventory, kit, secrets.known(kit), now());
    });
    // Said once, where it is true of all.
    const [first] = plans;
    const shared =
      plans.length < 2
        ? []
        : (first?.warnings ?? []).filter((each) => plans.every(({ warnings }) => warnings.includes(each)));
    const general = [...eventWarnings(inventory), ...shared.map((each) => `every kit: ${each}`)];
    for (const warning of general) stdout.write(`! ${warning}\n`);
    let warnings = general.length;
    for (const planned of plans) {
      const own = planned.warnings.filter((each) => !shared.includes(each));
      warnings += own.length;
      stdout.write(`\n${planText({ ...planned, warnings: own }, values.full === true)}`);
    }
    const faults = plans.filter(({ fault }) => fault !== null).length;
    const said = [
      ...(faults > 0 ? [`${counted(faults, 'kit')} cannot be seeded`] : []),
      warnings > 0 ? `${counted(warnings, 'warning')}, marked with !` : 'nothing to warn of',
    ];
    stdout.write(`\n${said.join('; ')}. Nothing was written.\n`);
    return faults > 0 ? 1 : 0;
  },
};
