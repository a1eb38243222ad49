/** Which stretches of a room's time are recorded, in virtual time. Under a second. */
import { expect, onTestFinished, test } from 'vitest';
import type { RecordingSettings } from '../relay/archive/recording-settings.ts';
import { Recordings } from '../relay/archive/recordings.ts';
import { keyOf, Takes } from '../relay/archive/takes.ts';
import { keyPart } from '../relay/canonical/contract.ts';
import { openDatabase } from '../relay/database.ts';
import { Rooms } from '../relay/rooms.ts';
import { Talks } from '../relay/talks.ts';
import { createLog } from '../systemd/log.ts';
import { temporaryFolder } from './harness/programs.ts';
import { frameAt } from './harness/virtual-feed.ts';

const minute = 60_000;
const start = 1_796_110_200_000;
/** A second. */
const soundAt = (dBFS: number) => new Uint8Array(Array.from({ length: 10 }, () => [...frameAt(dBFS)]).flat());
const loud = soundAt(-25);
const hush = soundAt(-65);

/** A room in virtual time, fed with a second of sound or silence at a time. */
class Hall {
  readonly rooms: Rooms;
  readonly talks: Talks;
  recordings: Recordings;
  takes: Takes;
  now = start;
  readonly #open: () => { recordings: Recordings; takes: Takes };

  constructor(isOn = true) {
    const folder = temporaryFolder();
    const db = openDatabase(folder.path);
    onTestFinished(() => {
      this.takes.stop();
      db.close();
      folder.remove();
    });
    const now = () => this.now;
    this.rooms = new Rooms(db, { language: 'en-US', engine: 'script:x' }, now);
    this.talks = new Talks(db);
    this.#open = () => {
      const recordings = new Recordings(db, now);
      recordings.start();
      const log = createLog('silent')('test');
      const takes = new Takes({ db, recordings, rooms: this.rooms, talks: this.talks, log, now });
      takes.start();
      return { recordings, takes };
    };
    ({ recordings: this.recordings, takes: this.takes } = this.#open());
    this.rooms.put('hall', { title: 'Sala', recording: { on: isOn } });
  }

