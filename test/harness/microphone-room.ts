/**
 * A room whose sound is a browser's microphone: the page of the stand-in microphone in a Chromium with a fake audio device
 * that plays toned numbers, a network that misbehaves on command, the real relay, and the stand-in for the service.
 */
import { join } from 'node:path';
import type { Caption } from '../../relay/protocol.js';
import { TranscribeStandIn } from '../stand-ins/transcribe.ts';
import { standInEnvironment } from '../stand-ins/transcribe-environment.ts';
import { type OpenPage, type OpenPageOptions, TestBrowser } from './browser.ts';
import { type RunningProgram, startDevice, TestReader, TestRelay, temporaryFolder } from './programs.ts';
import { FaultyProxy } from './proxy.ts';
import { inOrderSpoken, judge } from './talk.ts';
import { TonedHearing, tonedNumbers } from './toned-numbers.ts';
import { until } from './until.ts';
import { writeWav } from './wav.ts';

/** Of Chromium's fake device. */
const fakeRateHz = 44_100;
const phone = { width: 390, height: 844 };

interface Parts {
  relay: TestRelay;
  readonly proxy: FaultyProxy;
  readonly reader: TestReader;
  readonly browser: TestBrowser;
  readonly publish: string;
  readonly url: string;
}

export class MicrophoneRoom {
  readonly standIn = new TranscribeStandIn({
    hearing: () => new TonedHearing(),
    limits: { maxSegmentWords: 3, unstableWords: 1 },
  });
  readonly #folder = temporaryFolder();
  readonly #numbers: number;
  #parts: Parts | undefined;

  /** @param numbers that the microphone hears, ten a second, from 0 on; silence comes after them */
  constructor(numbers: number) {
    this.#numbers = numbers;
  }

