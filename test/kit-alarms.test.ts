import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AlarmBook } from '../relay/alarm-book.ts';
import { type RoomFacts, roomTroubles } from '../relay/alarms.ts';
import { type KitFacts, kitsByRoom } from '../relay/kit-alarms.ts';
import { Kits } from '../relay/kits.ts';
import { LastWords } from '../relay/last-words.ts';
import type { RoomLive } from '../relay/live.ts';
import { Tokens } from '../relay/tokens.ts';
import { captureLog } from './harness/doors.ts';
import { FakeRooms, freeOfCharge } from './harness/fake-rooms.ts';
import { newKey } from './harness/kits.ts';

const hour = 3_600_000;
const now = 100 * hour;
const talk = { id: 't', title: 'Opera', speakers: [], start: 0, end: hour };
const rooms = new FakeRooms();
const well: RoomLive = {
  ...rooms.put('well').live(),
  source: { device: 'kit-1', connectedMs: 60_000, health: null },
  lastAudioMs: 80,
};
rooms.remove();

const healthy = { state: 'ok', message: 'All is well', page: { beatAgeMs: 200, shows: 'captions' } };
const screen = (facts: Partial<KitFacts> = {}): KitFacts => ({
  ...{ name: 'verdi-screen', kind: 'display', isConnected: true, seenMs: now - 5000, health: healthy },
  ...facts,
});
const sound = (facts: Partial<KitFacts> = {}) =>
  screen({ name: 'verdi-sound', kind: 'device', health: null, ...facts });

const of = (kits: readonly KitFacts[], facts: Partial<RoomFacts> = {}) =>
  roomTroubles({ ...{ live: well, paused: false, talk: null, lastWordsAt: null, talkFault: '', now, kits }, ...facts });
const codes = (...asked: Parameters<typeof of>) => of(...asked).map(({ code, severity }) => `${code} ${severity}`);

describe('the screens of a room', () => {
  test('that are well raise nothing, and neither does a room without any', () => {
    expect(of([])).toEqual([]);
    expect(of([screen(), screen({ health: null }), sound({ isConnected: false })])).toEqual([]);
    expect(of([screen()], { talk })).toEqual([]);
  });

  test('are missed while they are at work, by their names, and not when they were put away', () => {
    const away = { isConnected: false };
    expect(codes([screen(away)])).toEqual(['display-offline fault']);
    expect(codes([screen(away)], { paused: true })).toEqual(['display-offline warning']);
    expect(codes([screen({ ...away, seenMs: now - 13 * hour })])).toEqual([]);
    expect(codes([screen({ ...away, seenMs: now - 13 * hour })], { talk })).toEqual(['display-offline fault']);
    expect(codes([screen({ ...away, seenMs: null })])).toEqual([]);
    const two = [screen(away), screen({ ...away, name: 'verdi-foyer' }), screen({ name: 'verdi-stage' })];
    expect(of(two)).toMatchObject([
      { message: 'The screens’ kits verdi-screen and verdi-foyer are not connected.', afterMs: 15_000 },
    ]);
  });

  test('that stand still are told, also where they never moved, and not for a moment', () => {
    const page = (beatAgeMs: number | null) =>
      screen({ health: { ...healthy, page: { beatAgeMs, shows: 'captions' } } });
    expect(codes([page(15_000)])).toEqual([]);
    expect(codes([page(15_001)])).toEqual(['display-frozen fault']);
    expect(codes([page(null)])).toEqual(['display-frozen fault']);
    expect(of([page(null)])[0]).toMatchObject({ afterMs: 15_000 });
    // What it said before it went is old: that it is away is what counts.
    expect(codes([{ ...page(null), isConnected: false }])).toEqual(['display-offline fault']);
    expect(codes([{ ...page(null), kind: 'solo' }])).toEqual(['display-frozen fault']);
  });

  test('with too little power are told; a kit with sound tells that by its source', () => {
    const machine = { power: { low: true, lowCount: 3 } };
    expect(codes([screen({ health: { ...healthy, machine } })])).toEqual(['display-power warning']);
    expect(codes([sound({ health: { ...healthy, machine } })])).toEqual([]);
    expect(codes([screen({ health: { ...healthy, machine: { power: { low: false, lowCount: 3 } } } })])).toEqual([]);
  });

  test('say what else is wrong with them in their own words', () => {
    const fault = { state: 'screen-absent', message: 'No screen is connected', hint: 'Plug it in' };
    expect(of([screen({ health: fault })])).toMatchObject([
      {
        ...{ code: 'display-fault', severity: 'warning' },
        ...{ message: 'verdi-screen: No screen is connected.', hint: 'Plug it in' },
      },
    ]);
    expect(of([screen({ health: { state: 'starting', message: 'Starts' } })])).toEqual([]);
  });
});

