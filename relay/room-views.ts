import { viewOfConduct } from './api-conduct.ts';
import { defaultRecording } from './archive/recording-settings.ts';
import type { Conducted } from './conduct.ts';
import { LastWords } from './last-words.ts';
import type { LiveRoom } from './live.ts';
import type { Alarm } from './protocol.js';

export interface RoomViewParts {
  readonly readers?: { inRoom(room: LiveRoom): number };
  readonly alarms?: { of(room: LiveRoom): Alarm[] };
  readonly lastWords?: LastWords;
  readonly conduct?: { of(room: LiveRoom): Conducted };
}

export type RoomView = ReturnType<RoomViews['of']>;

/** Rooms as organizers see them. */
export class RoomViews {
  readonly #readers: Required<RoomViewParts>['readers'];
  readonly #alarms: Required<RoomViewParts>['alarms'];
  readonly #lastWords: LastWords;
  readonly #conduct: Required<RoomViewParts>['conduct'];

  constructor({
    readers = { inRoom: () => 0 },
    alarms = { of: () => [] },
    lastWords = new LastWords(),
    conduct = { of: () => ({ talk: null, held: false, until: null, next: null, message: '' }) },
  }: RoomViewParts = {}) {
    this.#readers = readers;
    this.#alarms = alarms;
    this.#lastWords = lastWords;
    this.#conduct = conduct;
  }

  of(room: LiveRoom) {
    const { name, settings } = room.record;
    const live = room.live();
    return {
      room: name,
      name: settings.title,
      language: settings.language,
      engine: settings.engine,
      public: settings.public,
      recognition: settings.recognition,
      source: settings.source,
      restAfter: settings.restAfter ?? null,
      recording: settings.recording ?? defaultRecording,
      paused: room.record.paused,
      log: room.log.id,
      seq: room.log.seq,
      talk: room.talk && { ...room.talk, speakers: [...room.talk.speakers] },
      conduct: viewOfConduct(this.#conduct.of(room)),
      readers: this.#readers.inRoom(room),
      lastWords: this.#lastWords.of(room),
      alarms: this.#alarms.of(room),
      live: {
        ...live,
        engine: { ...live.engine, withoutEffect: [...live.engine.withoutEffect] },
        counters: { ...live.counters },
      },
    };
  }
}