  async start(): Promise<this> {
    const { url } = await this.standIn.start();
    const relay = await this.#startRelay(url, 0);
    const { publish, read } = await relay.room('hall', { name: 'Sala Verdi', language: 'en-US' });
    const proxy = await new FaultyProxy({ host: '127.0.0.1', port: relay.port }).start();
    const reader = new TestReader(() => `ws://127.0.0.1:${relay.port}`, 'hall', read);
    const file = join(this.#folder.path, 'microphone.wav');
    writeWav(file, betweenSilence(tonedNumbers(0, this.#numbers, fakeRateHz)), { rateHz: fakeRateHz });
    const browser = await TestBrowser.launch({ more: fakeMicrophone(file) });
    this.#parts = { relay, proxy, reader, browser, publish, url };
    return this;
  }

  get parts(): Parts {
    if (!this.#parts) throw new Error('the room has not been started');
    return this.#parts;
  }

  /** The page, loaded through the network that misbehaves. */
  open(options: OpenPageOptions = {}): Promise<OpenPage> {
    const { browser, proxy, publish } = this.parts;
    const url = `http://127.0.0.1:${proxy.port}/rooms/hall/microphone#token=${publish}`;
    return browser.openPage(url, { viewport: phone, ...options });
  }

  /** The room's own kit, with numbers from `from` on. */
  startKit(from: number, count: number): RunningProgram {
    const file = join(this.#folder.path, `kit-${from}.wav`);
    writeWav(file, tonedNumbers(from, count));
    return startDevice({
      relay: `ws://127.0.0.1:${this.parts.relay.port}`,
      room: 'hall',
      token: this.parts.publish,
      dataDir: join(this.#folder.path, `kit-${from}`),
      source: `wav:${file}`,
    });
  }

  async restartRelay(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { relay, url } = this.parts;
    relay.program.kill(signal);
    await relay.program.exit;
    this.parts.relay = await this.#startRelay(url, relay.port);
  }

  /** Numbers as the reader was told them, in the order spoken. */
  shown(): number[] {
    return inOrderSpoken(this.parts.reader.shown().map(({ caption }) => caption));
  }

  /** Numbers that one engine session heard twice in a row: a browser that is short of time stutters before any page hears it. */
  stuttered(): Set<number> {
    return new Set(
      this.standIn.sessions.flatMap(({ numbers }) => numbers.filter((number, i) => i > 0 && numbers[i - 1] === number)),
    );
  }

  /** Lost, repeated and out of order among `numbers`, without what the browser itself stuttered. */
  judge(numbers: readonly number[]): ReturnType<typeof judge> {
    const judged = judge(numbers, this.#numbers);
    const stuttered = this.stuttered();
    if (judged.repeated.length > 0)
      process.stderr.write(
        `repeated: ${judged.repeated}; of these by the browser: ${[...stuttered]}\n${this.#evidence(judged.repeated)}\n`,
      );
    return { ...judged, repeated: judged.repeated.filter((number) => !stuttered.has(number)) };
  }

  /** Where captions have them, and where engine sessions heard them. */
  #evidence(numbers: readonly number[]): string {
    const has = (text: string) => numbers.some((number) => text.split(' ').includes(`n${number}`));
    const captions = this.parts.reader.captions().filter(({ text }) => has(text));
    const heard = this.standIn.sessions.map(({ words }) => words.filter(({ text }) => has(text)));
    return JSON.stringify({ captions, heard });
  }

  async said(number: number, timeoutMs = 30_000): Promise<void> {
    await until(() => this.shown().includes(number) || undefined, {
      timeoutMs,
      what: `the caption of n${number} (so far ${this.shown().length} numbers, to ${this.shown().at(-1)})`,
    });
  }

  /** The captions as they stand in the transcript. */
  async transcript(): Promise<Caption[]> {
    const path = '/api/rooms/hall/transcript.json?limit=20000';
    return (await this.parts.relay.call<{ captions: Caption[] }>('GET', path)).captions;
  }

  /** How late captions that are not late ones were with the reader, by the room time of their ends; ms. */
  liveLags(): { p50: number; p95: number } {
    const lags = this.parts.reader
      .shown()
      .filter(({ caption }) => !caption.late)
      .map(({ atMs, caption }) => Math.round(performance.timeOrigin + atMs - caption.end))
      .sort((a, b) => a - b);
    const at = (share: number) => lags[Math.floor(lags.length * share)] ?? Number.NaN;
    return { p50: at(0.5), p95: at(0.95) };
  }

  /** Waits until nothing is left to be filled in, for 3 s. */
  async settled(): Promise<void> {
    let sinceMs = performance.now();
    await until(
      async () => {
        const { live } = await this.parts.relay.call<{ live: { backfillMs: number } }>('GET', '/api/rooms/hall');
        if (live.backfillMs > 0) sinceMs = performance.now();
        return performance.now() - sinceMs > 3000 || undefined;
      },
      { timeoutMs: 40_000, everyMs: 200, what: 'the end of backfill' },
    );
  }

  /** The device in charge of the room. */
  async inCharge(): Promise<string | null> {
    const { live } = await this.parts.relay.call<{ live: { source: { device: string } | null } }>(
      'GET',
      '/api/rooms/hall',
    );
    return live.source?.device ?? null;
  }

  async stop(): Promise<void> {
    this.#parts?.reader.close();
    await this.#parts?.browser.close();
    await this.#parts?.relay.stop();
    await this.#parts?.proxy.stop();
    await this.standIn.stop();
    this.#folder.remove();
  }

  #startRelay(url: string, port: number): Promise<TestRelay> {
    return TestRelay.start({
      dataDir: join(this.#folder.path, 'relay'),
      engine: 'transcribe',
      port,
      env: standInEnvironment(url),
    });
  }
}

/** A second of silence first: a device plays as soon as it is opened, before anything is connected to it. And one after it. */
function betweenSilence(samples: Int16Array): Int16Array {
  const all = new Int16Array(2 * fakeRateHz + samples.length);
  all.set(samples, fakeRateHz);
  return all;
}

/** The flags of a browser whose microphone plays a file once, and that may use it unasked. */
export const fakeMicrophone = (file: string): string[] => [
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  `--use-file-for-fake-audio-capture=${file}%noloop`,
];
