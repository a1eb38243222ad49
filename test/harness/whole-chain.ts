import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { recordingOf, transcriptsFolder } from '../../relay/canonical/contract.ts';
import { S3StandIn } from '../stand-ins/s3.ts';
import { s3StandInEnvironment } from '../stand-ins/s3-environment.ts';
import type { ObjectCreated } from '../stand-ins/s3-events.ts';
import { inCheckout } from './batch-attempt.ts';
import { BatchChain } from './batch-chain.ts';
import { readTalk } from './canonical-run.ts';
import { ClickHouseServer, hasClickHouse } from './clickhouse.ts';
import { type JsonObject, readTemplate } from './cloudformation.ts';
import { type RunningProgram, root, startDevice, TestRelay, temporaryFolder } from './programs.ts';
import { askingAs } from './store-rights.ts';
import { until } from './until.ts';
import { writeWav } from './wav.ts';
import { welcome } from './welcome.ts';

/** The bundled speech line by line, as flite said it: between two lines are 1.6 s without a sound. */
export function spokenLines(): { text: string; samples: Int16Array }[] {
  const bytes = welcome.audio();
  const all = new Int16Array(bytes.length >> 1).map((_, i) => bytes.readInt16LE(2 * i));
  const texts = welcome.text().trim().split('\n');
  const pause = 16_000;
  const lines: { from: number; to: number }[] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const [i, sample] of all.entries()) {
    if (Math.abs(sample) < 100) continue;
    const line = lines.at(-1);
    if (line && i - last < pause) line.to = i;
    else lines.push({ from: i, to: i });
    last = i;
  }
  if (lines.length !== texts.length) throw new Error(`${lines.length} lines were said, ${texts.length} are written`);
  return lines.map(({ from, to }, i) => ({
    text: texts[i] ?? '',
    samples: all.slice(Math.max(0, from - 6400), to + 6400),
  }));
}

export interface ChainRoom {
  readonly name: string;
  /** Which lines of the bundled speech are said there. */
  readonly lines: readonly number[];
}

export interface WholeChainOptions {
  readonly rooms: readonly ChainRoom[];
  /** Of live captions. */
  readonly liveEngine: string;
}

/** A room's talk on its way. */
export interface ChainTalk extends ChainRoom {
  readonly text: string;
  readonly read: string;
  /** As in the keys. */
  talk: string;
}

interface RecordingView {
  readonly talk: string;
  readonly state: string;
  readonly message: string;
}

/**
 * All of it, on this machine: kits that play speech, the relay, an S3-compatible store, the AWS stack's own rule and job
 * definition, the job's real program with PocketSphinx, and the relay again.
 */
export class WholeChain {
  readonly standIn = new S3StandIn();
  readonly batch: BatchChain;
  readonly talks: ChainTalk[] = [];
  /** Every object that came into the store, and how many rules it matched. */
  readonly events: { readonly event: ObjectCreated; readonly matched: number }[] = [];
  readonly #folder = temporaryFolder();
  readonly #options: WholeChainOptions;
  readonly #devices: RunningProgram[] = [];
  #relay: TestRelay | null = null;
  /** null where this system has none. */
  clickhouse: ClickHouseServer | null = null;
  #url = '';

  constructor(options: WholeChainOptions) {
    this.#options = options;
    this.batch = new BatchChain({
      template: readTemplate(readFileSync(join(root, 'provisioning/aws/canonical.yaml'), 'utf8')),
      parameters: { ImageDigest: `sha256:${'0'.repeat(64)}` },
      names: { Talks: 'talks' },
      container: (command, env) =>
        inCheckout({
          ...s3StandInEnvironment,
          ...askingAs('job'),
          SALA_ENDPOINT: this.#url,
          SALA_WORK_DIR: this.path('work'),
        })(command, env),
    });
    this.standIn.on('created', (event) => this.deliver(event));
  }

