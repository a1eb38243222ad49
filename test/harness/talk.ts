import { join } from 'node:path';
import { TranscribeStandIn } from '../stand-ins/transcribe.ts';
import { standInEnvironment } from '../stand-ins/transcribe-environment.ts';
import { numberedBlocks } from './numbered-signal.ts';
import { type RunningProgram, startDevice, TestReader, TestRelay, temporaryFolder } from './programs.ts';
import { FaultyProxy } from './proxy.ts';
import { until } from './until.ts';
import { writeWav } from './wav.ts';

export interface TalkOptions {
  /** Numbers to be said, ten a second. */
  readonly numbers: number;
  readonly language?: string;
  readonly deviceArgs?: readonly string[];
}

/**
 * A talk on the real path: the numbered signal as a WAV file, the real device, a network that misbehaves on command, the
 * real relay, the real SDK, the stand-in for the service, and a reader that comes back like the page.
 */
export class Talk {
  readonly standIn = new TranscribeStandIn();
  readonly numbers: number;
  readonly #folder = temporaryFolder();
  readonly #language: string;
  readonly #deviceArgs: readonly string[];
  #parts:
    | {
        relay: TestRelay;
        proxy: FaultyProxy;
        device: RunningProgram;
        reader: TestReader;
        publish: string;
        read: string;
        url: string;
      }
    | undefined;

  constructor({ numbers, language = 'en-US', deviceArgs = [] }: TalkOptions) {
    this.numbers = numbers;
    this.#language = language;
    this.#deviceArgs = deviceArgs;
  }

  async start(): Promise<this> {
    const { url } = await this.standIn.start();
    const relay = await this.#startRelay(url, 0);
    const { publish, read } = await relay.room('hall', { language: this.#language });
    const proxy = await new FaultyProxy({ host: '127.0.0.1', port: relay.port }).start();
    const reader = new TestReader(() => `ws://127.0.0.1:${relay.port}`, 'hall', read);
    writeWav(this.#path('talk.wav'), numberedBlocks(0, this.numbers));
    const device = this.#startDevice(proxy.port, publish);
    this.#parts = { relay, proxy, device, reader, publish, read, url };
    return this;
  }

  get parts() {
    if (!this.#parts) throw new Error('the talk has not been started');
    return this.#parts;
  }

  /** Waits until that number is in a caption. */
  async said(number: number, timeoutMs = 30_000): Promise<void> {
    await until(
      () => this.parts.reader.captions().some(({ text }) => text.split(' ').includes(`n${number}`)) || undefined,
      {
        timeoutMs,
        what: `the caption of n${number} (${this.parts.reader.captions().length} captions so far)`,
      },
    );
  }

  /** Waits until the device has played the file and all of it is stored: it ends by itself. */
  async played(timeoutMs: number): Promise<number | null> {
    const timer = setTimeout(() => this.parts.device.kill(), timeoutMs);
    const { status } = await this.parts.device.exit;
    clearTimeout(timer);
    return status;
  }

  /** Waits until every number from 0 to the last is in the transcript's captions, or nothing new has come for long. */
  async captioned(timeoutMs = 60_000): Promise<void> {
    const all = () => new Set(this.parts.reader.words()).size >= this.numbers || undefined;
    await until(all, { timeoutMs, what: 'every number' }).catch(() => {});
  }

  async restartRelay(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { relay, url } = this.parts;
    relay.program.kill(signal);
    await relay.program.exit;
    this.parts.relay = await this.#startRelay(url, relay.port);
  }

  async restartDevice(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { device, proxy, publish } = this.parts;
    device.kill(signal);
    await device.exit;
    this.parts.device = this.#startDevice(proxy.port, publish);
  }

  /** Numbers as the engine heard them, in all sessions, whole or in part. */
  heard(): number[] {
    return this.standIn.sessions.flatMap((session) => [...session.numbers]);
  }

  /** Numbers as the reader was told them, in the order spoken. */
  shown(): number[] {
    return this.parts.reader.words().map((word) => Number(word.replace(/^n/, '')));
  }

  async stop(): Promise<void> {
    this.#parts?.reader.close();
    await this.#parts?.device.stop();
    await this.#parts?.relay.stop();
    await this.#parts?.proxy.stop();
    await this.standIn.stop();
    this.#folder.remove();
  }

  #path(name: string): string {
    return join(this.#folder.path, name);
  }

  #startRelay(url: string, port: number): Promise<TestRelay> {
    return TestRelay.start({ dataDir: this.#path('relay'), engine: 'transcribe', port, env: standInEnvironment(url) });
  }

  #startDevice(port: number, token: string): RunningProgram {
    return startDevice({
      relay: `ws://127.0.0.1:${port}`,
      room: 'hall',
      token,
      dataDir: this.#path('device'),
      source: `wav:${this.#path('talk.wav')}`,
      args: this.#deviceArgs,
    });
  }
}

/** Numbers missing from `0 … count-1`, numbers that stand there twice, and places where they go backwards. */
export function judge(
  numbers: readonly number[],
  count: number,
): { lost: number[]; repeated: number[]; backwards: number[] } {
  const seen = new Map<number, number>();
  for (const number of numbers) seen.set(number, (seen.get(number) ?? 0) + 1);
  return {
    lost: Array.from({ length: count }, (_, i) => i).filter((number) => !seen.has(number)),
    repeated: [...seen].filter(([, times]) => times > 1).map(([number]) => number),
    backwards: numbers.filter((number, i) => i > 0 && number < (numbers[i - 1] ?? 0)),
  };
}
