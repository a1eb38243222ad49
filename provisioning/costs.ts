#!/usr/bin/env node
/** `npm run costs`: what a day of a conference costs, as a table. */
import { type Program, run } from '../systemd/program.ts';
import { costSettings, costTable, pricesAsOf } from './cost-model.ts';

const program: Program<typeof costSettings> = {
  usage: 'npm run costs --',
  summary: `What a day of a conference costs on AWS, live and after the talk: list prices of us-east-1 without taxes and free tiers, as of ${pricesAsOf}. The bill is Amazon's.`,
  settings: costSettings,
  async start(settings) {
    process.stdout.write(`${costTable(settings)}\n`);
    return { done: Promise.resolve(), stop: async () => {} };
  },
};

await run(program, process);
