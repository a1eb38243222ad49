import type { RoomRecord } from '../rooms.ts';

/** A name without case, accents, spaces and punctuation: "Sala Verdi (1)" and `sala-verdi-1` are the same. */
export const plainName = (name: string) =>
  name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '');

/** A talk of a schedule, as far as its room may be told by it. */
export interface Placed {
  readonly id: string;
  readonly room: string;
}

export interface RoomMatch {
  /** By the name in the schedule. */
  readonly rooms: ReadonlyMap<string, string>;
  readonly unmatched: readonly string[];
  /** Rooms that the schedule calls otherwise since the last time, by the new name. */
  readonly renamed: ReadonlyMap<string, string>;
}

/**
 * Which room is meant by each name of a schedule: as the mapping says; else by a room's name or title; else the one whose
 * talks are now under a name that nobody knows, while its own is gone.
 * @param known the room of each talk of the last schedule
 */
export function matchRooms(
  file: { readonly rooms: readonly string[]; readonly talks: readonly Placed[] },
  rooms: readonly Pick<RoomRecord, 'name' | 'settings'>[],
  mapping: ReadonlyMap<string, string>,
  known: ReadonlyMap<string, string>,
): RoomMatch {
  const there = new Set(rooms.map(({ name }) => name));
  const mapped = new Map([...mapping].map(([name, room]) => [plainName(name), room]));
  const named = new Map<string, string>();
  for (const { name, settings } of rooms) named.set(plainName(settings.title), name);
  for (const { name } of rooms) named.set(plainName(name), name);
  const found = new Map<string, string>();
  for (const name of file.rooms) {
    const plain = plainName(name);
    const room = mapping.get(name) ?? mapped.get(plain) ?? (plain === '' ? undefined : named.get(plain));
    if (room !== undefined && there.has(room)) found.set(name, room);
  }
  const taken = new Set(found.values());
  const renamed = new Map<string, string>();
  for (const name of file.rooms) {
    if (found.has(name)) continue;
    const before = new Set(file.talks.flatMap(({ id, room }) => (room === name ? (known.get(id) ?? []) : [])));
    const [room] = before;
    if (room === undefined || before.size > 1 || taken.has(room) || !there.has(room)) continue;
    renamed.set(name, room);
    taken.add(room);
  }
  for (const [name, room] of renamed) found.set(name, room);
  return { rooms: found, unmatched: file.rooms.filter((name) => !found.has(name)), renamed };
}
