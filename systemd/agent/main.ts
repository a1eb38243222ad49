import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { createLog } from '../log.ts';
import { type Program, type Running, run } from '../program.ts';
import { Agent } from './agent.ts';
import { noLamp, noMachine, noUpdater } from './none.ts';
import { type AgentSettings, agentSettings } from './options.ts';

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  try {
    return z.object({ version: z.string().max(64) }).parse(JSON.parse(readFileSync(file, 'utf8'))).version;
  } catch {
    return 'unknown';
  }
}

async function start(settings: AgentSettings): Promise<Running> {
  const log = createLog(settings.logLevel);
  const agent = new Agent({
    settings,
    version: version(),
    units: { restart: () => Promise.resolve() },
    clock: { now: () => Date.now(), set: () => Promise.resolve() },
    lamp: noLamp,
    machine: noMachine,
    updater: () => noUpdater,
    random: Math.random,
    log,
  });
  agent.start();
  return { stop: () => agent.stop() };
}

const agent: Program<typeof agentSettings> = {
  usage: 'node systemd/agent/main.ts',
  summary: 'Keeps a kit the relay’s own: enrols it, is told its room and its releases, and tells how it is.',
  settings: agentSettings,
  start,
};

await run(agent, process);
