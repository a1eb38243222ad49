import { SalaError } from '../../systemd/errors.ts';
import type { Inventory, Kit } from './inventory.ts';
import { didYouMean } from './nearest.ts';

/** The kits called `names`, in the inventory's order; all where no name is given. @throws SalaError for a name that no kit has */
export function selectKits({ kits }: Inventory, names: readonly string[]): readonly Kit[] {
  const known = kits.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new SalaError(`there is no kit "${unknown}" in this inventory${didYouMean(unknown, known)}`, {
      code: 'unknown-kit',
      hint: `It has ${known.slice(0, 12).join(', ')}${known.length > 12 ? ' and more' : ''}.`,
    });
  return names.length === 0 ? kits : kits.filter(({ name }) => names.includes(name));
}
