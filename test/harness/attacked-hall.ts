import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import {
  audioProtocol,
  encodeAudioFrame,
  frameSamples,
  type RangeSet,
  type RelayMessage,
  sampleRate,
  size,
  union,
} from '../../relay/protocol.js';
import { Load } from '../bench/load.ts';
import { usageOf } from '../bench/usage.ts';
import type { Answers, Prey } from './attackers/wire.ts';
import { RunningProgram, remember, TestRelay, temporaryFolder } from './programs.ts';
import { until } from './until.ts';

const rooms = 4;
/** Of `script:load`: a final every 3 s. */
const framesPerFinal = 30;
const rssEveryMs = 500;
const pinned = (core: number) => ['taskset', '-c', String(core)];
/** What measures runs beside the attackers, and must not wait for them: they would be on other machines. */
const attackers = ['nice', '-n', '10', ...pinned(1)];

export interface Stretch {
  readonly name: string;
  /** Of each caption that came meanwhile. */
  readonly latencies: readonly number[];
  /** The most that the relay's process held. */
  readonly rssMib: number;
}

/** A relay on one core with four rooms that caption, and attackers on the other. */
export class AttackedHall {
  readonly relay: TestRelay;
  readonly stretches: Stretch[] = [];
  readonly prey: Omit<Prey, 'seconds'>;
  readonly #folder: { path: string; remove(): void };
  readonly #load: Load;
  readonly #startedMs = performance.now();
  #attackers = 0;
  #rssMib = 0;
  readonly #watch: NodeJS.Timeout;