  get relay(): TestRelay {
    if (!this.#relay) throw new Error('the relay has not been started');
    return this.#relay;
  }

  path(name: string): string {
    return join(this.#folder.path, name);
  }

  /** As EventBridge does; also twice, late, or in another order. */
  deliver(event: ObjectCreated): void {
    const copy: JsonObject = JSON.parse(JSON.stringify(event));
    this.events.push({ event, matched: this.batch.receive(copy) });
  }

  /** Every event that there was, once more, the last one first. */
  deliverAgain(): void {
    for (const { event } of this.events.toReversed()) this.deliver(event);
  }

  async start(): Promise<this> {
    this.#url = (await this.standIn.start()).url;
    if (hasClickHouse) this.clickhouse = await ClickHouseServer.start();
    await this.startRelay();
    const lines = spokenLines();
    for (const room of this.#options.rooms) {
      const said = room.lines.map((i) => lines[i] ?? { text: '', samples: new Int16Array() });
      writeWav(this.path(`${room.name}.wav`), Int16Array.from(said.flatMap(({ samples }) => [...samples])));
      const recording = { on: true, redact: false, engine: 'pocketsphinx' };
      const { read, publish } = await this.relay.room(room.name, { language: 'en-US', recording });
      const now = Date.now();
      await this.relay.call('PUT', `/api/rooms/${room.name}/talks/opening`, {
        ...{ title: `Opening of ${room.name}`, speakers: ['Ada'], start: now - 1000, end: now + 3_600_000 },
      });
      this.talks.push({ ...room, read, talk: '', text: said.map(({ text }) => text).join(' ') });
      this.#devices.push(
        startDevice({
          ...{ relay: this.relay.url.replace('http', 'ws'), room: room.name, token: publish },
          ...{ dataDir: this.path(`device-${room.name}`), source: `wav:${this.path(`${room.name}.wav`)}` },
        }),
      );
    }
    return this;
  }

  /** Starts it; the one that runs is killed. */
  async startRelay(): Promise<void> {
    this.#relay?.program.kill('SIGKILL');
    await this.#relay?.program.exit;
    const port = this.#relay?.port ?? 0;
    this.#relay = await TestRelay.start({
      ...{ dataDir: this.path('relay'), engine: this.#options.liveEngine, port },
      env: { ...s3StandInEnvironment, ...askingAs('relay') },
      startTimeoutMs: 60_000,
      args: [
        ...['--recording-store', 's3://talks', '--recording-endpoint', this.#url, '--event', 'conf'],
        ...(this.clickhouse
          ? ['--clickhouse-url', this.clickhouse.url, '--clickhouse-password-file', this.clickhouse.passwordFile]
          : []),
      ],
    });
  }

  /** Waits until all has been said, and ends the talks by hand. */
  async said(): Promise<void> {
    for (const device of this.#devices) {
      const { status } = await device.exit;
      if (status !== 0) throw new Error(`a kit ended with ${status}:\n${device.output}`);
    }
    for (const talk of this.talks) {
      await this.relay.call('POST', `/api/rooms/${talk.name}/recordings/end`);
      talk.talk = (await this.recording(talk.name))?.talk ?? '';
    }
  }

  async recording(room: string): Promise<RecordingView | undefined> {
    const path = `/api/rooms/${room}/recordings`;
    return (await this.relay.call<{ recordings: RecordingView[] }>('GET', path)).recordings[0];
  }

  /** Waits until the store has all recordings. */
  async archived(timeoutMs = 120_000): Promise<void> {
    for (const { name } of this.talks) {
      let told = '';
      const isStored = async () => {
        const recording = await this.recording(name);
        told = `${recording?.state}: ${recording?.message}`;
        return recording?.state === 'stored' || undefined;
      };
      await until(isStored, { timeoutMs, everyMs: 200, what: `the recording of ${name}` }).catch((error: unknown) => {
        throw new Error(`it is ${told}`, { cause: error });
      });
    }
  }

  /** What the store has of a room's talk; null: no transcript that counts. @throws where it is not whole */
  stored({ name: room, talk }: ChainTalk) {
    return readTalk((key) => this.standIn.text(key), { event: 'conf', room, talk });
  }

  /** Names of results of a talk, however many there are. */
  results({ name: room, talk }: ChainTalk): string[] {
    const own = this.standIn.keys.filter((key) => key.startsWith(transcriptsFolder({ event: 'conf', room, talk })));
    return own.flatMap((key) => /(?:transcript|failed)\.json$/.exec(key) ?? []);
  }

  /** The transcript as a reader gets it once it is there. */
  async served({ name, talk, read }: ChainTalk, ending: 'json' | 'vtt' = 'json', timeoutMs = 60_000): Promise<string> {
    const address = `${this.relay.url}/api/rooms/${name}/transcript.${ending}?talk=${talk}&version=canonical`;
    return until(
      async () => {
        const response = await fetch(address, { headers: { authorization: `Bearer ${read}` } });
        const text = await response.text();
        if (!response.ok && response.status !== 404) throw new Error(`${response.status} ${text}`);
        return response.ok ? text : undefined;
      },
      { timeoutMs, everyMs: 300, what: `the canonical transcript of ${name} at the relay` },
    );
  }

  /** What ClickHouse has of a talk as its readers see it, once that is canonical. */
  async rows({ name, talk }: ChainTalk): Promise<{ text: string; source: string }[]> {
    const sql = `SELECT text, source FROM canonical WHERE room = '${name}' AND talk_id = '${talk}' ORDER BY seq`;
    const query = async () => {
      // The relay makes the tables when it first has something for them.
      const rows = await this.clickhouse?.query<{ text: string; source: string }>(sql).catch(() => []);
      return rows?.some(({ source }) => source === 'canonical') ? rows : undefined;
    };
    return until(query, { timeoutMs: 60_000, everyMs: 300, what: `the rows of ${name} in ClickHouse` });
  }

  /** Nothing but manifests starts a job. */
  expectRule(): void {
    for (const { event, matched } of this.events)
      expect(matched, event.detail.object.key).toBe(recordingOf(event.detail.object.key) ? 1 : 0);
  }

  async stop(): Promise<void> {
    await this.batch.stop();
    for (const device of this.#devices) await device.stop();
    await this.#relay?.stop();
    await this.clickhouse?.stop();
    await this.standIn.stop();
    this.#folder.remove();
  }
}
