import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TestReader, TestRelay } from '../harness/programs.ts';
import { breadcrumbOf, cmdlineOf, putToken } from './card.ts';
import { kernelOf } from './debian-system.ts';
import { EmulatedPi } from './emulated-pi.ts';
import { run } from './shell.ts';

export type Kind = 'device' | 'display' | 'solo';

/** The relay as kits of the emulation see it. */
export const relayAddress = { host: '10.0.2.100', port: 8080 } as const;
export const kitName = 'verdi-1';
export const roomName = 'verdi';
const title = 'Sala Verdi';

/** How long things may take here: the emulated board is some thirty times slower than a Raspberry Pi 4. */
const firstBootTimeout = 1500;
const enrolmentTimeout = 600;
const captionTimeout = 300;

interface KitView {
  readonly name: string;
  readonly state: string;
  readonly version: string | null;
  readonly health: { readonly state: string; readonly message: string } | null;
}

/** What a boot of a kit came to, with the seconds since power-on. */
export interface Outcome {
  readonly ready: number | null;
  readonly enrolled: number | null;
  readonly caption: number | null;
  readonly health: string;
  readonly faults: readonly string[];
}

/** A relay on this machine, a card, and an emulated board that is switched on and off with it. */
export class KitTrial {
  readonly #folder: string;
  readonly #system: string;
  readonly #kind: Kind;
  readonly #relay: TestRelay;

  private constructor(folder: string, system: string, kind: Kind, relay: TestRelay) {
    this.#folder = folder;
    this.#system = system;
    this.#kind = kind;
    this.#relay = relay;
  }

  static async start(folder: string, system: string, kind: Kind): Promise<KitTrial> {
    const relay = await TestRelay.start({ dataDir: join(folder, `relay-${process.pid}`) });
    await relay.call('PUT', `/api/rooms/${roomName}`, { name: title, language: 'en-GB' });
    await relay.call('POST', '/api/kits', { name: kitName, kind, room: roomName });
    return new KitTrial(folder, system, kind, relay);
  }

  /** A token that works once. */
  async token(): Promise<{ token: string; expiresMs: number }> {
    return await this.#relay.call('POST', `/api/kits/${kitName}/enrolment`);
  }

  /** A card like `pristine`, for one more kit. */
  async newCard(pristine: string, name: string): Promise<string> {
    const card = join(this.#folder, `${name}.img`);
    await run('cp', ['--sparse=always', pristine, card]);
    await putToken(card, (await this.token()).token);
    return card;
  }

  async powerOn(card: string, log: string): Promise<EmulatedPi> {
    const { kernel, initrd } = await kernelOf(this.#system);
    const pi = new EmulatedPi({
      ...{
        card,
        format: 'raw' as const,
        kernel,
        initrd,
        cmdline: await cmdlineOf(card),
        log: join(this.#folder, `${log}.log`),
      },
      relay: { ...relayAddress, hostPort: this.#relay.port },
      clock: '2020-01-01T00:00:00',
    });
    pi.powerOn();
    return pi;
  }

  /** Waits until the kit does what it is for. @param isFirst whether its first boot is still to be done */
  async outcome(pi: EmulatedPi, isFirst: boolean): Promise<Outcome> {
    const faults: string[] = [];
    const step = async (what: string, work: () => Promise<unknown>): Promise<number | null> => {
      if (faults.length > 0) return null;
      try {
        await work();
        return Math.round(pi.seconds);
      } catch (error) {
        faults.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
        return null;
      }
    };
    const ready = isFirst
      ? await step('first boot', () => pi.said(/first start: \S+ is ready/, firstBootTimeout))
      : null;
    const enrolled = await step('enrolment', () => this.#until((kit) => kit.state === 'online', enrolmentTimeout));
    const read = await this.#relay.token(roomName, 'read');
    const reader = new TestReader(() => this.#relay.url.replace(/^http/, 'ws'), roomName, read);
    let caption: number | null = null;
    try {
      if (this.#kind !== 'display') caption = await step('captions', () => this.#caption(reader));
    } finally {
      reader.close();
    }
    const kit = await this.#kit();
    return {
      ready,
      enrolled,
      caption,
      health: kit.health ? `${kit.health.state}: ${kit.health.message}` : 'none',
      faults,
    };
  }

  /** Looks into the card of a kit that is switched off. */
  async inspect(card: string): Promise<string[]> {
    const faults: string[] = [];
    const sectors = async (index: number) => {
      const { partitiontable } = JSON.parse(await run('sfdisk', ['--json', card]));
      return Number(partitiontable.partitions[index].start) * 512;
    };
    const [root, data] = [await sectors(1), await sectors(2)];
    const show = async (offset: number, path: string) =>
      await run('debugfs', ['-R', `cat ${path}`, `${card}?offset=${offset}`]);
    // What the journal of the file system still holds is replayed first, as the next boot would.
    for (const offset of [root, data]) {
      const check = await run('sh', ['-c', `e2fsck -fp "${card}?offset=${offset}" || [ $? -le 1 ]`]).catch(String);
      if (check.includes('UNEXPECTED INCONSISTENCY')) faults.push(`the file system at ${offset} is damaged`);
    }
    const status = await show(root, '/var/lib/dpkg/status');
    const half = [
      ...status.matchAll(/^Package: (\S+)\nStatus: (?!install ok installed|deinstall ok config-files)(.*)$/gm),
    ];
    if (!status.includes('Package: libc6')) faults.push('the list of installed packages cannot be read');
    for (const [, name, state] of half) faults.push(`package ${name} is ${state}`);
    if (!(await show(data, '/kit/first-boot.done')).includes(kitName))
      faults.push('the first boot does not say that it is done');
    if (
      (await run('debugfs', ['-R', 'stat /etc/cloud/cloud-init.disabled', `${card}?offset=${root}`])).includes(
        'not found',
      )
    )
      faults.push('cloud-init was not disabled');
    return faults;
  }

  async breadcrumb(card: string): Promise<string> {
    return await breadcrumbOf(card);
  }

  async stop(): Promise<void> {
    await this.#relay.stop();
  }

  async #kit(): Promise<KitView> {
    const { kits } = await this.#relay.call<{ kits: KitView[] }>('GET', '/api/kits');
    const kit = kits.find(({ name }) => name === kitName);
    if (!kit) throw new Error('the relay has lost the kit');
    return kit;
  }

  async #until(isSo: (kit: KitView) => boolean, timeoutSeconds: number): Promise<void> {
    const end = performance.now() + timeoutSeconds * 1000;
    while (!isSo(await this.#kit())) {
      if (performance.now() > end)
        throw new Error(`not within ${timeoutSeconds} s: ${JSON.stringify(await this.#kit())}`);
      await delay(1000);
    }
  }

  async #caption(reader: TestReader): Promise<void> {
    const before = reader.captions().length;
    const end = performance.now() + captionTimeout * 1000;
    while (reader.captions().length <= before) {
      if (performance.now() > end) throw new Error(`none within ${captionTimeout} s`);
      await delay(500);
    }
  }
}
