import type { Right } from './access.ts';
import type { ClientAddress } from './addresses.ts';
import { RateLimit } from './rate.ts';
import { type Refusal, tooManySockets, tooManyUpgrades, unavailable } from './refusal.ts';

export const defaultPlaceLimits = {
  maxReaders: 5000,
  maxReadersPerRoom: 3000,
  /** A venue is one address. */
  maxReadersPerAddress: 3000,
  /** Those that wait for their turn included; one is in charge. */
  maxAudioSocketsPerRoom: 8,
  /** Of kits that only hand in what they heard there before; they take no place of the others. */
  maxFormerKitsPerRoom: 4,
  maxAudioSocketsPerAddress: 100,
  /** Admin pages that are open, of all organizers. */
  maxAdminSockets: 50,
  /** Kits that are there, each with one; one that comes back may be quicker than the end of its dead one. */
  maxKitSockets: 1000,
  /** Of readers, by address and token: after a restart everyone at a venue comes back within seconds. */
  maxReaderUpgradesPerMinute: 6000,
  /** Of kits and organizers: by their token, and by address where the token opens nothing. */
  maxUpgradesPerMinute: 60,
  retryAfterSeconds: 5,
};
export type PlaceLimits = { readonly [K in keyof typeof defaultPlaceLimits]: number };

/** Who wants to come in, or is inside. */
export interface Visitor {
  readonly right: Right;
  /** null: of no room. */
  readonly room: string | null;
  readonly from: ClientAddress;
  /** It only hands in what it heard while it served the room. */
  readonly isFormer?: boolean;
}

/** How many sockets are open and may be, of each right, room and address; and how often one may be asked for. */
export class DoorPlaces {
  readonly #limits: PlaceLimits;
  readonly #all: Record<Right, number> = { publish: 0, read: 0, admin: 0, kit: 0 };
  /** By right and room, by right and address; as many as there are sockets. */
  readonly #taken = new Map<string, number>();
  readonly #readerUpgrades: RateLimit;
  readonly #upgrades: RateLimit;

  /** @param now monotonic, ms */
  constructor(limits: PlaceLimits, now = () => performance.now()) {
    this.#limits = limits;
    this.#readerUpgrades = new RateLimit({ perMinute: limits.maxReaderUpgradesPerMinute }, now);
    this.#upgrades = new RateLimit({ perMinute: limits.maxUpgradesPerMinute }, now);
  }

  /** Open sockets of a right, in all rooms. */
  count(right: Right): number {
    return this.#all[right];
  }

  /** Counts of rooms and addresses that are kept. */
  get size(): number {
    return this.#taken.size;
  }

  /**
   * Notes that a socket was asked for; the answer where it was asked for too often, else null.
   *
   * A right token counts by itself, so that nobody who shares its address can use up its attempts: neither a kit's, nor a
   * screen's. Read tokens hang on walls: each counts anew at every address.
   * @param opensAs the token that opened the door, or who needed none; null where nothing did
   */
  asked({ right, from }: Visitor, opensAs: string | null): Refusal | null {
    const isReader = right === 'read';
    const waitMs = isReader
      ? this.#readerUpgrades.take(`${from.prefix} ${opensAs}`)
      : this.#upgrades.take(opensAs === null ? `address ${from.prefix}` : `token ${opensAs}`);
    return waitMs > 0 ? tooManyUpgrades(Math.ceil(waitMs / 1000)) : null;
  }

  /** Why there is no place; null where there is one. */
  full({ right, room, from, isFormer = false }: Visitor): Refusal | null {
    const limits = this.#limits;
    const inRoom = this.#taken.get(roomKey(right, room, isFormer)) ?? 0;
    const here = this.#taken.get(`${right} address ${from.prefix}`) ?? 0;
    const isFull = {
      read: this.#all.read >= limits.maxReaders || inRoom >= limits.maxReadersPerRoom,
      publish: inRoom >= (isFormer ? limits.maxFormerKitsPerRoom : limits.maxAudioSocketsPerRoom),
      admin: this.#all.admin >= limits.maxAdminSockets,
      kit: this.#all.kit >= limits.maxKitSockets,
    };
    const isCrowded = {
      read: here >= limits.maxReadersPerAddress,
      publish: here >= limits.maxAudioSocketsPerAddress,
      admin: false,
      kit: false,
    };
    if (isFull[right])
      return unavailable(
        ...fullOf[right],
        'Try again later, or raise the limit of the relay.',
        limits.retryAfterSeconds,
      );
    return isCrowded[right] ? tooManySockets(limits.retryAfterSeconds) : null;
  }

  /** Takes a place; what is returned is called once to give it back. */
  take({ right, room, from, isFormer = false }: Visitor): () => void {
    const keys = [`${right} address ${from.prefix}`, ...(room === null ? [] : [roomKey(right, room, isFormer)])];
    this.#all[right]++;
    for (const key of keys) this.#taken.set(key, (this.#taken.get(key) ?? 0) + 1);
    return () => {
      this.#all[right]--;
      for (const key of keys) {
        const left = (this.#taken.get(key) ?? 1) - 1;
        if (left > 0) this.#taken.set(key, left);
        else this.#taken.delete(key);
      }
    };
  }
}

const roomKey = (right: Right, room: string | null, isFormer: boolean) =>
  `${isFormer ? 'former ' : ''}${right} room ${room}`;

const fullOf: Readonly<Record<Right, readonly [code: string, message: string]>> = {
  read: ['too-many-readers', 'The relay has as many readers as it takes'],
  publish: ['too-many-sources', 'The room has as many audio sockets as it takes'],
  kit: ['too-many-kits', 'The relay has as many kits as it takes'],
  admin: ['too-many-organizers', 'The relay has as many admin pages open as it takes'],
};
