import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CaptionLog } from '../relay/captions.ts';
import { type Database, openDatabase } from '../relay/database.ts';
import { Rooms } from '../relay/rooms.ts';
import { UnsavedMark } from '../relay/unsaved-mark.ts';
import { temporaryFolder } from './harness/programs.ts';
import { roomsWithoutEngine } from './harness/rooms-without-engine.ts';

let folder: ReturnType<typeof temporaryFolder>;
let db: Database;
let log: CaptionLog;

beforeEach(() => {
  folder = temporaryFolder();
  db = openDatabase(folder.path);
  const { logId } = new Rooms(db, { language: 'en-US', engine: 'script:load' }).put('hall', {});
  log = new CaptionLog(db, 'hall', logId);
});

afterEach(() => {
  db.close();
  folder.remove();
});

const say = (text: string, start = log.seq * 1000) =>
  log.append({
    text,
    language: 'en-US',
    start,
    end: start + 900,
    speaker: null,
    late: false,
    stream: 's',
    from: 0,
    to: 1,
  });
const texts = (messages: readonly { type: string }[]) =>
  messages.map((message) => ('text' in message ? message.text : message.type));
/** What SQLite itself says of a disk without space. */
const fill = () => db.pragma(`max_page_count = ${Number(db.pragma('page_count', { simple: true }))}`);
const makeRoom = () => db.pragma('max_page_count = 1000000');

describe('captions on a full disk', () => {
  test('go on, are told to readers that come later, and are saved once there is space', () => {
    say('one');
    fill();
    const long = 'x'.repeat(5000);
    for (let i = 0; i < 10; i++) say(`${i} ${long}`);
    expect(log.unsaved).toBeGreaterThan(0);
    expect(log.seq).toBe(11);
    expect(log.after(0, 100).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(log.transcript({})).toHaveLength(11);
    expect(log.flush()).toBe(false);

    makeRoom();
    say('after');
    expect(log.unsaved).toBe(0);
    const again = new CaptionLog(db, 'hall', log.id);
    expect(again.seq).toBe(12);
    expect(again.after(0, 100)).toEqual(log.after(0, 100));
  });

  test('can be corrected and hidden all the same', () => {
    say('saved');
    fill();
    const long = 'x'.repeat(9000);
    for (let i = 0; i < 5; i++) say(`${i} ${long}`);
    const { seq } = say('wrong');
    log.amend(seq, 'right', 0);
    log.amend(1, null, 0);
    expect(texts(log.transcript({})).at(-1)).toBe('right');
    expect(texts(log.transcript({}))).not.toContain('saved');
    expect(log.transcript({ limit: 2 })).toHaveLength(2);
  });
});

test('a pause is on the disk no later than what the log says of it, also where a caption finds the disk first', async () => {
  const { db, running, stop } = roomsWithoutEngine();
  try {
    const hall = running.put('hall', {});
    db.pragma('query_only = 1'); // a disk that turned read-only
    for (const paused of [true, false, true]) running.pause('hall', paused);
    expect(hall.live().storage).not.toBe('');
    db.pragma('query_only = 0');
    hall.log.clear(0); // before the rooms' next round
    expect(hall.live().storage).toBe('');
    // What a start after SIGKILL finds.
    const found = new Rooms(db, { language: 'en-US', engine: 'none' });
    expect(found.assignments('hall').map(({ paused }) => paused)).toEqual([false, true, false, true]);
    expect(texts(hall.log.after(0, 10))).toEqual(['pause', 'resume', 'pause', 'clear']);
  } finally {
    await stop();
  }
});

describe('the mark of unsaved captions', () => {
  test('is seen by the start after a crash, and by no other', () => {
    const first = new UnsavedMark(folder.path);
    expect(first.wasSet).toBe(false);
    first.set(true);
    first.close(); // as if killed
    const second = new UnsavedMark(folder.path);
    expect(second.wasSet).toBe(true);
    second.close();
    const third = new UnsavedMark(folder.path);
    expect(third.wasSet).toBe(false);
    third.close();
  });

  test('gives every log a new id, so that readers begin anew', () => {
    const rooms = new Rooms(db, { language: 'en-US', engine: 'script:load' });
    const before = rooms.get('hall')?.logId;
    rooms.renewLogs();
    expect(rooms.get('hall')?.logId).not.toBe(before);
  });
});
