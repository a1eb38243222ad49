import { randomBytes, randomUUID } from 'node:crypto';
import { Agent, type AgentParts } from '../../systemd/agent/agent.ts';
import type { Files } from '../../systemd/agent/files.ts';
import { noLamp, noMachine, noUpdater } from '../../systemd/agent/none.ts';
import { agentSettings } from '../../systemd/agent/options.ts';
import { createLog } from '../../systemd/log.ts';

/** A token to enrol with, as a relay makes them. */
export const enrolmentToken = () => `enr_${randomBytes(6).toString('hex')}_${randomBytes(32).toString('base64url')}`;

/** Where a test's kit has what a real one has on its card. */
export const kitPaths = {
  data: '/data',
  boot: '/boot',
  cloud: '/cloud',
  run: '/run',
  token: '/boot/sala/enrolment-token',
  key: '/data/kit/key',
  marker: '/data/kit/enrolment.json',
  candidate: '/data/kit/candidate.json',
  firstBoot: '/data/kit/first-boot.done',
  assignment: '/data/assignment/assignment.json',
  status: '/run/kit.json',
};

export type TestAgentOptions = Partial<Omit<AgentParts, 'settings' | 'files'>> & {
  readonly files: Files;
  readonly relay: string;
  readonly kind?: 'device' | 'display' | 'solo';
  readonly settings?: Record<string, unknown>;
};

/** An agent on a machine of pretence: nothing but what the test gives is real. */
export function testAgent({ files, relay, kind = 'display', settings = {}, ...parts }: TestAgentOptions): Agent {
  const { data, boot, cloud, run } = kitPaths;
  return new Agent({
    settings: agentSettings.parse({
      ...{ relay, name: 'sala-1', kind, room: 'aula' },
      ...{ dataDir: data, bootDir: boot, cloudDir: cloud, runDir: run, displayStatus: '/nowhere/display.json' },
      ...settings,
    }),
    ...{ version: '1.0.0', bootId: randomUUID(), files, builtAtMs: 0 },
    ...{ units: { restart: async () => {} }, clock: { now: () => Date.now(), set: async () => {} } },
    ...{ lamp: noLamp, machine: noMachine, updater: () => noUpdater },
    ...{ fetch: globalThis.fetch, hasNetwork: () => true, seedId: async () => null },
    ...{ withWritableRoot: (work: () => Promise<void>) => work(), random: Math.random, log: createLog('silent') },
    ...parts,
  });
}
