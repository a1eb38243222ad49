import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Caption } from '../../relay/protocol.js';
import { TranscribeStandIn } from '../stand-ins/transcribe.ts';
import { standInEnvironment } from '../stand-ins/transcribe-environment.ts';
import type { Describe } from '../stand-ins/transcribe-segments.ts';
import { type Lag, lagsOf } from './lag.ts';
import { numberedBlocks } from './numbered-signal.ts';
import { type RunningProgram, startDevice, TestReader, TestRelay, temporaryFolder } from './programs.ts';
import { FaultyProxy } from './proxy.ts';
import { until } from './until.ts';
import { writeWav } from './wav.ts';

export interface TalkOptions {
  /** Numbers to be said, ten a second. */
  readonly numbers: number;
  readonly language?: string;
  /** What the device listens to, instead of playing the talk itself. */
  readonly source?: string;
  /** A WAV file in the talk's own folder to play instead. */
  readonly sourceIn?: string;
  /** The kit starts while the relay's address refuses connections. */
  readonly startsOffline?: boolean;
  readonly deviceArgs?: readonly string[];
  readonly deviceEnv?: NodeJS.ProcessEnv;
  /** The network the kit is in, instead of this machine's own loopback. */
  readonly line?: { readonly hostAddress: string; readonly through: readonly string[] };
  /** Words in a final of the stand-in. With few of them a word is final soon after it was spoken, and lag can be measured. */
  readonly segmentWords?: number;
  /** What the stand-in would notice in the words, if asked. */
  readonly describe?: Describe;
  readonly relayArgs?: readonly string[];
  /** Folders of the test's own, e.g. on a small disk; else some that go with the talk. */
  readonly relayDir?: string;
  readonly deviceDir?: string;
}

/**
 * A talk on the real path: the numbered signal as a WAV file, the real device, a network that misbehaves on command, the
 * real relay, the real SDK, the stand-in for the service, and a reader that comes back like the page.
 */
export class Talk {
  readonly standIn: TranscribeStandIn;
  readonly numbers: number;
  readonly #folder = temporaryFolder();
  readonly #options: TalkOptions;
  #relayDir: string;
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

  constructor(options: TalkOptions) {
    const { segmentWords, relayDir, describe } = options;
    this.numbers = options.numbers;
    this.#options = options;
    this.#relayDir = relayDir ?? this.path('relay');
    this.standIn = new TranscribeStandIn({
      limits: segmentWords === undefined ? {} : { maxSegmentWords: segmentWords, unstableWords: 1 },
      ...(describe && { describe }),
    });
  }

