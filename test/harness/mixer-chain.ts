import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { size } from '../../relay/protocol.js';
import { temporaryFolder } from './device-core.ts';
import { FakeRelay, type ReceivedFrame } from './fake-relay.ts';
import { type RunningProgram, startDevice } from './programs.ts';
import { PulseRig } from './pulse.ts';
import { until } from './until.ts';

/** Promised to whoever plugs and unplugs. */
export const noticedWithinMs = 1500;
export const capturedWithinMs = 3000;
const maxHoleErrorMs = 300;

/** Process ids of the children of `parent` whose command line has `name` in it. */
export function childrenOf(parent: number, name: string): number[] {
  return readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8')
    .split(' ')
    .map(Number)
    .filter((pid) => pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(name));
}

/** When position 0 was captured as the least delayed of these frames tells it, in ms. */
const originMs = (frames: readonly ReceivedFrame[]) => Math.min(...frames.map(({ to, atMs }) => atMs - to / 16));

export interface SourceFault {
  readonly noticedMs: number;
  /** From the end of the fault to its first sound at the relay. */
  readonly capturedMs: number;
  readonly holeErrorMs: number;
}

/** A mixer made of PulseAudio, the real device, and a relay that notes what comes. */
export class MixerChain {
  readonly relay = new FakeRelay();
  readonly rig: PulseRig;
  readonly #folder = temporaryFolder();
  #device: RunningProgram | undefined;

  private constructor(rig: PulseRig) {
    this.rig = rig;
  }

  static async start(source = 'mixer:mixer', cards = ['mixer']): Promise<MixerChain> {
    const chain = new MixerChain(await PulseRig.start(process.env, { prompt: true, cards }));
    await chain.relay.start();
    chain.#device = startDevice({
      relay: chain.relay.url,
      room: 'aula',
      token: 'secret-of-this-test',
      dataDir: join(chain.#folder.path, 'data'),
      source,
      args: ['--source-channels', '2', '--status-listen', '127.0.0.1:0'],
      env: chain.rig.env,
    });
    return chain;
  }

  get device(): RunningProgram {
    if (!this.#device) throw new Error('not started');
    return this.#device;
  }

  async stop(): Promise<void> {
    await this.#device?.stop();
    await this.rig.stop();
    await this.relay.stop();
    this.#folder.remove();
  }

  /** The last health that the relay was told. */
  told() {
    return this.relay.messages.findLast((message) => message.type === 'health')?.health;
  }

  signalCapture(signal: NodeJS.Signals): void {
    const pids = childrenOf(this.device.child.pid ?? 0, 'mixer-child');
    expect(pids).toHaveLength(1);
    for (const pid of pids) process.kill(pid, signal);
  }

  /**
   * Breaks the source while it is captured, mends it, and waits until all is well.
   * @param mend resolves when the fault's cause is gone; it is called once the relay was told of the fault
   */
  async suffer(faultCode: RegExp, breaks: () => unknown, mend: () => unknown = () => undefined): Promise<SourceFault> {
    const { relay } = this;
    const already = relay.frames.length;
    await relay.until(() => relay.frames.length >= already + 50, 'five seconds');
    const before = relay.frames.slice(-30);
    const messages = relay.messages.length;
    const brokenMs = performance.now();
    await breaks();
    const isTold = () =>
      relay.messages.slice(messages).some((each) => each.type === 'health' && faultCode.test(each.health.state));
    await relay.until(isTold, `a fault ${faultCode}`);
    const noticedMs = performance.now() - brokenMs;
    const last = relay.frames.length;
    await mend();
    const mendedMs = performance.now();
    await relay.until(() => relay.frames.length > last, 'sound again', 40_000);
    const capturedMs = performance.now() - mendedMs;
    await relay.until(() => relay.frames.length >= last + 40, 'four seconds of it');
    await until(() => this.told()?.state === 'ok' || undefined, { what: 'all is well again' });
    const after = relay.frames.slice(-30);
    // Positions are a true clock: had the hole another length than the time that passed, position 0 would have moved.
    const holeErrorMs = originMs(after) - originMs(before);
    process.stderr.write(
      `at the relay: noticed after ${Math.round(noticedMs)} ms, sound again after ${Math.round(capturedMs)} ms, hole wrong by ${Math.round(holeErrorMs)} ms\n`,
    );
    return { noticedMs, capturedMs, holeErrorMs };
  }

  /** One stream, and `holes` holes in it; audio and holes together are a whole. */
  expectOneStream(holes: number): void {
    expect([...this.relay.streams.values()]).toHaveLength(1);
    const [stream] = this.relay.streams.values();
    expect(stream?.holes.map(({ reason }) => reason)).toEqual(Array(holes).fill('source-lost'));
    expect(stream?.received).toHaveLength(1);
    expect(size(stream?.received ?? [])).toBe(stream?.received[0]?.[1]);
  }
}

export function expectAsPromised({ noticedMs, capturedMs, holeErrorMs }: SourceFault): void {
  expect(Math.abs(holeErrorMs)).toBeLessThan(maxHoleErrorMs);
  expect(noticedMs).toBeLessThan(noticedWithinMs);
  expect(capturedMs).toBeLessThan(capturedWithinMs);
}
