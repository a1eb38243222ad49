import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { KitUpdate } from '../../relay/kit-protocol.ts';
import type { OfferedRelease, Updater } from '../../systemd/agent/parts.ts';
import { machineDisk, type UpdateDisk } from '../../systemd/agent/updates/disk.ts';
import { KitUpdater, type UpdateLimits } from '../../systemd/agent/updates/updater.ts';
import { createLog } from '../../systemd/log.ts';
import { root, temporaryFolder } from './programs.ts';
import { type MadeRelease, makeRelease, releaseFiles, releaseKey } from './release-maker.ts';
import { until } from './until.ts';

/** Nobody waits in a test; a trial that is not confirmed lasts a moment. */
const quick: Partial<UpdateLimits> = {
  ...{ fetchRate: 1e12, idleFetchRate: 1e12, reserveBytes: 0, minRetryMs: 2, maxRetryMs: 4 },
  ...{ wellForMs: 5, trialMs: 150, stallMs: 5000 },
};

/** What the relay has, and how it misbehaves. */
export class ReleaseDesk {
  readonly releases = new Map<string, MadeRelease>();
  /** The `Range` of each request for an archive. */
  readonly asked: (string | null)[] = [];
  /** Answers break off after so many bytes of body, one number for each request. */
  breaks: number[] = [];
  /** Held back until it resolves. */
  gate: Promise<void> = Promise.resolve();

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const [, version = '', manifest] = /release\/([^/]+)(\/manifest)?$/.exec(String(input)) ?? [];
    const headers = new Headers(init?.headers);
    const made = this.releases.get(version);
    if (headers.get('authorization') !== 'Bearer the-key') return new Response('', { status: 401 });
    if (!made) return new Response('', { status: 404 });
    if (manifest) return new Response(made.manifest);
    const range = headers.get('range');
    this.asked.push(range);
    await this.gate;
    init?.signal?.throwIfAborted();
    const from = Number(/bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
    const { archive } = made;
    const body = archive.subarray(from);
    const cut = this.breaks.shift();
    let pulls = 0;
    // An error would take what was not read yet along.
    const stream = new ReadableStream(
      {
        pull(controller) {
          if (pulls++ === 0 && cut !== 0) controller.enqueue(new Uint8Array(body.subarray(0, cut ?? body.length)));
          else if (cut === undefined) controller.close();
          else controller.error(new Error('the line broke'));
        },
      },
      { highWaterMark: 0 },
    );
    return range
      ? new Response(stream, {
          status: 206,
          headers: { 'content-range': `bytes ${from}-${archive.length - 1}/${archive.length}` },
        })
      : new Response(stream, { headers: { 'content-length': String(archive.length) } });
  };
}

/** A kit with version 1.0.0 in charge, on a folder of its own; the relay is a desk. */
export class UpdatedKit {
  /** In memory where the machine can: nothing here rests on how slow a disk is. */
  readonly folder = temporaryFolder(existsSync('/dev/shm') ? '/dev/shm' : undefined);
  readonly desk = new ReleaseDesk();
  readonly reports: KitUpdate[] = [];
  readonly #deskRelay = { relay: 'https://relay.example.org', key: () => 'the-key', fetch: this.desk.fetch };
  health = { isWell: true, connected: true, device: 'ok' as string | null, isQuiet: true };
  switchOver = async () => {
    this.switches++;
  };
  /** How often the programs went over to what is in charge. */
  switches = 0;
  updater: Updater;

  constructor(disk: UpdateDisk = machineDisk, limits: Partial<UpdateLimits> = {}) {
    const { version, created } = makeRelease('1.0.0', 1).release;
    for (const { name, content, mode, type } of releaseFiles(version, created))
      if (type !== '5') this.write(`var/lib/sala/software/releases/1.0.0/${name}`, content ?? '', mode);
    symlinkSync('releases/1.0.0', this.path('var/lib/sala/software/current'));
    this.write('etc/sala/kit.toml', 'kind = "device"\n');
    this.write('etc/sala/release-key.pub', releaseKey.pem);
    this.write('proc/uptime', '30.25 50.00\n');
    for (const each of ['systemctl', 'udevadm', 'systemd-sysusers', 'sync'])
      this.write(`shims/${each}`, '#!/bin/sh\nexit 0\n', 0o755);
    this.updater = this.start(disk, limits);
  }

  path(name: string): string {
    return join(this.folder.path, name);
  }

  write(name: string, content: string | Buffer, mode = 0o644): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), content);
    chmodSync(this.path(name), mode);
  }

  read(name: string): string | null {
    return existsSync(this.path(name)) ? readFileSync(this.path(name), 'utf8') : null;
  }

  /** Starts the agent's updater anew, as after a restart. @param relay instead of the desk */
  start(
    disk: UpdateDisk = machineDisk,
    limits: Partial<UpdateLimits> = {},
    relay: { relay: string; key: () => string; fetch: typeof globalThis.fetch } = this.#deskRelay,
  ): Updater {
    const parts = {
      ...{ dataDir: this.path('var/lib/sala'), releaseKey: this.path('etc/sala/release-key.pub') },
      ...{ relay: relay.relay, key: relay.key },
      reported: () => {
        const { report } = this.updater;
        if (report) this.reports.push(report);
      },
    };
    this.updater = new KitUpdater(parts, {
      ...{ disk, fetch: relay.fetch, random: () => 0.5, log: createLog('silent')('updates') },
      limits: { ...quick, ...limits },
      switchOver: () => this.switchOver(),
    });
    this.updater.start();
    return this.updater;
  }

  /** What the relay offers of `made`. */
  put(made: MadeRelease): OfferedRelease {
    const { version, sha256, bytes } = made.release;
    this.desk.releases.set(version, made);
    return { version, sha256, bytes };
  }

  /** Looks at the kit, as the agent does each second, until the updater says `state`. */
  told(state: KitUpdate['state'], what: RegExp = /./): Promise<KitUpdate> {
    return until(
      () => {
        this.updater.look(this.health);
        const { report } = this.updater;
        return report?.state === state && what.test(report.message) ? report : undefined;
      },
      { what: `state ${state}`, everyMs: 2 },
    );
  }

  get inCharge(): string {
    return readlinkSync(this.path('var/lib/sala/software/current')).replace('releases/', '');
  }

  /** Names below `releases`. */
  get releases(): string[] {
    return readdirSync(this.path('var/lib/sala/software/releases')).sort();
  }

  /** What the kit does when it is switched on. */
  boot(order = 'boot'): void {
    const env = { PATH: `${this.path('shims')}:${process.env.PATH}`, SALA_ROOT: this.folder.path };
    const { status, stdout, stderr } = spawnSync('sh', [join(root, 'systemd/boot.sh'), order], {
      encoding: 'utf8',
      env,
    });
    if (status !== 0) throw new Error(`boot.sh: ${status}\n${stdout}${stderr}`);
  }

  async remove(): Promise<void> {
    await this.updater.stop();
    this.folder.remove();
  }
}