  /** The relay ended and is started again. */
  restart(): void {
    this.takes.stop();
    ({ recordings: this.recordings, takes: this.takes } = this.#open());
  }

  set(recording: Partial<RecordingSettings>): void {
    this.rooms.put('hall', { recording });
  }

  talk(id: string, fromMin: number, toMin: number): void {
    const times = { start: start + fromMin * minute, end: start + toMin * minute };
    this.talks.put('hall', { id, title: `Of ${id}`, speakers: ['Ada'], language: null, ...times });
  }

  /** Time passes; `audio` null: nothing comes. */
  pass(minutes: number, audio: Uint8Array | null = hush): this {
    for (let i = 0; i < minutes * 60; i++) {
      if (audio && this.takes.listensTo('hall')) this.takes.heard('hall', audio, this.now, true);
      this.now += 1000;
      this.takes.tick();
    }
    return this;
  }

  /** What is spoken varies, so that it stands out of its own noise. */
  speak(minutes: number): this {
    for (let i = 0; i < minutes * 60; i += 3) this.pass(2 / 60, loud).pass(1 / 60, hush);
    return this;
  }

  get told() {
    const at = (ms: number | null) => (ms === null ? null : Math.round((ms - start) / 6000) / 10);
    return this.recordings.of('hall').map(({ talk, fromMs, toMs, state, endedBy }) => ({
      ...{ talk, from: at(fromMs), to: at(toMs), state, endedBy },
    }));
  }
}

test('a talk of the schedule is recorded from its start to its end, and nothing of what is said in a break', () => {
  const hall = new Hall();
  hall.talk('opera', 10, 40);
  hall.pass(10).speak(29).pass(11);
  expect(hall.told).toMatchObject([{ talk: 'opera', from: 10, to: 40, state: 'ended', endedBy: 'schedule' }]);
  expect(hall.recordings.of('hall')[0]).toMatchObject({
    talkId: 'opera',
    title: 'Of opera',
    speakers: ['Ada'],
    roomTitle: 'Sala',
  });
  const other = new Hall();
  other.talk('opera', 10, 40);
  other.pass(5).speak(6);
  expect(other.told).toMatchObject([{ talk: 'opera', from: 10, to: null }]);
  other.speak(28).pass(6).speak(20).pass(16);
  expect(other.told).toMatchObject([{ talk: 'opera', from: 10, to: 40 }]);
});

test('a talk whose sound comes when it is over is recorded by its name, without the break behind it', () => {
  const hall = new Hall();
  hall.talk('opera', 10, 20);
  hall.pass(30, null);
  for (let s = 5 * 60; s < 25 * 60; s++) hall.takes.heard('hall', loud, start + s * 1000, false);
  hall.pass(6, null);
  expect(hall.told).toMatchObject([{ talk: 'opera', from: 10, to: 20, endedBy: 'schedule' }]);
});

test('a talk that goes on behind its end is recorded to the first pause, and at the latest to the next talk', () => {
  const hall = new Hall();
  hall.talk('a', 1, 20);
  hall.pass(1).speak(24).pass(6);
  expect(hall.told).toMatchObject([{ talk: 'a', from: 1, to: 25.1, endedBy: 'schedule' }]);
  const other = new Hall();
  other.talk('a', 1, 20);
  other.talk('b', 22, 40);
  other.pass(1).speak(25);
  expect(other.told).toMatchObject([
    { talk: 'a', from: 1, to: 22 },
    { talk: 'b', from: 22, to: null, state: 'running' },
  ]);
});

test('a held talk goes on, an extended one ends later, and the next one begins where it was called', () => {
  const hall = new Hall();
  hall.talk('a', 1, 20);
  hall.talk('b', 20, 40);
  hall.pass(10);
  const { talks } = hall;
  talks.decide('hall', { ...talks.decisions('hall'), held: 'a' });
  hall.pass(20);
  expect(hall.told).toMatchObject([{ talk: 'a', from: 1, to: null }]);
  const decisions = talks.decisions('hall');
  talks.decide('hall', { ...decisions, held: null, moved: { a: { ended: hall.now }, b: { begun: hall.now } } });
  hall.pass(2);
  expect(hall.told).toMatchObject([
    { talk: 'a', from: 1, to: 30 },
    { talk: 'b', from: 30, to: null },
  ]);
});

test('without a schedule a recording begins with the sound, and ends after a quarter of an hour of silence', () => {
  const hall = new Hall();
  hall.pass(5).speak(10).pass(10).speak(5).pass(16);
  expect(hall.told).toMatchObject([{ from: 4.9, to: 30.1, state: 'ended', endedBy: 'silence' }]);
  expect(hall.told[0]?.talk).toMatch(/^20261201-\d{4}$/);
  hall.speak(2);
  expect(hall.told).toHaveLength(2);
});

test('a dropped pen makes no recording, and a hum that goes on becomes the noise of the room', () => {
  const hall = new Hall();
  hall.pass(2);
  hall.pass(1 / 60, loud);
  hall.pass(5);
  expect(hall.told).toEqual([]);
  hall.pass(18, soundAt(-40));
  expect(hall.told).toMatchObject([{ from: 6.9, to: 8, endedBy: 'silence' }]);
});

test('a line that is cut for long is no silence', () => {
  const hall = new Hall();
  hall.pass(2).speak(5).pass(40, null).speak(5);
  expect(hall.told).toMatchObject([{ from: 1.9, to: null, state: 'running' }]);
  // A kit that never comes back ends it all the same.
  hall.pass(80, null);
  expect(hall.told).toMatchObject([{ from: 1.9, to: 52.1, endedBy: 'silence' }]);
});

test('sound that comes late begins a recording of its own time, unless it is of one already', () => {
  const hall = new Hall();
  hall.pass(30);
  for (let i = 0; i < 60; i++) hall.takes.heard('hall', loud, start + 10 * minute + i * 1000, false);
  hall.pass(1);
  expect(hall.told).toMatchObject([{ from: 9.9, to: null }]);
  hall.pass(16);
  expect(hall.told).toMatchObject([{ from: 9.9, to: 11.1 }]);
  for (let i = 0; i < 30; i++) hall.takes.heard('hall', loud, start + 10 * minute + i * 1000, false);
  hall.pass(1);
  expect(hall.told).toHaveLength(1);
});

test('nothing is recorded of a time at which recording was off', () => {
  const hall = new Hall(false);
  hall.talk('a', 1, 60);
  hall.speak(10);
  expect(hall.told).toEqual([]);
  hall.set({ on: true });
  hall.speak(10);
  expect(hall.told).toMatchObject([{ talk: 'a', from: 10, to: null }]);
  hall.set({ on: false });
  expect(hall.told).toMatchObject([{ talk: 'a', from: 10, to: 20, state: 'ended', endedBy: 'off' }]);
  hall.speak(10);
  hall.set({ on: true });
  // What comes late from the time between is left out as well.
  for (let i = 0; i < 60; i++) hall.takes.heard('hall', loud, start + 22 * minute + i * 1000, false);
  hall.speak(5);
  expect(hall.told).toMatchObject([
    { talk: 'a', to: 20 },
    { talk: 'a-2', from: 30, to: null },
  ]);
});

test('what a person ends does not begin again by itself', () => {
  const hall = new Hall();
  hall.talk('a', 1, 30);
  hall.pass(1).speak(5);
  expect(hall.takes.end('hall')).toMatchObject({ talk: 'a', endedBy: 'hand' });
  expect(hall.takes.end('hall')).toBeNull();
  hall.speak(24);
  expect(hall.told).toMatchObject([{ talk: 'a', from: 1, to: 6, endedBy: 'hand' }]);
  hall.speak(10).pass(2).speak(2);
  expect(hall.told).toHaveLength(1);

  const other = new Hall();
  other.pass(1).speak(5);
  expect(other.takes.end('hall')).toMatchObject({ endedBy: 'hand' });
  // Who speaks on is still the same.
  other.speak(10);
  expect(other.told).toHaveLength(1);
  other.pass(2).speak(2);
  expect(other.told).toHaveLength(2);
});

test('a talk that is put off after it began, or changes places with another, is recorded when it is given', () => {
  const hall = new Hall();
  hall.talk('a', 1, 30);
  hall.talk('b', 30, 60);
  hall.pass(3);
  // Whoever is to speak first is late: the two change places.
  hall.talk('a', 30, 60);
  hall.talk('b', 3, 30);
  hall.speak(57).pass(8);
  expect(hall.told).toMatchObject([
    { talk: 'a', from: 1, to: 3 },
    { talk: 'b', from: 3, to: 30 },
    { talk: 'a-2', from: 30, to: 60.1, state: 'ended' },
  ]);

  const other = new Hall();
  other.talk('a', 1, 30);
  other.pass(2);
  other.talk('a', 60, 90);
  other.pass(58).speak(30).pass(8);
  expect(other.told).toMatchObject([
    { talk: 'a', endedBy: 'silence' },
    { talk: 'a-2', from: 60, to: 90.1, endedBy: 'schedule' },
  ]);
});

test('a talk whose recording a person ended is not recorded by being put off', () => {
  const hall = new Hall();
  hall.talk('a', 1, 30);
  hall.pass(3);
  hall.takes.end('hall');
  hall.talk('a', 10, 30);
  hall.speak(20);
  expect(hall.told).toHaveLength(1);
});

test('a talk that is called once more, since the next was called by mistake, is recorded again', () => {
  const hall = new Hall();
  hall.talk('a', 1, 30);
  hall.talk('b', 30, 60);
  hall.pass(10);
  const { talks } = hall;
  talks.decide('hall', { ...talks.decisions('hall'), moved: { a: { ended: hall.now }, b: { begun: hall.now } } });
  hall.pass(1);
  talks.decide('hall', { ...talks.decisions('hall'), moved: { a: { begun: hall.now, end: start + 30 * minute } } });
  hall.pass(2);
  expect(hall.told).toMatchObject([
    { talk: 'a', from: 1, to: 10 },
    { talk: 'b', from: 10, to: 11 },
    { talk: 'a-2', from: 11, state: 'running' },
  ]);
});

test('nothing is recorded for more than ten hours in one piece', () => {
  const hall = new Hall();
  hall.talk('a', 0, 900);
  for (let i = 0; i < 605 * 60; i++) {
    hall.now += 1000;
    hall.takes.tick();
  }
  expect(hall.told).toMatchObject([
    { talk: 'a', from: 0, to: 600, endedBy: 'length' },
    { talk: 'a-2', from: 600, to: null },
  ]);
});

test('a restart goes on with what was running, and ends what is over meanwhile', () => {
  const hall = new Hall();
  hall.talk('a', 1, 30);
  hall.pass(2).speak(3);
  hall.restart();
  hall.speak(3);
  expect(hall.told).toMatchObject([{ talk: 'a', from: 1, to: null, state: 'running' }]);
  hall.now += 60 * minute;
  hall.restart();
  hall.pass(6);
  expect(hall.told).toMatchObject([{ talk: 'a', from: 1, to: 30, state: 'ended' }]);
});

test('what organizers say until the end holds for all of it', () => {
  const hall = new Hall();
  hall.talk('a', 0, 10);
  hall.pass(5);
  hall.set({ redact: true, engine: 'whisper' });
  hall.pass(11);
  expect(hall.recordings.of('hall')[0]).toMatchObject({ redact: true, engine: 'whisper', state: 'ended' });
});

test('ids of schedules become parts of keys, and stay apart', () => {
  const ids = [
    'keynote-1',
    'Keynote-1',
    'keynote_1',
    'keynote.1',
    '-',
    '...',
    `${'a'.repeat(64)}`,
    `${'a'.repeat(63)}b`,
    '0',
  ];
  const keys = ids.map(keyOf);
  for (const key of keys) expect(keyPart.safeParse(key).success).toBe(true);
  expect(new Set(keys).size).toBe(ids.length);
  expect(keys[0]).toBe('keynote-1');
});