  private constructor(
    relay: TestRelay,
    folder: { path: string; remove(): void },
    load: Load,
    prey: Omit<Prey, 'seconds'>,
  ) {
    this.relay = relay;
    this.#folder = folder;
    this.#load = load;
    this.prey = prey;
    this.#watch = setInterval(() => {
      this.#rssMib = Math.max(this.#rssMib, this.rssMib);
    }, rssEveryMs);
  }

  static async start(): Promise<AttackedHall> {
    const folder = temporaryFolder();
    // Shorter than by default: a body that never ends is waited for until it is cut.
    const args = ['--request-timeout', '8'];
    const relay = await TestRelay.start({ dataDir: folder.path, engine: 'script:load', through: pinned(0), args });
    const load = new Load({ address: relay.url.replace('http', 'ws'), room: (name) => relay.room(name) }, () => [true]);
    await load.grow(rooms);
    const prey = await preyOf(relay);
    return new AttackedHall(relay, folder, load, prey);
  }

  get rssMib(): number {
    return usageOf(this.relay.program.child.pid ?? 0).rssMib;
  }

  /** How long captions take, and what the relay holds, while something goes on. */
  async during<T>(name: string, act: () => Promise<T>): Promise<T> {
    const from = this.#load.heard.length;
    this.#rssMib = this.rssMib;
    const result = await act();
    const latencies = this.#load.heard.slice(from).map(({ latencyMs }) => latencyMs);
    this.stretches.push({ name, latencies, rssMib: this.#rssMib });
    return result;
  }

  /** Lets an attacker at the relay. @returns how often each case got each answer */
  attack(name: string, seconds: number): Promise<Answers> {
    return this.during(name, async () => {
      const prey: Prey = { ...this.prey, seconds };
      const attacker = new RunningProgram(
        'test/harness/attackers/main.ts',
        [name, JSON.stringify(prey)],
        { SALA_TEST_ATTACKER: String(++this.#attackers) },
        attackers,
      );
      try {
        const { answers } = await attacker.event('done', seconds * 1000 + 120_000);
        return JSON.parse(JSON.stringify(answers));
      } finally {
        await attacker.stop();
      }
    });
  }

  /** A kit that was away for so long hands in what it kept, as fast as it is told. @returns the seconds that were stored */
  async backlog(seconds: number): Promise<number> {
    const room = `archive-${randomUUID().slice(0, 8)}`;
    const { publish } = await this.relay.room(room);
    const url = new URL(`/api/rooms/${room}/audio`, this.relay.url.replace('http', 'ws'));
    const socket = new WebSocket(url, audioProtocol, {
      ...{ headers: { authorization: `Bearer ${publish}` }, perMessageDeflate: false },
    });
    await once(socket, 'open');
    const edge = seconds * sampleRate;
    let stored: RangeSet = [];
    let told = 0;
    let closed = 0;
    socket.on('close', (code) => {
      closed = code;
    });
    socket.on('message', (data) => {
      const message: RelayMessage = JSON.parse(String(data));
      if (message.type === 'welcome') told = message.limits.maxBacklogRate;
      if (message.type === 'stored') stored = union(stored, message.ranges);
    });
    const stream = {
      ...{ index: 0, id: randomUUID(), format: { encoding: 'pcm_s16le', rate: 16000, channels: 1 } },
      ...{ edge, ended: true, ranges: [[0, edge]], holes: [], anchors: [] },
    };
    const device = { id: 'kit-archive', version: '1', bootId: randomUUID() };
    socket.send(JSON.stringify({ type: 'hello', device, takeover: true, streams: [stream] }));
    await until(() => told || undefined, { what: 'a welcome' });
    const startedMs = performance.now();
    for (let position = 0; position < edge && closed === 0; ) {
      const due = ((performance.now() - startedMs) / 1000) * told * sampleRate;
      for (; position < Math.min(due, edge); position += frameSamples)
        socket.send(encodeAudioFrame({ index: 0, position, live: false, audio: Buffer.alloc(frameSamples * 2, 1) }));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await until(() => size(stored) === edge || closed !== 0 || undefined, { what: 'all stored' }).catch(() => {});
    socket.terminate();
    return size(stored) / sampleRate;
  }

  /** Finals of the four rooms that came never, or twice, up to the last that came; and how long ago that was spoken. */
  losses(): { room: string; lost: number[]; repeated: number[]; behindSeconds: number }[] {
    const finals = Map.groupBy(
      this.#load.heard.filter(({ isFinal }) => isFinal),
      ({ room }) => room,
    );
    return [...finals].map(([room, heard]) => {
      const frames = heard.map(({ frame }) => frame);
      const last = Math.max(...frames);
      const due = Array.from({ length: last / framesPerFinal }, (_, i) => (i + 1) * framesPerFinal);
      return {
        room,
        lost: due.filter((frame) => !frames.includes(frame)),
        repeated: frames.filter((frame, i) => frames.indexOf(frame) !== i),
        behindSeconds: (performance.now() - this.#startedMs) / 1000 - last / 10,
      };
    });
  }

  async metric(name: string): Promise<number> {
    const response = await fetch(new URL('/metrics', this.relay.url), {
      headers: { authorization: `Bearer ${this.relay.adminToken}` },
    });
    const lines = (await response.text()).split('\n').filter((line) => line.startsWith(name));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  async stop(): Promise<number | null> {
    clearInterval(this.#watch);
    this.#load.stop();
    const status = await this.relay.stop();
    this.#folder.remove();
    return status;
  }
}

/** A room of the attackers' own, another one, and a token of every kind. */
async function preyOf(relay: TestRelay): Promise<Omit<Prey, 'seconds'>> {
  const [room, otherRoom] = ['prey', 'other'];
  const { publish, read } = await relay.room(room);
  const other = await relay.room(otherRoom);
  const path = `/api/rooms/${room}/tokens`;
  const make = async (body: object) => {
    const made = await relay.call<{ id: string; token: string }>('POST', path, { right: 'read', ...body });
    remember(made.token);
    return made;
  };
  const revoked = await make({});
  await relay.call('DELETE', `${path}/${revoked.id}`);
  const expires = Date.now() + 1000;
  const expired = await make({ expires });
  await until(() => Date.now() > expires + 100 || undefined, { what: 'the end of a token' });
  return {
    ...{ port: relay.port, room, otherRoom },
    tokens: {
      ...{ publish, read, admin: relay.adminToken, otherPublish: other.publish, otherRead: other.read },
      ...{ revoked: revoked.token, expired: expired.token },
    },
  };
}
