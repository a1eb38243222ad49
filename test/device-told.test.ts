import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { temporaryFolder } from './harness/device-core.ts';
import { FakeRelay } from './harness/fake-relay.ts';
import { type RunningProgram, startDevice } from './harness/programs.ts';
import { FaultyProxy } from './harness/proxy.ts';
import { noise } from './harness/random.ts';
import { until } from './harness/until.ts';

/** A device of one test, its line and its relay. */
class Rig {
  readonly relay = new FakeRelay();
  readonly folder = temporaryFolder();
  readonly mounts: string[] = [];
  #proxy: FaultyProxy | undefined;
  #device: RunningProgram | undefined;

  async start(): Promise<this> {
    await this.relay.start();
    this.#proxy = await new FaultyProxy({ host: '127.0.0.1', port: this.relay.port }).start();
    return this;
  }

  async stop(): Promise<void> {
    await this.#device?.stop();
    await this.#proxy?.stop();
    await this.relay.stop();
    for (const path of this.mounts) execFileSync('umount', ['-l', path]);
    this.folder.remove();
  }

  get proxy(): FaultyProxy {
    if (!this.#proxy) throw new Error('not started');
    return this.#proxy;
  }

  startDevice(dataDir = join(this.folder.path, 'data')): RunningProgram {
    this.#device = startDevice({
      relay: `ws://127.0.0.1:${this.proxy.port}`,
      room: 'aula',
      token: 'secret-of-this-test',
      dataDir,
      source: 'tone',
      args: ['--status-listen', '127.0.0.1:0'],
    });
    return this.#device;
  }

  /** A device whose sound arrives. */
  async startCapture(dataDir?: string): Promise<RunningProgram> {
    const program = this.startDevice(dataDir);
    await this.relay.until(() => this.relay.frames.length > 5);
    return program;
  }

  /** Whether the relay has all of the only stream so far. */
  hasAll(): boolean {
    const { received = [] } = [...this.relay.streams.values()][0] ?? {};
    return received.length === 1 && received[0]?.[0] === 0;
  }

  told() {
    return this.relay.messages.findLast((message) => message.type === 'health')?.health;
  }
}

const rigs: Rig[] = [];
afterAll(() => Promise.all(rigs.map((rig) => rig.stop())));
const newRig = () => {
  const rig = new Rig();
  rigs.push(rig);
  return rig.start();
};

const status = z.object({
  health: z.object({ state: z.string(), message: z.string().min(10), hint: z.string().min(10).optional() }),
});

/** Waits until the kit's own page shows the state; what it says. */
async function shown(program: RunningProgram, state: string) {
  const { statusPort } = await program.event('started');
  return until(
    async () => {
      const { health } = status.parse(await (await fetch(`http://127.0.0.1:${statusPort}/status.json`)).json());
      return health.state === state ? health : undefined;
    },
    { what: state },
  );
}

/** Log lines at warn or error that name the code. */
const journal = (program: RunningProgram, code: string) =>
  program.lines.filter((line) => /"level":"(warn|error)"/.test(line) && line.includes(`"code":"${code}"`));

const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write('skipped: a disk that fills up needs root, to mount it\n');

// They wait for most of their time: all at once.
describe.concurrent('what is wrong', () => {
  test.skipIf(!isRoot)(
    'a full disk is told on the page, to the relay and, once, in the journal; and so is its end',
    { timeout: 60_000 },
    async () => {
      const rig = await newRig();
      const { relay, folder, mounts } = rig;
      const disk = join(folder.path, 'disk');
      mkdirSync(disk);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=600k', 'tmpfs', disk]);
      mounts.push(disk);
      relay.stores = false;
      const program = await rig.startCapture(disk);
      writeFileSync(join(disk, 'filler'), noise(1, 300_000), { flag: 'w' });
      const { hint } = await shown(program, 'disk-full');
      expect(hint).toMatch(/space/);
      await relay.until(() => rig.told()?.state === 'disk-full', 'the relay hears of it');
      expect(journal(program, 'disk-full')).toHaveLength(1);
      const frames = relay.frames.length;
      await relay.until(() => relay.frames.length > frames + 20, 'words go on');
      expect(journal(program, 'disk-full')).toHaveLength(1);
      rmSync(join(disk, 'filler'));
      execFileSync('mount', ['-o', 'remount,size=9m', disk]);
      await shown(program, 'ok');
    },
  );

  test('an unreachable relay is told on the page and, once, in the journal; capture goes on', {
    timeout: 60_000,
  }, async () => {
    const rig = await newRig();
    const { relay, proxy } = rig;
    const program = await rig.startCapture();
    await proxy.refuse(true);
    const { hint } = await shown(program, 'relay-unreachable');
    expect(hint).toMatch(/relay|network/);
    expect(journal(program, 'relay-unreachable')).toHaveLength(1);
    await proxy.refuse(false);
    await shown(program, 'ok');
    await relay.until(() => rig.hasAll(), 'nothing is missing');
  });

  test('a line that dies without a word is told within 15 s, the time the wire itself allows', {
    timeout: 60_000,
  }, async () => {
    const rig = await newRig();
    const { relay, proxy } = rig;
    const program = await rig.startCapture();
    proxy.blackHole(true);
    const deadMs = performance.now();
    await shown(program, 'relay-unreachable');
    expect(performance.now() - deadMs).toBeLessThan(15_000);
    proxy.blackHole(false);
    await shown(program, 'ok');
    await relay.until(() => rig.hasAll(), 'nothing is missing');
  });

  test.each([
    [401, 'token-refused', /token/],
    [404, 'room-unknown', /room/i],
  ])('a relay that answers %i is told on the page and, once, in the journal: %s', async (status, code, words) => {
    const rig = await newRig();
    const { relay } = rig;
    relay.refuseStatus = status;
    const program = rig.startDevice();
    const { message, hint } = await shown(program, code);
    expect(message).toMatch(words);
    expect(hint).toMatch(/admin page/);
    expect(journal(program, code)).toHaveLength(1);
  });

  test('a room that is created later gets all that was said before, and the journal says so once', {
    timeout: 60_000,
  }, async () => {
    const rig = await newRig();
    const { relay } = rig;
    relay.refuseStatus = 404;
    const program = rig.startDevice();
    await shown(program, 'room-unknown');
    await relay.until(() => relay.upgrades.length >= 2, 'another attempt');
    relay.refuseStatus = null;
    await shown(program, 'ok');
    await relay.until(() => rig.hasAll(), 'nothing is missing');
    expect(journal(program, 'room-unknown')).toHaveLength(1);
    expect(program.entries({ ns: 'uplink', level: 'info', state: 'connected' })).toHaveLength(1);
  });

  test('another source in charge is told on the page and in the journal', async () => {
    const rig = await newRig();
    const { relay } = rig;
    const program = await rig.startCapture();
    relay.refuseHello = { code: 4409 };
    relay.close(4409);
    const { hint } = await shown(program, 'other-source');
    expect(hint).toMatch(/Unplug|admin page/);
    expect(journal(program, 'other-source')).toHaveLength(1);
  });
});