  async start(): Promise<this> {
    const { url } = await this.standIn.start();
    const relay = await this.#startRelay(url, 0);
    const { publish, read } = await relay.room('hall', this.#settings);
    const proxy = await new FaultyProxy(
      { host: '127.0.0.1', port: relay.port },
      this.#options.line?.hostAddress,
    ).start();
    if (this.#options.startsOffline) await proxy.refuse(true);
    const reader = new TestReader(
      () => `ws://127.0.0.1:${relay.port}`,
      'hall',
      () => this.#parts?.read ?? read,
    );
    writeWav(this.path('talk.wav'), numberedBlocks(0, this.numbers));
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

  /** When the first sample was played: the device says so before it begins, and the file's pace does the rest. */
  startedAtMs(): number {
    const [first] = this.parts.device.entries({ ns: 'source', state: 'capturing' });
    if (!first) throw new Error('the device has not begun to play');
    return first.atMs;
  }

  /** How late each number was with the reader, in the order spoken. */
  lags(): Lag[] {
    return lagsOf(this.parts.reader.shown(), this.startedAtMs());
  }

  /** Waits until the device is connected to the relay again; when that was. */
  async connected(sinceMs: number, timeoutMs = 30_000): Promise<number> {
    const { atMs } = await until(
      () => this.parts.device.entries({ ns: 'uplink', state: 'connected' }).find((each) => each.atMs > sinceMs),
      { timeoutMs, what: 'a new connection' },
    );
    return atMs;
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
    const all = () => new Set(this.shown()).size >= this.numbers || undefined;
    await until(all, { timeoutMs, what: 'every number' }).catch(() => {});
  }

  /** How it ended, and how long that took. */
  async restartRelay(signal: 'SIGKILL' | 'SIGTERM'): Promise<{ status: number | null; ms: number }> {
    const { relay, url } = this.parts;
    const toldMs = performance.now();
    relay.program.kill(signal);
    const { status } = await relay.program.exit;
    const ms = Math.round(performance.now() - toldMs);
    this.parts.relay = await this.#startRelay(url, relay.port);
    return { status, ms };
  }

  /** Another relay in its place: an empty disk, the same room, new tokens. The link must be down meanwhile. */
  async replaceRelay(): Promise<void> {
    const { relay, url, device } = this.parts;
    relay.program.kill('SIGKILL');
    await relay.program.exit;
    this.#relayDir = this.path(`relay-${Date.now()}`);
    const made = await this.#startRelay(url, relay.port);
    const { publish, read } = await made.room('hall', this.#settings);
    writeFileSync(join(this.deviceDir, 'token'), publish, { mode: 0o600 });
    this.#parts = { ...this.parts, relay: made, device, publish, read };
  }

  /** The relay dies and starts on another disk with what was restored there: same room, same tokens. */
  async restoreRelay(restore: (dataDir: string) => void): Promise<void> {
    const { relay, url } = this.parts;
    relay.program.kill('SIGKILL');
    await relay.program.exit;
    this.#relayDir = this.path(`relay-${Date.now()}`);
    restore(this.#relayDir);
    this.parts.relay = await this.#startRelay(url, relay.port);
  }

  /** Waits until nothing but a running mixer's newest audio is left to be sent or captioned, for 3 s. */
  async settled(timeoutMs = 60_000): Promise<void> {
    let count = -1;
    let sinceMs = 0;
    await until(
      async () => {
        const { live } = await this.room<{ live: { backfillMs: number; backlogMs: number } }>();
        const now = this.parts.reader.captions().length;
        if (live.backfillMs > 0 || live.backlogMs > 2000 || now !== count) sinceMs = performance.now();
        count = now;
        return performance.now() - sinceMs > 3000 || undefined;
      },
      { timeoutMs, everyMs: 200, what: 'the end of backlog and backfill' },
    );
  }

  /** The room as organizers see it. */
  room<
    T = { live: { state: string; message: string; backfillMs: number; source: { device: string } | null } },
  >(): Promise<T> {
    return this.parts.relay.call<T>('GET', '/api/rooms/hall');
  }

  /** The captions as they stand in the transcript. */
  async transcript(): Promise<Caption[]> {
    const path = '/api/rooms/hall/transcript.json?limit=20000';
    return (await this.parts.relay.call<{ captions: Caption[] }>('GET', path)).captions;
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

  /** Numbers as the reader was told them since its last reset, in the order spoken. */
  shown(): number[] {
    return inOrderSpoken(this.parts.reader.shown().map(({ caption }) => caption));
  }

  async stop(): Promise<void> {
    this.#parts?.reader.close();
    await this.#parts?.device.stop();
    await this.#parts?.relay.stop();
    await this.#parts?.proxy.stop();
    await this.standIn.stop();
    this.#folder.remove();
  }

  /** Where the relay keeps its data now. */
  get relayDir(): string {
    return this.#relayDir;
  }

  /** Where the device keeps its data. */
  get deviceDir(): string {
    return this.#options.deviceDir ?? this.path('device');
  }

  /** A place in the folder that goes with the talk. */
  path(name: string): string {
    return join(this.#folder.path, name);
  }

  get #settings() {
    return { language: this.#options.language ?? 'en-US' };
  }

  #startRelay(url: string, port: number): Promise<TestRelay> {
    return TestRelay.start({
      dataDir: this.#relayDir,
      engine: 'transcribe',
      port,
      args: this.#options.relayArgs ?? [],
      env: standInEnvironment(url),
    });
  }

  #startDevice(port: number, token: string): RunningProgram {
    return startDevice({
      relay: `ws://${this.#options.line?.hostAddress ?? '127.0.0.1'}:${port}`,
      through: this.#options.line?.through ?? [],
      room: 'hall',
      token,
      dataDir: this.deviceDir,
      source: this.#options.source ?? `wav:${this.path(this.#options.sourceIn ?? 'talk.wav')}`,
      args: this.#options.deviceArgs ?? [],
      env: this.#options.deviceEnv ?? {},
    });
  }
}

/** The numbers of captions, sorted by (start, seq). */
export function inOrderSpoken(captions: readonly Caption[]): number[] {
  return captions
    .toSorted((a, b) => a.start - b.start || a.seq - b.seq)
    .flatMap(({ text }) => text.split(/\s+/).map((word) => Number(word.replace(/^n/, ''))));
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
