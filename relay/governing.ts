import { type Database, tryWrite } from './database.ts';
import type { SessionSettings } from './engines/engine.ts';
import { type RangeSet, union } from './protocol.js';
import type { RoomTime } from './room-time.ts';
import type { Assignment, Rooms } from './rooms.ts';
import type { SpoolStream } from './spool-stream.ts';

export interface Boundary {
  /** Governs from here on. */
  readonly position: number;
  readonly assignment: Assignment;
  /** It stays where it is: it has been moved to the quietest place near by, or cannot be. */
  readonly settled: boolean;
}

/** What governs a position, and the positions around it of which that holds. */
export interface Governed {
  readonly assignment: Assignment;
  readonly from: number;
  readonly until: number;
}

/** What an engine session is opened with where an assignment governs. */
export const sessionSettings = (room: string, { language, recognition }: Assignment): SessionSettings => ({
  room,
  language,
  recognition,
});

/** Which assignment (language, engine, recognition, or a pause) governs which positions of a stream: resolved once per stream and kept. */
export class Governing {
  readonly #db: Database;
  readonly #rooms: Rooms;
  readonly #time: RoomTime;
  readonly #cache = new Map<string, Boundary[]>();

  constructor(db: Database, rooms: Rooms, time: RoomTime) {
    this.#db = db;
    this.#rooms = rooms;
    this.#time = time;
  }

  /** The stream's boundaries in order of position; the first is at 0. */
  boundaries(stream: SpoolStream): Boundary[] {
    const assignments = this.#rooms.assignments(stream.room);
    const known = this.#cache.get(stream.id) ?? this.#load(stream, assignments);
    const newest = known.at(-1)?.assignment.id ?? -1;
    for (const assignment of assignments.filter(({ id }) => id > newest)) {
      const position = known.length === 0 ? 0 : Math.max(0, this.#resolve(stream, assignment.fromMs));
      if (stream.ended && position >= stream.edge) continue;
      // A later assignment that begins no later takes the earlier one's place.
      while ((known.at(-1)?.position ?? -1) >= position) known.pop();
      const isExact = position === 0 || this.#isPauseEdge(known.at(-1), assignment);
      known.push({ position, assignment, settled: isExact });
      this.#keep(stream, position, assignment);
    }
    this.#cache.set(stream.id, known);
    return known;
  }

  /** What governs `position`, from where on and up to where. */
  at(stream: SpoolStream, position: number): Governed | null {
    const boundaries = this.boundaries(stream);
    const index = boundaries.findLastIndex((boundary) => boundary.position <= position);
    const found = boundaries[index];
    if (!found) return null;
    return {
      assignment: found.assignment,
      from: found.position,
      until: boundaries[index + 1]?.position ?? Number.MAX_SAFE_INTEGER,
    };
  }

  /** The positions of a stream that were spoken while the room was paused; nobody captions them. */
  paused(stream: SpoolStream): RangeSet {
    const boundaries = this.boundaries(stream);
    return union(
      boundaries.flatMap(
        ({ position, assignment }, i): RangeSet =>
          assignment.paused ? [[position, boundaries[i + 1]?.position ?? Number.MAX_SAFE_INTEGER]] : [],
      ),
      [],
    );
  }

  /** The next boundary behind `position`, if it may still be moved. */
  unsettled(stream: SpoolStream, position: number): Boundary | null {
    const next = this.boundaries(stream).find((boundary) => boundary.position > position);
    return next && !next.settled ? next : null;
  }

  /** Moves a boundary there for good, but never as far as the next one. */
  settle(stream: SpoolStream, boundary: Boundary, quietest: number): void {
    const known = this.boundaries(stream);
    const index = known.indexOf(boundary);
    if (index < 0) return;
    const next = known[index + 1]?.position ?? Number.MAX_SAFE_INTEGER;
    const position = quietest < next ? quietest : boundary.position;
    known[index] = { ...boundary, position, settled: true };
    if (position === boundary.position) return;
    tryWrite(() =>
      this.#db
        .prepare('UPDATE OR REPLACE boundaries SET position = ? WHERE stream = ? AND position = ?')
        .run(position, stream.id, boundary.position),
    );
  }

  /** The newest assignment of a room. */
  present(room: string): Assignment | undefined {
    return this.#rooms.assignments(room).at(-1);
  }

  forget(streamId: string): void {
    this.#cache.delete(streamId);
  }

  #resolve(stream: SpoolStream, fromMs: number): number {
    return this.#time.positionAt(stream.id, fromMs, { position: stream.edge, ms: stream.heardMs });
  }

  /** A pause begins and ends when the organizer says so, not where it is quiet. */
  #isPauseEdge(before: Boundary | undefined, { paused }: Assignment): boolean {
    return before !== undefined && before.assignment.paused !== paused;
  }

  #keep(stream: SpoolStream, position: number, { id }: Assignment): void {
    tryWrite(() =>
      this.#db
        .prepare(
          'INSERT INTO boundaries (stream, position, assignment) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET assignment = excluded.assignment',
        )
        .run(stream.id, position, id),
    );
  }

  /** What was kept, and what the disk did not take between that. */
  #load(stream: SpoolStream, assignments: readonly Assignment[]): Boundary[] {
    const known = this.#saved(stream, assignments);
    const newest = known.at(-1)?.assignment.id ?? -1;
    for (const assignment of assignments) {
      const { id } = assignment;
      if (id > newest || known.some((each) => each.assignment.id === id)) continue;
      const position = this.#resolve(stream, assignment.fromMs);
      const after = known.findIndex((each) => each.assignment.id > id);
      // Else a later one took its place.
      if ((known[after]?.position ?? 0) <= position || (known[after - 1]?.position ?? -1) >= position) continue;
      if (position <= 0) continue;
      known.splice(after, 0, { position, assignment, settled: true });
      this.#keep(stream, position, assignment);
    }
    return known;
  }

  #saved(stream: SpoolStream, assignments: readonly Assignment[]): Boundary[] {
    return this.#db
      .prepare<[string], { position: number; assignment: number }>(
        'SELECT position, assignment FROM boundaries WHERE stream = ? ORDER BY position',
      )
      .all(stream.id)
      .flatMap(({ position, assignment: id }) => {
        const assignment = assignments.find((each) => each.id === id);
        return assignment ? [{ position, assignment, settled: true }] : [];
      });
  }
}
