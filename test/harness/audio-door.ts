/** A room in this process with its audio door on a loopback port: real sockets, a real disk, an engine that says nothing. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import WebSocket, { WebSocketServer } from 'ws';
import { AudioRates } from '../../relay/audio-rates.ts';
import { Backfill } from '../../relay/backfill.ts';
import { DailyBudget } from '../../relay/budget.ts';
import { Costs } from '../../relay/costs.ts';
import { openDatabase } from '../../relay/database.ts';
import type { Delivery } from '../../relay/delivery.ts';
import type { Engine } from '../../relay/engines/engine.ts';
import { Governing } from '../../relay/governing.ts';
import type { RoomLive } from '../../relay/live.ts';
import { type Anchor, encodeAudioFrame, type RelayMessage, type StreamReport } from '../../relay/protocol.js';
import { EngineQuota } from '../../relay/quota.ts';
import { RoomTime } from '../../relay/room-time.ts';
import { Rooms } from '../../relay/rooms.ts';
import { RunningRooms } from '../../relay/running-rooms.ts';
import { Spool } from '../../relay/spool.ts';
import { Talks } from '../../relay/talks.ts';
import { TextRuleBook } from '../../relay/text-rule-book.ts';
import { UnsavedMark } from '../../relay/unsaved-mark.ts';
import { Uplink } from '../../relay/uplink.ts';
import type { UplinkLimits } from '../../relay/uplink-limits.ts';
import { createLog } from '../../systemd/log.ts';
import { temporaryFolder } from './programs.ts';

const log = createLog('silent')('audio-door');
const engine: Engine = {
  ...{ name: 'none', paid: false, promptPartials: false, check: () => null },
  open: () => ({ write() {}, end() {}, abort() {} }),
};

export class AudioDoor {
  readonly folder = temporaryFolder();
  readonly db = openDatabase(this.folder.path);
  readonly spool = new Spool(this.db, this.folder.path, log);
  readonly time = new RoomTime(this.db);
  readonly rates = new AudioRates();
  /** What the next sockets may hand in; null: they serve the room. */
  delivery: Delivery | undefined;
  /** The relay's ends of all sockets, in the order they came. */
  readonly ends: WebSocket[] = [];
  readonly #unsavedMark = new UnsavedMark(this.folder.path);
  readonly #running: RunningRooms;
  readonly #server = createServer();
  #port = 0;

  /** @param limits of each socket */
  constructor(limits: Partial<UplinkLimits> = {}) {
    const { db, spool, time, rates } = this;
    const unsavedMark = this.#unsavedMark;
    const rooms = new Rooms(db, { language: 'en-US', engine: 'none' });
    const governing = new Governing(db, rooms, time);
    const costs = new Costs(db, { pricePerMinute: 0, alarmPerDay: null, maxPerDay: null, maxPerRoomAndDay: null });
    const quota = new EngineQuota({ maxSessions: 1, reserve: 0 });
    this.#running = new RunningRooms({
      ...{ db, rooms, spool, time, governing, quota, costs, unsavedMark, log, restAfterMs: 0, defaultEngine: 'none' },
      backfill: new Backfill({ spool, governing, quota, budget: new DailyBudget(db, 'backfill', 0), log }),
      engineFor: () => engine,
      textRules: new TextRuleBook(db, log),
      talks: new Talks(db),
    });
    for (const part of [spool, time, this.#running]) part.start();
    db.pragma('wal_autocheckpoint = 0'); // for `commits`: the log is not begun anew
    const room = this.#running.put('hall', {});
    const sockets = new WebSocketServer({ server: this.#server });
    sockets.on('connection', (socket) => {
      this.ends.push(socket);
      const { delivery } = this;
      new Uplink(socket, room, { relayId: randomUUID(), spool, time, rates, limits, log, delivery }).start();
    });
  }

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    this.#port = typeof address === 'object' && address ? address.port : 0;
    return this;
  }

  async connect(): Promise<Knocker> {
    const knocker = new Knocker(new WebSocket(`ws://127.0.0.1:${this.#port}`));
    await once(knocker.socket, 'open');
    return knocker;
  }

  get room() {
    const room = this.#running.get('hall');
    if (!room) throw new Error('the room is gone');
    return room;
  }

  /** The room as organizers see it. */
  live(): RoomLive {
    return this.room.live();
  }

  /** Commits of the database so far: frames that end one, by the format of SQLite's WAL. */
  commits(): number {
    const wal = readFileSync(join(this.folder.path, 'relay.db-wal'));
    const frameBytes = 24 + wal.readUInt32BE(8);
    const salts = wal.subarray(16, 24);
    let commits = 0;
    for (let at = 32; at + frameBytes <= wal.length; at += frameBytes)
      if (wal.readUInt32BE(at + 4) > 0 && wal.subarray(at + 8, at + 16).equals(salts)) commits++;
    return commits;
  }

  async stop(): Promise<void> {
    for (const end of this.ends) end.terminate();
    await this.#running.stop(0);
    await this.spool.stop();
    this.#server.close();
    this.db.close();
    this.#unsavedMark.close();
    this.folder.remove();
  }
}

/** A program with a publish token: what it was told, and how it was closed. */
export class Knocker {
  readonly socket: WebSocket;
  readonly told: RelayMessage[] = [];
  readonly bootId = randomUUID();
  closed: number | null = null;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => this.told.push(JSON.parse(String(data))));
    socket.on('close', (code) => {
      this.closed = code;
    });
    socket.on('error', () => {});
  }

  say(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  /** @param device what it calls itself */
  hello(streams: readonly StreamReport[], device = 'kit', deliver = true): void {
    const who = { id: device, version: '1', bootId: this.bootId, monotonicMs: 5_000_000 };
    this.say({ type: 'hello', device: who, takeover: true, deliver, streams });
  }

  audio(index: number, position: number, samples: number): void {
    this.socket.send(encodeAudioFrame({ index, position, live: false, audio: Buffer.alloc(samples * 2) }));
  }

  /** A reading of its clock at a position. */
  anchor(position: number, monotonicMs = 1_000_000 + position / 16): Anchor {
    return { position, bootId: this.bootId, monotonicMs, wallMs: 0, wallSynced: false };
  }
}

/** A stream as `hello` tells of it. */
export function report(index: number, given: Partial<StreamReport> = {}): StreamReport {
  const format = { encoding: 'pcm_s16le', rate: 16000, channels: 1 } as const;
  return {
    ...{ index, id: randomUUID(), format, edge: 0, ended: true, ranges: [], holes: [], anchors: [] },
    ...given,
  };
}
