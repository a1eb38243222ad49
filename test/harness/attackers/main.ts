/**
 * An attacker in a process of its own: `main.ts NAME PREY`, where PREY is JSON. Prints how often each case got each answer.
 */
import { connections, deafReaders, fastEdge, slowHeaders } from './floods.ts';
import { bombs, frames, paths } from './inputs.ts';
import { crossSite, guessing, tokens } from './rights.ts';
import { schedules } from './schedules.ts';
import type { Prey, Tally } from './wire.ts';

const attacks: Readonly<Record<string, (prey: Prey) => Promise<Tally>>> = {
  ...{ tokens, guessing, crossSite, paths, frames, bombs, slowHeaders, connections, deafReaders, fastEdge, schedules },
};

const [name = '', prey = '{}'] = process.argv.slice(2);
const attack = attacks[name];
if (!attack) throw new Error(`there is no attack "${name}"`);
const { answers } = await attack(JSON.parse(prey));
process.stdout.write(`${JSON.stringify({ event: 'done', answers })}\n`, () => process.exit(0));
