import type { Command } from '../command.ts';
import { diskTable, policyOf } from '../disks/description.ts';
import { readMachine } from '../disks/evidence.ts';
import { candidates } from '../disks/gate.ts';
import { defaultPolicy } from '../disks/grounds.ts';
import { readInventory } from '../inventory.ts';

/** What could be written, and why the rest is refused. Writes nothing. */
export const devices: Command = {
  name: 'devices',
  summary: 'shows which disks could be written, and why the rest is refused',
  operands: '[INVENTORY]',
  options: {},
  async run({ positionals: [file] }, { stdout }) {
    const policy = file === undefined ? defaultPolicy : policyOf(readInventory(file));
    const machine = await readMachine();
    stdout.write(diskTable(machine, candidates(machine, policy)));
    return 0;
  },
};
