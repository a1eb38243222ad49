import { type Database, tryWrite } from './database.ts';
import type { SessionSettings } from './engines/engine.ts';
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

/** What an engine session is opened with where an assignment governs. */
export const sessionSettings = (room: string, { language, recognition }: Assignment): SessionSettings => ({
  room,
  language,
  recognition,
});

/** Which assignment (language, engine, recognition) governs which positions of a stream: resolved once per stream and kept. */
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
      known.push({ position, assignment, settled: position === 0 });
      tryWrite(() =>
        this.#db
          .prepare(
            'INSERT INTO boundaries (stream, position, assignment) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET assignment = excluded.assignment',
          )
          .run(stream.id, position, assignment.id),
      );
    }
    this.#cache.set(stream.id, known);
    return known;
  }

  /** What governs `position`, and up to where. */
  at(stream: SpoolStream, position: number): { assignment: Assignment; until: number } | null {
    const boundaries = this.boundaries(stream);
    const index = boundaries.findLastIndex((boundary) => boundary.position <= position);
    const assignment = boundaries[index]?.assignment;
    return assignment ? { assignment, until: boundaries[index + 1]?.position ?? Number.MAX_SAFE_INTEGER } : null;
  }

  /** The next boundary behind `position`, if it may still be moved. */
  unsettled(stream: SpoolStream, position: number): Boundary | null {
    const next = this.boundaries(stream).find((boundary) => boundary.position > position);
    return next && !next.settled ? next : null;
  }

  /** Moves a boundary there for good. */
  settle(stream: SpoolStream, boundary: Boundary, position: number): void {
    const known = this.boundaries(stream);
    const index = known.indexOf(boundary);
    if (index < 0) return;
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

  #load(stream: SpoolStream, assignments: readonly Assignment[]): Boundary[] {
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
