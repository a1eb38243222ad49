import { join } from 'node:path';
import { TranscribeStandIn } from '../stand-ins/transcribe.ts';
import { standInEnvironment } from '../stand-ins/transcribe-environment.ts';
import { KitProcesses } from './kit-processes.ts';
import { numberedBlocks } from './numbered-signal.ts';
import { TestReader, TestRelay, temporaryFolder } from './programs.ts';
import { FaultyProxy } from './proxy.ts';
import { until } from './until.ts';
import { writeWav } from './wav.ts';

const rooms = ['aula', 'bar'] as const;
export type MovedRoom = (typeof rooms)[number];

/** A kit and a relay with two rooms, each with a reader, and a network between them that misbehaves on command. */
export class MovedKit {
  readonly kit: KitProcesses;
  readonly proxy: FaultyProxy;
  relay: TestRelay;
  readonly #folder: ReturnType<typeof temporaryFolder>;
  readonly #standIn: TranscribeStandIn;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #readers = new Map<MovedRoom, TestReader>();

  private constructor(
    folder: ReturnType<typeof temporaryFolder>,
    standIn: TranscribeStandIn,
    environment: NodeJS.ProcessEnv,
    relay: TestRelay,
    proxy: FaultyProxy,
  ) {
    this.#folder = folder;
    this.#standIn = standIn;
    this.#environment = environment;
    this.relay = relay;
    this.proxy = proxy;
    this.kit = new KitProcesses({
      folder: join(folder.path, 'kit'),
      room: 'aula',
      relay: () => `ws://127.0.0.1:${proxy.port}`,
    });
  }

  /** An enrolled kit for the room `aula`, its agent running, its device not yet. */
  static async start(): Promise<MovedKit> {
    const folder = temporaryFolder();
    const standIn = new TranscribeStandIn({ limits: { maxSegmentWords: 5, unstableWords: 1 } });
    const { url } = await standIn.start();
    const env = standInEnvironment(url);
    const relay = await TestRelay.start({ dataDir: join(folder.path, 'relay'), engine: 'transcribe', env });
    const proxy = await new FaultyProxy({ host: '127.0.0.1', port: relay.port }).start();
    const moved = new MovedKit(folder, standIn, env, relay, proxy);
    for (const room of rooms) {
      const { read } = await relay.room(room, { language: 'en-US' });
      moved.#readers.set(room, new TestReader(() => `ws://127.0.0.1:${relay.port}`, room, read));
    }
    await moved.kit.make(relay);
    moved.kit.startAgent();
    await moved.kit.enrolled();
    return moved;
  }

  /** What the device is to listen to: a file of so many numbers from `first` on, ten a second. */
  numbers(first: number, count: number): string {
    const file = join(this.#folder.path, `from-${first}.wav`);
    writeWav(file, numberedBlocks(first, count));
    return `wav:${file}`;
  }

  /** The numbers in a room's captions, in the order spoken. */
  said(room: MovedRoom): number[] {
    return (
      this.#readers
        .get(room)
        ?.words()
        .map((word) => Number(word.slice(1))) ?? []
    );
  }

  get all(): number[] {
    return rooms.flatMap((room) => this.said(room));
  }

  /** In how many stretches without a break these numbers were spoken in a room. */
  stretches(room: MovedRoom, from: number, to: number): number {
    const numbers = this.said(room)
      .filter((number) => number >= from && number < to)
      .sort((a, b) => a - b);
    return numbers.filter((number, i) => number !== (numbers[i - 1] ?? Number.NaN) + 1).length;
  }

  async assign(room: MovedRoom): Promise<void> {
    await this.relay.call('PUT', `/api/kits/${this.kit.name}/room`, { room });
  }

  /** Waits until the device serves a room that it was given. */
  async serves(room: MovedRoom): Promise<void> {
    await until(() => this.kit.device?.entries({ event: 'room' }).at(-1)?.entry.room === room || undefined, {
      what: `the device to serve ${room}`,
    });
  }

  async line(isThere: boolean): Promise<void> {
    await this.proxy.refuse(!isThere);
    if (!isThere) this.proxy.cut();
  }

  async killRelay(): Promise<void> {
    const { port } = this.relay;
    this.relay.program.kill('SIGKILL');
    await this.relay.program.exit;
    const dataDir = join(this.#folder.path, 'relay');
    this.relay = await TestRelay.start({ dataDir, engine: 'transcribe', env: this.#environment, port });
  }

  async stop(): Promise<void> {
    for (const reader of this.#readers.values()) reader.close();
    await this.kit.stop();
    await this.proxy.stop();
    await this.relay.stop();
    await this.#standIn.stop();
    this.#folder.remove();
  }
}
