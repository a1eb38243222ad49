import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Backfill } from '../../relay/backfill.ts';
import { DailyBudget } from '../../relay/budget.ts';
import type { Publisher } from '../../relay/charge.ts';
import { Costs } from '../../relay/costs.ts';
import { openDatabase } from '../../relay/database.ts';
import { TranscribeEngine } from '../../relay/engines/transcribe.ts';
import { type LoadSdk, loadInstalledSdk } from '../../relay/engines/transcribe-sdk.ts';
import type { SessionLimits } from '../../relay/engines/transcribe-session.ts';
import { Governing } from '../../relay/governing.ts';
import type { Caption, Partial as PartialCaption, Status } from '../../relay/protocol.js';
import { EngineQuota } from '../../relay/quota.ts';
import type { Room } from '../../relay/room.ts';
import { RoomTime } from '../../relay/room-time.ts';
import { Rooms } from '../../relay/rooms.ts';
import { RunningRooms } from '../../relay/running-rooms.ts';
import { Spool } from '../../relay/spool.ts';
import type { SpoolStream } from '../../relay/spool-stream.ts';
import { Talks } from '../../relay/talks.ts';
import { TextRuleBook } from '../../relay/text-rule-book.ts';
import { UnsavedMark } from '../../relay/unsaved-mark.ts';
import { createLog } from '../../systemd/log.ts';
import { standInCredentials } from '../stand-ins/transcribe.ts';
import { numbersOf } from './lag.ts';
import { blockSamples } from './numbered-signal.ts';
import { temporaryFolder } from './programs.ts';

export interface HallOptions {
  /** Of the stand-in, or of what lies before it. */
  readonly url: string;
  /** Sessions of the account, and how many of them rooms leave free. */
  readonly quota?: { readonly maxSessions: number; readonly reserve: number };
  readonly region?: string;
  /** What the file with credentials holds at first; null: nothing. */
  readonly secretKey?: string | null;
  readonly engine?: Partial<SessionLimits>;
}

/** A partial or a caption as it came, with the numbers in it. */
interface Told {
  readonly atMs: number;
  readonly numbers: readonly number[];
  readonly caption: Caption | null;
}

const credentialsIn = (folder: string) => join(folder, 'credentials');

/** The installed SDK, led to one hall's service and to its own file with credentials. */
function sdkOf({ url }: HallOptions, region: string, folder: string): LoadSdk {
  const files = { filepath: credentialsIn(folder), configFilepath: '/dev/null' };
  return async () => {
    const { sdk, http, credentials } = await loadInstalledSdk();
    class Client extends sdk.TranscribeStreamingClient {
      constructor(...[config]: ConstructorParameters<typeof sdk.TranscribeStreamingClient>) {
        super({ region, ...config, endpoint: url });
      }
    }
    return {
      http,
      sdk: { ...sdk, TranscribeStreamingClient: Client },
      credentials: { ...credentials, defaultProvider: (init) => credentials.defaultProvider({ ...init, ...files }) },
    };
  };
}

/** As the relay's main program puts its parts together. */
function assemble(options: HallOptions, region: string, folder: string) {
  const dataDir = join(folder, 'data');
  const log = createLog('silent')('hall');
  const db = openDatabase(dataDir);
  const rooms = new Rooms(db, { language: 'en-US', engine: 'transcribe' });
  const spool = new Spool(db, dataDir, log);
  const time = new RoomTime(db);
  const governing = new Governing(db, rooms, time);
  const engine = new TranscribeEngine({
    ...{ log, region, loadSdk: sdkOf(options, region, folder) },
    ...(options.engine && { options: options.engine }),
  });
  const costs = new Costs(db, { pricePerMinute: 0.024, alarmPerDay: null, maxPerDay: null, maxPerRoomAndDay: null });
  const quota = new EngineQuota(options.quota ?? { maxSessions: 25, reserve: 3 }, costs);
  const backfill = new Backfill({ spool, governing, quota, budget: new DailyBudget(db, 'backfill', 36_000), log });
  const unsavedMark = new UnsavedMark(dataDir);
  const running = new RunningRooms({
    ...{ db, rooms, spool, time, governing, backfill, quota, costs, unsavedMark, log },
    engineFor: () => engine,
    restAfterMs: 60_000,
    textRules: new TextRuleBook(db, log),
    talks: new Talks(db),
    defaultEngine: 'transcribe',
  });
  for (const part of [rooms, spool, time, running, backfill]) part.start();
  return {
    ...{ running, spool, time, costs, quota },
    stop: async () => {
      backfill.stop();
      await running.stop(1000);
      await spool.stop();
      db.close();
      unsavedMark.close();
    },
  };
}

/**
 * The relay's rooms in this process, from spool to captions, with backfill, on the real SDK: what a kit sends is written into
 * the spool, what readers are told is kept. Each hall has its own service, region and credentials, so that many run at once.
 */
export class CaptionedHall {
  readonly #folder = temporaryFolder();
  readonly #options: HallOptions;
  parts: ReturnType<typeof assemble>;