describe('the machines of a room’s kits', () => {
  const withMachine = (kit: KitFacts, machine: NonNullable<KitFacts['health']>['machine'], state = 'ok') => ({
    ...kit,
    health: { ...healthy, state, message: 'The kit’s own words', machine },
  });
  const worn = { storage: { state: 'errors', message: 'This kit’s card has errors', freeBytes: 1e9 } };

  test('are well with what every machine has', () => {
    const fine = {
      storage: { state: 'ok', freeBytes: 1e9 },
      temperatureC: 79.9,
      clock: { synced: false, offsetMs: -60_000 },
    };
    expect(of([withMachine(sound(), fine), withMachine(screen(), fine), withMachine(screen(), {})])).toEqual([]);
  });

  test('with a card that wears out are told once, by their names, whatever they are for', () => {
    expect(of([withMachine(sound(), worn), withMachine(screen(), worn, 'storage-errors')])).toMatchObject([
      {
        ...{ code: 'kit-storage', severity: 'warning' },
        message: 'verdi-sound and verdi-screen: This kit’s card has errors.',
        hint: expect.stringContaining('Replace the SD card'),
      },
    ]);
    expect(codes([{ ...withMachine(sound(), worn), isConnected: false }])).toEqual([]);
  });

  test('with a full card are told of a screen here, of a kit with sound by its source', () => {
    const full = { storage: { state: 'low', message: 'Nearly full', freeBytes: 1 } };
    expect(codes([withMachine(sound(), full, 'storage-low')])).toEqual([]);
    expect(codes([withMachine(screen({ kind: 'solo' }), full, 'storage-low')])).toEqual([]);
    expect(codes([withMachine(screen(), full, 'storage-low')])).toEqual(['kit-storage warning']);
  });

  test('that are too hot for a while are told', () => {
    expect(of([withMachine(sound(), { temperatureC: 80.2 }, 'too-hot')])).toMatchObject([
      { code: 'kit-hot', afterMs: 15_000, message: 'verdi-sound: it is too hot and slows down (80 °C).' },
    ]);
  });

  test('whose clocks are far off for longer are told', () => {
    const clock = (offsetMs: number) => withMachine(sound(), { clock: { synced: false, offsetMs } });
    expect(of([clock(-60_001)])).toMatchObject([
      { code: 'kit-clock', afterMs: 120_000, message: 'verdi-sound: its clock is behind by more than a minute.' },
    ]);
    expect(of([clock(1e12)])[0]?.message).toContain('ahead');
  });

  test('that were short of power a while ago are not told in other words once more', () => {
    expect(codes([withMachine(screen(), { power: { low: false, lowCount: 1 } }, 'weak-power')])).toEqual([]);
  });
});

describe('the sound of a room', () => {
  const silent: Partial<RoomLive> = { source: null, lastAudioMs: null };
  const live = { ...well, ...silent };

  test('is missed by the name of the kit that should bring it', () => {
    expect(of([sound({ isConnected: false })], { live })[0]).toMatchObject({
      code: 'kit-offline',
      message: 'The kit verdi-sound is not connected.',
    });
    expect(of([sound({ isConnected: false, seenMs: null })], { live, talk })[0]?.message).toBe(
      'The kit verdi-sound has not connected yet.',
    );
    expect(of([], { live, talk })[0]?.message).toBe('The kit has not connected yet.');
    expect(of([sound({ isConnected: false, seenMs: now - 13 * hour })], { live })).toEqual([]);
    expect(of([screen()], { live })).toEqual([]);
  });

  test('that does not come although its kit is there is another matter, with another hint', () => {
    expect(of([sound()], { live })[0]).toMatchObject({
      ...{ code: 'kit-offline', severity: 'fault', afterMs: 15_000 },
      message: 'The kit verdi-sound is connected, but its sound does not come.',
    });
  });
});

describe('the book of alarms', () => {
  let all: FakeRooms;
  beforeEach(() => {
    all = new FakeRooms();
  });
  afterEach(() => all.remove());

  test('knows of kits that were enrolled, in the room they serve, and of no other', () => {
    const [verdi, rossini] = [all.put('verdi'), all.put('rossini')];
    verdi.facts = well;
    rossini.facts = well;
    verdi.give(talk); // a kit that was enrolled would be missed
    const kits = new Kits(all.db, new Tokens(all.db, () => now), () => now);
    const { token } = kits.create('verdi-screen', 'display', 'verdi', '');
    kits.create('verdi-new', 'display', 'verdi', '');
    let ms = 0;
    const book = new AlarmBook({
      ...{
        rooms: all,
        lastWords: new LastWords(),
        quota: { waitingRooms: 0 },
        costs: freeOfCharge(all.db),
        db: all.db,
      },
      ...{ dataDir: all.dir, log: captureLog().log, now: () => ms, roomTime: () => now + ms },
      kits: () => kitsByRoom(kits.all(), () => false),
    });
    const look = (...times: number[]) => {
      for (const at of times) {
        ms = at;
        book.look();
      }
      return [verdi, rossini].map((room) => book.of(room).map(({ code }) => code));
    };
    expect(look(0, 20_000)).toEqual([[], []]);
    kits.enrol(token, newKey(), { version: '1' });
    expect(look(21_000, 35_000)).toEqual([[], []]);
    expect(look(36_000)).toEqual([['display-offline'], []]);
    kits.assign('verdi-screen', 'rossini');
    expect(look(36_500, 42_000, 51_500)).toEqual([[], ['display-offline']]);
    kits.delete('verdi-screen');
    expect(look(52_000, 57_000)).toEqual([[], []]);
  });
});
