import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Recording, Recordings } from '../archive/recordings.ts';
import type { CanonicalServing } from '../canonical/serving.ts';
import type { Database } from '../database.ts';
import type { LiveRooms } from '../live.ts';
import type { SpokenCaption } from '../transcript.ts';
import type { CanonicalAbout, SinkTalk, Source } from './rows.ts';
import type { SinkContents } from './sink.ts';

export interface RelayTalksParts {
  readonly db: Database;
  readonly event: string;
  readonly recordings: Pick<Recordings, 'all' | 'get'>;
  readonly serving: Pick<CanonicalServing, 'served' | 'pages'>;
  readonly rooms: Pick<LiveRooms, 'get'>;
  readonly blocked: () => unknown;
}

/** How a talk looks now: a mark of each of its transcripts, another one when anything of it changed. */
export interface TalkMarks {
  readonly room: string;
  readonly talk: string;
  readonly live: string;
  /** Empty: readers have no canonical transcript. */
  readonly canonical: string;
}

/** The recorded talks of the relay, as the sink sends them: what readers may read of them, and nothing else. */
export class RelayTalks implements SinkContents {
  readonly #parts: RelayTalksParts;

  constructor(parts: RelayTalksParts) {
    this.#parts = parts;
  }

  talk(room: string, talk: string): SinkTalk | null {
    const recording = this.#recording(room, talk);
    if (!recording || recording.toMs === null) return null;
    const { roomTitle, title, fromMs: startMs, toMs: endMs, redact } = recording;
    return { event: this.#parts.event, room, talk, roomTitle, title, startMs, endMs, redact };
  }

  async captions(room: string, talk: string, source: Source): Promise<readonly SpokenCaption[]> {
    const recording = this.#recording(room, talk);
    const live = this.#parts.rooms.get(room);
    if (!recording || !live || recording.toMs === null) return [];
    const version = source === 'canonical' ? this.#parts.serving.served(recording) : null;
    if (source === 'canonical' && !version) return [];
    const pages = version
      ? this.#parts.serving.pages(live, version, {})
      : live.log.spoken.pages({ from: recording.fromMs, to: recording.toMs });
    const captions: SpokenCaption[] = [];
    for (const page of pages) {
      captions.push(...page);
      await setImmediate();
    }
    return captions;
  }

  canonical(room: string, talk: string): CanonicalAbout | null {
    const recording = this.#recording(room, talk);
    const version = recording && this.#parts.serving.served(recording);
    return version && { engine: version.about.engine, model: version.about.model, atMs: version.fetchedMs };
  }

  /** Of each talk that has ended and was not deleted; few ms of the event loop for each. */
  *marks(): Generator<TalkMarks> {
    for (const recording of this.#parts.recordings.all()) {
      const { room, talk, state, toMs } = recording;
      const live = this.#parts.rooms.get(room);
      if (state === 'deleted' || toMs === null || !live) continue;
      const told = [
        this.#saidIn(recording, toMs),
        recording.title,
        recording.roomTitle,
        recording.fromMs,
        toMs,
        recording.redact,
      ];
      const version = this.#parts.serving.served(recording);
      const blocked = [this.#parts.blocked(), live.record.settings.textRules?.blocked ?? []];
      yield {
        ...{ room, talk, live: markOf([live.log.id, ...told]) },
        canonical: version ? markOf([version.name, version.sha256, this.#corrected(recording), blocked, ...told]) : '',
      };
    }
  }

  #recording(room: string, talk: string): Recording | null {
    const recording = this.#parts.recordings.get(room, talk);
    return recording?.state === 'deleted' || !this.#parts.rooms.get(room) ? null : recording;
  }

  /** How many captions, the last of them, and the last that an organizer changed. */
  #saidIn({ room, fromMs }: Recording, toMs: number): unknown {
    const { db } = this.#parts;
    const said = db
      .prepare<[string, number, number]>(
        `SELECT count(*) AS captions, max(seq) AS last FROM log
         WHERE room = ? AND type = 'caption' AND start_ms >= ? AND start_ms < ?`,
      )
      .get(room, fromMs, toMs);
    // Few are ever amended: from these on, not from all that was said.
    const amended = db
      .prepare<[string, number, number]>(
        `SELECT max(amend.seq) AS last FROM log AS amend INDEXED BY log_amended
         CROSS JOIN log AS caption ON caption.room = amend.room AND caption.seq = amend.of_seq
         WHERE amend.room = ? AND amend.type = 'amend' AND caption.end_ms > ? AND caption.start_ms < ?`,
      )
      .get(room, fromMs, toMs);
    return [said, amended];
  }

  #corrected({ room, talk }: Recording): unknown {
    return this.#parts.db
      .prepare<[string, string]>(
        'SELECT count(*) AS segments, max(at_ms) AS last FROM canonical_corrections WHERE room = ? AND talk = ?',
      )
      .get(room, talk);
  }
}

const markOf = (of: unknown): string => createHash('sha256').update(JSON.stringify(of)).digest('hex').slice(0, 16);
