import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RunningProgram, remember, type TestRelay } from './programs.ts';
import { until } from './until.ts';

export interface KitOptions {
  /** A folder of the test's own: all that a kit has on its card. */
  readonly folder: string;
  readonly name?: string;
  readonly kind?: 'device' | 'display';
  readonly room: string;
  /** Of the network that the kit is in: `ws://HOST:PORT`. */
  readonly relay: () => string;
  readonly source?: string;
  readonly deviceArgs?: readonly string[];
}

/** A kit as its card makes it: the real agent and the real device, each in a process of its own, in folders of the test's own. */
export class KitProcesses {
  readonly name: string;
  agent: RunningProgram | null = null;
  device: RunningProgram | null = null;
  readonly #options: KitOptions;

  constructor(options: KitOptions) {
    this.#options = options;
    this.name = options.name ?? 'sala-1';
    for (const folder of ['boot/sala', 'data/kit', 'data/device', 'run', 'bin'])
      mkdirSync(this.path(folder), { recursive: true });
    // Nothing here is started by systemd.
    writeFileSync(this.path('bin/systemctl'), `#!/bin/sh\necho "$@" >>'${this.path('systemctl.log')}'\n`);
    chmodSync(this.path('bin/systemctl'), 0o755);
    writeFileSync(this.path('data/kit/first-boot.done'), '');
  }

  /** Makes the kit at the relay, as `sala-kit enrol` does, and writes the token to its card, as `flash` does. */
  async make(relay: TestRelay): Promise<void> {
    const { kind = 'device', room } = this.#options;
    const made = await relay.call<{ token: string }>('POST', '/api/kits', { name: this.name, kind, room });
    writeFileSync(this.path('boot/sala/enrolment-token'), `${remember(made.token)}\n`);
  }

  path(name: string): string {
    return join(this.#options.folder, name);
  }

  startAgent(): RunningProgram {
    const { relay, kind = 'device', room } = this.#options;
    const at = (name: string) => this.path(name);
    const args = ['--relay', relay(), '--name', this.name, '--kind', kind, '--room', room, '--log-level', 'debug'];
    const folders = ['--data-dir', at('data'), '--boot-dir', at('boot'), '--run-dir', at('run')];
    const cloud = ['--cloud-dir', at('cloud'), '--display-status', at('run/display.json')];
    this.agent = new RunningProgram('systemd/agent/main.ts', [...args, ...folders, ...cloud], {
      PATH: `${at('bin')}:${process.env.PATH}`,
    });
    return this.agent;
  }

  /** The kit's key, once it has one. */
  async enrolled(): Promise<string> {
    return until(
      () => {
        const file = this.path('data/kit/key');
        return existsSync(file) ? remember(readFileSync(file, 'utf8').trim()) : undefined;
      },
      { what: 'the key of the kit' },
    );
  }

  /** What the agent tells of the kit. */
  status(): Record<string, unknown> {
    const file = this.path('run/kit.json');
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  }

  /** @param source what it listens to, where that is another one than the kit's */
  startDevice(source = this.#options.source ?? 'tone'): RunningProgram {
    const { relay, room, deviceArgs = [] } = this.#options;
    const key = this.path('data/kit/key');
    const file = existsSync(key) ? key : this.path('no-key');
    if (file !== key) writeFileSync(file, 'not-enrolled');
    const of = ['--relay', relay(), '--room', room, '--token-file', file, '--data-dir', this.path('data/device')];
    const rest = ['--assignment-file', this.path('data/assignment/assignment.json'), '--source', source];
    this.device = new RunningProgram('device/main.ts', [...of, ...rest, '--log-level', 'debug', ...deviceArgs]);
    return this.device;
  }

  async stop(): Promise<void> {
    await Promise.all([this.agent?.stop(), this.device?.stop()]);
  }
}
