import type { WebSocket } from 'ws';
import type { Logger } from '../systemd/log.ts';
import { RoomIdle } from './kit-idle.ts';
import {
  type KitAssignment,
  type KitMessage,
  type KitRelayMessage,
  parseKitMessage,
  kitLimits as wire,
} from './kit-protocol.ts';
import type { Kits } from './kits.ts';
import type { LiveRooms } from './live.ts';
import { closeCodes, WireError } from './protocol.js';
import { RateLimit } from './rate.ts';

/** A release that kits should run. */
export type OfferedRelease = Omit<Extract<KitRelayMessage, { type: 'release' }>, 'type' | 'idle'>;

/** What is offered to kits at the moment. */
export interface Releases {
  readonly offered: OfferedRelease | null;
  /** Calls `listener` when another is offered, or none; returns what ends it. */
  onOffered(listener: () => void): () => void;
}

/** Whether a kit knows of a release. */
const isTold = (release: string) => release !== '' && release !== 'null';

export const noReleases: Releases = { offered: null, onOffered: () => () => {} };

export const defaultKitDoorLimits = {
  helloTimeoutMs: wire.helloTimeoutMs,
  /** What a kit is told is looked at this often; another room is told at once. */
  lookIntervalMs: 1000,
  /** A kit says something each 10 s, more while it fetches an update. */
  maxMessagesPerMinute: 60,
  maxMessagesAtOnce: 20,
  /** A kit that reads nothing is cut off. */
  maxBufferedBytes: 64 * 1024,
  closeTimeoutMs: 2000,
};
export type KitDoorLimits = { readonly [K in keyof typeof defaultKitDoorLimits]: number };

export interface KitDoorParts {
  readonly kits: Pick<Kits, 'heard' | 'learns' | 'roomOf' | 'onMoved'>;
  readonly rooms: Pick<LiveRooms, 'get'>;
  /** How long a room must have been without a talk and without sound, to be idle. */
  readonly idleAfterMs?: number;
  readonly releases?: Releases;
  readonly log: Pick<Logger, 'info'>;
  readonly limits?: Partial<KitDoorLimits>;
  readonly roomTime?: () => number;
}

interface Link {
  readonly name: string;
  readonly socket: WebSocket;
  readonly sinceMs: number;
  readonly rate: RateLimit;
  /** null: it has not said hello. */
  bootId: string | null;
  /** What it was told last, so that it is told what is new and nothing else. */
  assignment: string;
  release: string;
}

export interface KitLink {
  readonly connectedMs: number;
  readonly bootId: string;
}

