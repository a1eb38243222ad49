import { z } from 'zod';
import { type Program, run } from '../../systemd/program.ts';
import { archive } from './archive.ts';
import { audience } from './audience.ts';
import type { Aim, Bench, Report } from './bench.ts';
import { chain } from './chain.ts';
import { device } from './device.ts';
import { flash } from './flash.ts';
import { latency } from './latency.ts';
import { loadCore, MachineNoise, pin, unpin } from './machine.ts';
import { narrow } from './narrow.ts';
import { page } from './page.ts';
import { recovery } from './recovery.ts';
import { relay } from './relay.ts';
import { sessions } from './sessions.ts';
import { stalls } from './stalls.ts';
import { aimsTable, tableText } from './table.ts';
import { textRules } from './text-rules.ts';

/** One after the other, each with the machine to itself. */
const alone: readonly Bench[] = [latency, relay, audience, device, stalls, sessions, textRules, chain, archive];
/** On all cores: a browser, its own load and the words given to it. */
const unbound: readonly Bench[] = [page];
/** All at once, on all cores: they mostly wait. */
const together: readonly Bench[] = [recovery, narrow, flash];
const benches = [...alone, ...unbound, ...together];
const names = benches.map(({ name }) => name);

const settings = z.object({
  only: z
    .string()
    .refine((name) => names.includes(name), `must be one of ${names.join(', ')}`)
    .optional()
    .meta({ description: 'one of them alone', placeholder: names.join('|') }),
  seconds: z.coerce.number().int().min(3).max(3600).default(8).meta({
    description: 'length of a measured run; five minutes and more show what memory grows to',
    placeholder: 'N',
  }),
  rounds: z.coerce
    .number()
    .int()
    .min(1)
    .max(100)
    .default(2)
    .meta({ description: 'runs of each case', placeholder: 'N' }),
});

const program: Program<typeof settings> = {
  usage: 'npm run bench --',
  summary: `Measures Sala on this machine:\n${benches.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`).join('\n')}`,
  settings,
  start: ({ only, seconds, rounds }) =>
    Promise.resolve({
      stop: () => Promise.resolve(),
      done: measure(only, seconds, rounds),
    }),
};

async function measure(only: string | undefined, seconds: number, rounds: number): Promise<void> {
  const noise = new MachineNoise(pin(process.pid, loadCore));
  const aims: Aim[] = [];
  const tell = (line: string) => process.stderr.write(`${line}\n`);
  const chosen = ({ name }: Bench) => only === undefined || name === only;
  const show = ({ tables, aims: found }: Report) => {
    for (const table of tables) process.stdout.write(`\n${tableText(table)}`);
    aims.push(...found);
  };
  for (const bench of alone.filter(chosen)) show(await bench.run({ seconds, rounds, tell }));
  unpin(process.pid);
  for (const bench of unbound.filter(chosen)) show(await bench.run({ seconds, rounds, tell }));
  for (const report of await Promise.all(together.filter(chosen).map((bench) => bench.run({ seconds, rounds, tell }))))
    show(report);
  process.stdout.write(`\n${tableText(aimsTable(aims))}\nThe machine\n${noise.lines().join('\n')}\n`);
}

await run(program, process);
