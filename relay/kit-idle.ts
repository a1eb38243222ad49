import type { LiveRooms } from './live.ts';

export const defaultIdleAfterMs = 5 * 60_000;

export interface RoomIdleParts {
  readonly rooms: Pick<LiveRooms, 'get'>;
  /** How long a room must have been without sound. */
  readonly afterMs?: number;
  /** Monotonic, ms. */
  readonly now?: () => number;
}

/**
 * Whether anybody would miss a room for a minute: nothing is on by the schedule, nor soon, what overran included, and there
 * was no sound for a while. After a start of the relay nothing is known of that while, so that no room is idle.
 */
export class RoomIdle {
  readonly #rooms: RoomIdleParts['rooms'];
  readonly #afterMs: number;
  readonly #now: () => number;
  readonly #startedMs: number;

  constructor({ rooms, afterMs = defaultIdleAfterMs, now = () => performance.now() }: RoomIdleParts) {
    this.#rooms = rooms;
    this.#afterMs = afterMs;
    this.#now = now;
    this.#startedMs = now();
  }

  /** @param name null: of no room, where nobody misses anything */
  of(name: string | null): boolean {
    const room = name === null ? undefined : this.#rooms.get(name);
    if (!room) return true;
    if (room.talk) return false;
    const { lastAudioMs, rest } = room.live();
    const quietMs = lastAudioMs ?? this.#now() - this.#startedMs;
    return Math.max(quietMs, rest.silentMs) >= this.#afterMs;
  }
}
