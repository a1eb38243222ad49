/** The relay's half of canonical transcripts over a store that the test fills as jobs do, without a socket. */
import type { Recording } from '../../relay/archive/recordings.ts';
import { Recordings } from '../../relay/archive/recordings.ts';
import type { CanonicalTranscript, JobIdentity } from '../../relay/canonical/contract.ts';
import { FetchedTranscripts } from '../../relay/canonical/fetched.ts';
import { type FetchingParts, TranscriptFetching } from '../../relay/canonical/fetching.ts';
import { Publishing } from '../../relay/canonical/publishing.ts';
import { CanonicalServing } from '../../relay/canonical/serving.ts';
import type { ObjectStore } from '../../relay/objects/object-store.ts';
import { TextRuleBook } from '../../relay/text-rule-book.ts';
import { TestApi } from './api.ts';
import { identity, type Made, madeBy, manifestKey, productOf } from './canonical-run.ts';
import { captureLog } from './doors.ts';
import { type FakeRoom, FakeRooms } from './fake-rooms.ts';
import { MemoryStore } from './memory-store.ts';

/** Room time of the first sample, and the length of the talk, of `identity()` and `madeBy()`. */
export const startMs = Date.UTC(2026, 10, 20, 9);
export const hourMs = 3_600_000;

export type Segment = CanonicalTranscript['segments'][number];

export const segment = (id: number, text: string, fields: Partial<Segment> = {}): Segment => ({
  ...{ id, start_ms: id * 5000, end_ms: id * 5000 + 4000, speaker: null, text, text_redacted: null },
  ...{ language: 'en-US', words: [], ...fields },
});

/** What a job gives of a talk. */
export function talkOf(
  run: JobIdentity,
  segments: readonly Segment[],
  fields: Partial<CanonicalTranscript> = {},
): Made {
  const made = madeBy(run);
  const talk = { ...made.transcript.talk, duration_ms: 60_000 };
  return { ...made, transcript: { ...made.transcript, talk, segments: [...segments], ...fields } };
}

export interface CanonicalRelayOptions extends Partial<Pick<FetchingParts, 'read' | 'random'>> {
  readonly store?: ObjectStore;
  /** Of another one, as after a restart. */
  readonly rooms?: FakeRooms;
}

export class CanonicalRelay {
  readonly store: ObjectStore;
  readonly rooms: FakeRooms;
  readonly recordings: Recordings;
  readonly fetched: FetchedTranscripts;
  readonly fetching: TranscriptFetching;
  readonly serving: CanonicalServing;
  readonly textRules: TextRuleBook;
  readonly api: TestApi;
  readonly lines: string[];

  constructor({ store = new MemoryStore(), rooms = new FakeRooms(), ...fetching }: CanonicalRelayOptions = {}) {
    this.store = store;
    this.rooms = rooms;
    const { log, lines } = captureLog();
    this.lines = lines;
    if (!rooms.get('verdi')) rooms.put('verdi');
    this.recordings = new Recordings(rooms.db);
    this.recordings.start();
    this.fetched = new FetchedTranscripts(rooms.db, rooms.kept);
    this.fetched.start();
    const { recordings, fetched } = this;
    const hasRoom = (name: string) => rooms.get(name) !== undefined;
    this.fetching = new TranscriptFetching({ store, recordings, fetched, hasRoom, log, ...fetching });
    this.textRules = new TextRuleBook(rooms.db, log);
    this.serving = new CanonicalServing({ recordings, fetched, textRules: this.textRules, log });
    this.api = new TestApi({ rooms, canonical: { serving: this.serving, fetched, fetching: this.fetching } });
  }

  get room(): FakeRoom {
    return this.rooms.put('verdi');
  }

  /** A recording that is in the store, of a talk that was an hour ago. */
  record(run: JobIdentity = identity(), fields: Partial<Recording> = {}): Recording {
    const { talk, room, revision } = run;
    return this.recordings.put({
      ...{ room, talk, talkId: null, revision, roomTitle: room, title: 'Opening', speakers: ['Ada'] },
      ...{ fromMs: startMs, toMs: startMs + 60_000, endedBy: null, state: 'stored', message: '', hint: '' },
      ...{ redact: false, engine: null, manifestKey: manifestKey(run) },
      ...fields,
    });
  }

  /** What a job does when it is done. */
  async publish(run: JobIdentity, made: Made, replace = false): Promise<void> {
    await this.store.put(manifestKey(run), new Uint8Array(1));
    await new Publishing({ store: this.store, now: () => startMs }).publish(run, productOf(made), replace);
  }

  /** The transcript of the talk as a reader gets it, without anything that is no word of it. */
  async words(query = '', talk = 'opening'): Promise<string[]> {
    const { body } = await this.api.ask('GET', `/api/rooms/verdi/transcript.json?talk=${talk}${query}`);
    const { captions = [] }: { captions?: { text: string }[] } = JSON.parse(JSON.stringify(body));
    return captions.map(({ text }) => text);
  }

  async get<T>(path: string): Promise<T> {
    const { body } = await this.api.ask('GET', `/api/rooms/verdi/${path}`);
    return JSON.parse(JSON.stringify(body));
  }

  async stop(): Promise<void> {
    await this.fetching.stop();
    this.rooms.remove();
  }
}