  constructor(options: HallOptions) {
    this.#options = options;
    mkdirSync(join(this.#folder.path, 'data'));
    this.writeKeys(options.secretKey === undefined ? standInCredentials.secretAccessKey : options.secretKey);
    this.parts = assemble(options, options.region ?? 'eu-west-1', this.#folder.path);
  }

  /** What an operator does about credentials while the relay runs. */
  writeKeys(secret: string | null): void {
    const { accessKeyId } = standInCredentials;
    const text = secret === null ? '' : `aws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secret}\n`;
    writeFileSync(credentialsIn(this.#folder.path), `[default]\n${text}`);
  }

  /** The relay starts again on the same disk, in another region. */
  async restart(region: string): Promise<void> {
    await this.parts.stop();
    this.parts = assemble(this.#options, region, this.#folder.path);
  }

  async stop(): Promise<void> {
    await this.parts.stop();
    this.#folder.remove();
  }
}

/** A kit in charge of its room, and a reader of that room. Says numbers in real time, ten a second. */
export class HallSpeaker implements Publisher {
  readonly device = 'kit';
  readonly standIn = false;
  readonly connectedAtMs = performance.now();
  heardAtMs = this.connectedAtMs;

  /** It never falls silent. */
  get soundAtMs(): number {
    return this.heardAtMs;
  }

  readonly told: Told[] = [];
  readonly statuses: Status[] = [];
  readonly #hall: CaptionedHall;
  readonly #name: string;
  readonly #streamId = randomUUID();
  readonly #bootId = randomUUID();
  #room: Room;
  #stream: SpoolStream;
  #position = 0;

  constructor(hall: CaptionedHall, name = 'hall') {
    this.#hall = hall;
    this.#name = name;
    const { running } = hall.parts;
    running.put(name, { language: 'en-US' });
    [this.#room, this.#stream] = this.connect();
  }

  get room(): Room {
    return this.#room;
  }

  /** To the relay that runs now, which may be another one than before. */
  connect(): [Room, SpoolStream] {
    const { running, spool, time } = this.#hall.parts;
    const room = running.get(this.#name);
    const stream = spool.open(this.#streamId, this.#name, this.device, 1);
    if (!room || !stream) throw new Error('the relay takes no stream');
    this.#listen(room);
    room.charge.take(this, { takeover: true, hasAudio: true, hasSound: true });
    const monotonicMs = performance.now();
    const wallMs = Date.now();
    const anchor = { position: this.#position, bootId: this.#bootId, monotonicMs, wallMs, wallSynced: true };
    time.anchor(stream.id, anchor, wallMs);
    room.follow(stream);
    room.sourceChanged();
    [this.#room, this.#stream] = [room, stream];
    return [room, stream];
  }

  #listen(room: Room): void {
    const tell = (numbers: readonly number[], caption: Caption | null) =>
      this.told.push({ atMs: performance.now(), numbers, caption });
    room.listen({
      logged: (message) => message.type === 'caption' && tell(numbersOf(message), message),
      partial: (partial: PartialCaption) => tell(numbersOf(partial), null),
      status: (status) => this.statuses.push(status),
      deleted: () => {},
    });
  }

  replaced(): void {}

  /** Plays samples in real time, a frame each 100 ms, by the clock. */
  async play(samples: Int16Array): Promise<void> {
    const startedAtMs = performance.now();
    for (let at = 0; at < samples.length; at += blockSamples) {
      const piece = samples.slice(at, at + blockSamples);
      this.heardAtMs = performance.now();
      this.#hall.parts.spool.write(this.#stream, this.#position, Buffer.from(piece.buffer));
      this.#position += piece.length;
      const dueMs = ((at + piece.length) * 1000) / 16_000 - (performance.now() - startedAtMs);
      if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, dueMs));
    }
  }

  /** The talk is over. */
  end(): void {
    this.#hall.parts.spool.end(this.#stream, this.#position);
  }

  get captions(): Caption[] {
    return this.told.flatMap(({ caption }) => (caption ? [caption] : []));
  }

  /** When, since `atMs`, something new was told: a number that nobody had been shown before. */
  backAfter(atMs: number): number | undefined {
    // What was under way at that moment is nothing new.
    const before = this.told.filter((each) => each.atMs < atMs + 50).flatMap(({ numbers }) => numbers);
    const known = Math.max(-1, ...before);
    return this.told.find((each) => each.atMs > atMs && each.numbers.some((number) => number > known))?.atMs;
  }

  /** Captions whose place in the stream is not where their numbers were said, by more than the service's rounding. */
  misplaced(): Caption[] {
    const tolerance = 16;
    return this.captions.filter(({ text, from, to }) => {
      const numbers = numbersOf({ text });
      const first = (numbers[0] ?? 0) * blockSamples;
      const last = ((numbers.at(-1) ?? 0) + 1) * blockSamples;
      return Math.abs(from - first) > tolerance || Math.abs(to - last) > tolerance;
    });
  }
}