/** Kits that are connected: each is told the room it serves, what it should run, and says how it is. */
export class KitDoor {
  /** Since the start. */
  readonly counters = { connections: 0, replaced: 0, refused: 0, cutOff: 0 };
  readonly #parts: KitDoorParts;
  readonly #releases: Releases;
  readonly #limits: KitDoorLimits;
  readonly #roomTime: () => number;
  readonly #idle: RoomIdle;
  readonly #links = new Map<string, Link>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: KitDoorParts) {
    this.#parts = parts;
    this.#releases = parts.releases ?? noReleases;
    this.#limits = { ...defaultKitDoorLimits, ...parts.limits };
    this.#roomTime = parts.roomTime ?? Date.now;
    const { rooms, idleAfterMs } = parts;
    this.#idle = new RoomIdle({ rooms, ...(idleAfterMs !== undefined && { afterMs: idleAfterMs }) });
    parts.kits.onMoved((kit) => this.#look(kit));
    this.#releases.onOffered(() => this.#lookAtAll());
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#lookAtAll(), this.#limits.lookIntervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Kits that are connected and said hello. */
  get connected(): number {
    return [...this.#links.values()].filter(({ bootId }) => bootId !== null).length;
  }

  /** Since when a kit is connected; null where it is not. */
  of(name: string): KitLink | null {
    const link = this.#links.get(name);
    return link?.bootId ? { connectedMs: performance.now() - link.sinceMs, bootId: link.bootId } : null;
  }

  /** Whether nobody would miss the room that a kit serves. */
  isIdle(name: string): boolean {
    return this.#idle.of(this.#parts.kits.roomOf(name));
  }

  /** The kit makes itself known for a while; false where it is not connected. */
  identify(name: string): boolean {
    const link = this.#links.get(name);
    if (!link?.bootId) return false;
    this.#say(link, { type: 'identify' });
    return true;
  }

  /** Serves an open socket until it closes; the newest of a kit wins. */
  serve(socket: WebSocket, name: string): void {
    const before = this.#links.get(name);
    const { maxMessagesPerMinute, maxMessagesAtOnce, helloTimeoutMs } = this.#limits;
    const link: Link = {
      ...{ name, socket, sinceMs: performance.now(), bootId: null, assignment: '', release: '' },
      rate: new RateLimit({ perMinute: maxMessagesPerMinute, atOnce: maxMessagesAtOnce }, undefined, 1),
    };
    this.#links.set(name, link);
    this.counters.connections++;
    if (before) {
      this.counters.replaced++;
      this.#end(before, closeCodes.otherSource, 'the kit connected once more');
    }
    const hello = setTimeout(() => this.#refuse(link, closeCodes.helloTimeout, 'no hello'), helloTimeoutMs);
    socket.on('message', (data, isBinary) => this.#take(link, String(data), isBinary));
    socket.once('close', () => {
      clearTimeout(hello);
      if (this.#links.get(name) === link) this.#links.delete(name);
    });
    link.socket.once('message', () => clearTimeout(hello));
  }

  #take(link: Link, text: string, isBinary: boolean): void {
    if (link.socket.readyState !== link.socket.OPEN) return;
    try {
      if (isBinary) throw new WireError('a kit sends text', closeCodes.unsupportedData);
      if (link.rate.take('') > 0) throw new WireError('too many messages', closeCodes.tooManyMessages);
      this.#hear(link, parseKitMessage(text));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#refuse(link, error.closeCode, error.message);
    }
  }

  #hear(link: Link, message: KitMessage): void {
    const { kits, log } = this.#parts;
    const { name } = link;
    if ((message.type === 'hello') !== (link.bootId === null)) throw new WireError('hello comes first, and once');
    const at = this.#roomTime();
    if (message.type === 'update') {
      const { type: _, ...update } = message;
      log.info({ event: 'kit-update', kit: name, ...update }, 'A kit tells of an update');
      kits.heard(name, { update, updateMs: at });
      return;
    }
    if (message.type === 'hello') kits.learns(name);
    kits.heard(name, { health: message.health, healthMs: at });
    if (message.type === 'health') return;
    kits.heard(name, { version: message.version });
    link.bootId = message.bootId;
    log.info({ event: 'kit-connected', kit: name, version: message.version }, 'A kit is connected');
    const assignment = this.#assignmentOf(name);
    link.assignment = JSON.stringify(assignment);
    this.#say(link, { type: 'welcome', at, assignment, idle: this.isIdle(name) });
    this.#look(name);
  }

  #assignmentOf(name: string): KitAssignment | null {
    const room = this.#parts.rooms.get(this.#parts.kits.roomOf(name) ?? '');
    return room ? { room: room.record.name, title: room.record.settings.title } : null;
  }

  #lookAtAll(): void {
    for (const name of [...this.#links.keys()]) this.#look(name);
  }

  /** Tells a kit what is new. */
  #look(name: string): void {
    const link = this.#links.get(name);
    if (!link?.bootId) return;
    const assignment = this.#assignmentOf(name);
    const told = JSON.stringify(assignment);
    // Without a room it stays with what it had.
    if (assignment && told !== link.assignment) this.#say(link, { type: 'assignment', ...assignment });
    link.assignment = told;
    const { offered } = this.#releases;
    const release = offered && { type: 'release' as const, ...offered, idle: this.isIdle(name) };
    const offer = JSON.stringify(release);
    if (release && offer !== link.release) this.#say(link, release);
    if (!release && isTold(link.release)) this.#say(link, { type: 'withdrawn' });
    link.release = offer;
  }

  #say(link: Link, message: KitRelayMessage): void {
    if (link.socket.bufferedAmount > this.#limits.maxBufferedBytes) {
      this.counters.cutOff++;
      this.#end(link, closeCodes.slowReader, 'the kit reads too slowly');
    } else link.socket.send(JSON.stringify(message));
  }

  #refuse(link: Link, code: number, reason: string): void {
    this.counters.refused++;
    this.#parts.log.info({ event: 'kit-refused', kit: link.name, code, reason }, 'A kit broke the protocol');
    this.#end(link, code, reason);
  }

  /** One that never answers the close is terminated. */
  #end({ name, socket }: Link, code: number, reason: string): void {
    if (this.#links.get(name)?.socket === socket) this.#links.delete(name);
    if (socket.readyState !== socket.OPEN) return;
    socket.close(code, reason);
    const timer = setTimeout(() => socket.terminate(), this.#limits.closeTimeoutMs);
    socket.once('close', () => clearTimeout(timer));
  }
}
