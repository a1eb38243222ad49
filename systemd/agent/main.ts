import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { systemClocks } from '../../device/clocks.ts';
import { createLog } from '../log.ts';
import { SystemdNotifier } from '../notify.ts';
import { type Program, type Running, run } from '../program.ts';
import { runningVersion } from '../version.ts';
import { Agent } from './agent.ts';
import { builtAtMs } from './clock-floor.ts';
import { Diagnostics } from './diagnostics.ts';
import { AgentDoor } from './door.ts';
import { machineFiles } from './files.ts';
import { KitMachine } from './health/machine.ts';
import { ActivityLed } from './led.ts';

import { type AgentSettings, agentSettings } from './options.ts';
import type { UpdaterParts } from './parts.ts';
import { machineClock, switchOver, systemdUnits, withWritableRoot } from './units.ts';
import { machineDisk } from './updates/disk.ts';
import { KitUpdater } from './updates/updater.ts';

/** The agent looks at everything once a second. */
const maxBeatAgeMs = 10_000;

/** The board's own; undefined where the machine has none. */
async function serial(): Promise<string | undefined> {
  const text = (await machineFiles.read('/proc/device-tree/serial-number').catch(() => null))?.toString('latin1');
  return /^[0-9a-f]{1,64}/i.exec(text ?? '')?.[0];
}

/** Of the kernel's command line, where a seed leaves it. */
async function seedId(): Promise<string | null> {
  const line = (await machineFiles.read('/proc/cmdline'))?.toString('utf8') ?? '';
  return /\bds=nocloud[^\s]*;i=([^;\s]+)/.exec(line)?.[1] ?? null;
}

const isLoopback = (relay: string) => /^(127\.|localhost$|\[::1\]$)/.test(new URL(relay).hostname);
const hasAddress = () =>
  Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ internal }) => !internal));

async function start(settings: AgentSettings, env: NodeJS.ProcessEnv): Promise<Running> {
  const log = createLog(settings.logLevel);
  const notifier = new SystemdNotifier({ env, log: log('systemd') });
  const updater = (parts: UpdaterParts) =>
    new KitUpdater(parts, { disk: machineDisk, fetch, random: Math.random, log: log('updates'), switchOver });
  const agent = new Agent({
    ...{ settings, version: runningVersion(), serial: await serial(), bootId: systemClocks().bootId, log },
    ...{ files: machineFiles, units: systemdUnits, clock: machineClock, builtAtMs: builtAtMs() },
    ...{ lamp: new ActivityLed(), machine: new KitMachine({ dataDir: settings.dataDir }), updater },
    ...{ fetch: globalThis.fetch, seedId, withWritableRoot, random: Math.random },
    hasNetwork: () => isLoopback(settings.relay) || hasAddress(),
    onStatus: (message) => void notifier.status(message),
  });
  const diagnostics = new Diagnostics({ dataDir: settings.dataDir, health: () => agent.health() });
  const door = new AgentDoor({
    ...{ socket: join(settings.runDir, 'agent.sock'), user: 'sala-device', log: log('door') },
    identify: () => agent.identify(),
    diagnostics: () => diagnostics.make(),
  });
  await agent.start();
  // A screen has no page on the network.
  if (settings.kind !== 'display') await door.start();
  notifier.watch(async () => {
    if (agent.beatAgeMs > maxBeatAgeMs) throw new Error('the agent does not look after its kit');
  });
  await notifier.ready(agent.health().message);
  return {
    stop: async () => {
      await notifier.stopping();
      await Promise.all([door.stop(), agent.stop()]);
    },
  };
}

const agent: Program<typeof agentSettings> = {
  usage: 'node systemd/agent/main.ts',
  summary: 'Keeps a kit the relay’s own: enrols it, is told its room and its releases, and tells how it is.',
  settings: agentSettings,
  start,
};

await run(agent, process);
