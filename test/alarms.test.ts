import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MachineWatch } from '../device/machine.ts';
import { AlarmBook, HeldAlarms } from '../relay/alarm-book.ts';
import { type RelayFacts, type RoomFacts, relayTroubles, roomTroubles, type Trouble } from '../relay/alarms.ts';
import { LastWords } from '../relay/last-words.ts';
import type { RoomLive } from '../relay/live.ts';
import { type Health, parseDeviceMessage, type Talk } from '../relay/protocol.js';
import { captureLog } from './harness/doors.ts';
import { FakeRooms } from './harness/fake-rooms.ts';
import { temporaryFolder } from './harness/programs.ts';

const hour = 3_600_000;
const talk: Talk = { id: 't', title: 'A talk', speakers: [], start: 0, end: hour };
const fine: Health = {
  state: 'ok',
  message: 'All is well',
  source: { state: 'capturing', name: 'mixer' },
  level: { rmsDbfs: -30, peakDbfs: -12, clipped: 0 },
  buffer: { heldMs: 120_000, backlogMs: 0, diskBytes: 0, droppedMs: 0, state: 'ok' },
};
const rooms = new FakeRooms();
const well = rooms.put('well').live();
rooms.remove();
const kit = (health: Partial<Health> = {}, device = 'kit-1'): Pick<RoomLive, 'source' | 'lastAudioMs'> => ({
  source: { device, connectedMs: 60_000, health: { ...fine, ...health } },
  lastAudioMs: 80,
});
const engine = (
  failure: RoomLive['engine']['failure'],
  code: string,
  message = 'It does not work',
  hint = 'Mend it',
) => ({
  engine: { ...well.engine, failure, code, message, hint },
});

/** The alarms of a room that differs in this from one where all is well. */
function of(live: Partial<RoomLive>, facts: Partial<RoomFacts> = {}): Trouble[] {
  return roomTroubles({
    live: { ...well, ...kit(), ...live },
    ...{ paused: false, talk: null, lastWordsAt: null, talkFault: '', now: 100 * hour },
    ...facts,
  });
}
const codes = (troubles: readonly Trouble[]) => troubles.map(({ code, severity }) => `${code} ${severity}`);

describe('a room', () => {
  test('where all is well has no alarm', () => {
    expect(of({})).toEqual([]);
    expect(of({}, { talk })).toEqual([]);
    expect(of({ lagMs: 4900, backlogMs: 60_000 })).toEqual([]);
  });

  test('says that its kit is offline while it is at work, not when the day is over', () => {
    const gone = { source: null };
    expect(codes(of({ ...gone, lastAudioMs: 2000 }))).toEqual(['kit-offline fault']);
    expect(codes(of({ ...gone, lastAudioMs: null }, { talk }))).toEqual(['kit-offline fault']);
    expect(of({ ...gone, lastAudioMs: null }, { talk })[0]?.message).toBe('The kit has not connected yet.');
    // The relay started again meanwhile: its log still tells.
    expect(codes(of({ ...gone, lastAudioMs: null }, { lastWordsAt: 99 * hour }))).toEqual(['kit-offline fault']);
    expect([2000, null].map((lastAudioMs) => of({ ...gone, lastAudioMs }, { talk })[0]?.afterMs)).toEqual([
      1000, 15_000,
    ]);
    expect(codes(of({ ...gone, lastAudioMs: 2000 }, { paused: true }))).toEqual(['kit-offline warning']);
    expect(of({ ...gone, lastAudioMs: null })).toEqual([]);
    expect(of({ ...gone, lastAudioMs: 13 * hour }, { lastWordsAt: 87 * hour })).toEqual([]);
    expect(of({ ...gone, lastAudioMs: 2000 })[0]?.hint).toMatch(/power.*network cable/);
  });

  test('says that no sound comes, in the words of its kit', () => {
    const absent = {
      state: 'mixer-absent',
      message: 'The mixer "Xenyx" is not plugged in',
      hint: 'Plug it in.',
      source: { state: 'fault', name: 'Xenyx' },
    };
    expect(of(kit(absent))).toEqual([
      {
        ...{ code: 'no-sound', severity: 'fault', afterMs: 0 },
        ...{ message: 'The mixer "Xenyx" is not plugged in.', hint: 'Plug it in.' },
      },
    ]);
    expect(codes(of({ ...kit(), lastAudioMs: 2100 }))).toEqual(['no-sound fault']);
    expect(of({ ...kit(), lastAudioMs: 1900 })).toEqual([]);
    expect(of({ ...kit(), lastAudioMs: 3100 })[0]?.message).toBe('No sound comes from the room.');
    // It has connected just now.
    expect(of({ lastAudioMs: null, source: { device: 'k', connectedMs: 900, health: null } })).toEqual([]);
    expect(codes(of({ lastAudioMs: null, source: { device: 'k', connectedMs: 4000, health: null } }))).toEqual([
      'no-sound fault',
    ]);
    const silent = kit({ state: 'silent', message: 'The mixer is connected and gives no sound', hint: 'Speak.' });
    expect(codes(of(silent, { talk }))).toEqual(['no-sound fault']);
    expect(codes(of(silent))).toEqual(['no-sound warning']);
    expect(codes(of(silent, { talk, paused: true }))).toEqual(['no-sound warning']);
  });

  test('says that the sound is too loud, from a tenth of a thousandth of it on', () => {
    expect(codes(of(kit({ level: { rmsDbfs: -3, peakDbfs: 0, clipped: 100 } })))).toEqual(['clipping warning']);
    expect(of(kit({ level: { rmsDbfs: -3, peakDbfs: 0, clipped: 99 } }))).toEqual([]);
  });

  test('says that its kit gets too little power', () => {
    expect(codes(of(kit({ power: { low: true, lowCount: 3 } })))).toEqual(['weak-power warning']);
    expect(of(kit({ power: { low: false, lowCount: 3 } }))).toEqual([]);
  });

  test('says that the disk of its kit is full, bad, or soon full', () => {
    const state = 'buffer-dropping';
    expect(codes(of(kit({ state, message: 'Buffered sound is being lost: 3 s so far' })))).toEqual(['kit-disk fault']);
    expect(codes(of(kit({ state: 'disk-full', message: 'The disk is full' })))).toEqual(['kit-disk warning']);
    const buffer = { heldMs: 0, backlogMs: 0, diskBytes: 0, droppedMs: 0, state: 'disk-read-only' };
    expect(codes(of(kit({ buffer })))).toEqual(['kit-disk warning']);
    expect(of(kit({ disk: { freeBytes: 420e6 } }))[0]?.message).toContain('420 MB are free');
    expect(of(kit({ disk: { freeBytes: 600e6 } }))).toEqual([]);
  });

  test('says that its engine waits, fails, or may spend no more, each as what it is', () => {
    expect(codes(of(engine('capacity', 'engine-quota')))).toEqual(['engine-waiting fault']);
    expect(codes(of(engine('capacity', 'engine-turn')))).toEqual(['engine-waiting warning']);
    expect(codes(of(engine('credentials', 'engine-credentials')))).toEqual(['engine-fault fault']);
    expect(codes(of(engine('configuration', 'engine-cost')))).toEqual(['budget fault']);
    const backfillHeld = 'This room has reached its daily limit of missed captions.';
    expect(of({ backfillHeld })).toMatchObject([{ code: 'budget', severity: 'warning', message: backfillHeld }]);
    expect(of(engine('configuration', 'engine-x', 'No such language', 'Choose another.'))).toEqual([
      { code: 'engine-fault', severity: 'fault', message: 'No such language.', hint: 'Choose another.' },
    ]);
    // What comes back by itself within seconds is nobody's work.
    expect(of(engine('backoff', 'engine-timeout'))[0]?.afterMs).toBe(4000);
    expect(codes(of(engine(null, 'engine-no-words')))).toEqual(['no-words warning']);
  });

  test('says that captions lag by more than 5 s, unless there is a nearer cause', () => {
    expect(codes(of({ lagMs: 5100 }))).toEqual(['lag warning']);
    expect(of({ lagMs: 7200 })[0]?.message).toBe('Captions are 7 s behind what is said.');
    expect(codes(of({ lagMs: 16_000 }))).toEqual(['lag fault']);
    expect(of({ lagMs: 16_000 }, { paused: true })).toEqual([]);
    expect(of({ lagMs: 16_000, rest: { ...well.rest, resting: true } })).toEqual([]);
    expect(codes(of({ lagMs: 16_000, ...engine('credentials', 'x') }))).toEqual(['engine-fault fault']);
  });

  test('says that the language of its talk could not be assigned, and why', () => {
    const found = of({}, { talkFault: 'The language of "A talk" (xx-XX) could not be assigned: no engine has it' });
    expect(codes(found)).toEqual(['talk-language fault']);
    expect(found[0]?.message).toMatch(/no engine has it\.$/);
  });

  test('says that a stand-in microphone is its source', () => {
    expect(codes(of(kit({}, 'microphone-7f3a')))).toEqual(['source-microphone warning']);
  });

  test('tells faults before warnings, and each with what to do', () => {
    const found = of({ ...kit({ level: { rmsDbfs: -3, peakDbfs: 0, clipped: 900 } }), ...engine('credentials', 'x') });
    expect(codes(found)).toEqual(['engine-fault fault', 'clipping warning']);
    for (const { hint, message } of found) expect(`${message} ${hint}`).toMatch(/[.] \S/);
  });
});

describe('the relay', () => {
  const all: RelayFacts = {
    ...{ storage: '', freeBytes: 50e9, renewal: null, spent: 1, alarmPerDay: 5, maxPerDay: 9, waitingRooms: 0 },
    schedule: { message: '', hint: '' },
    now: 100 * hour,
  };
  const relay = (facts: Partial<RelayFacts>) => codes(relayTroubles({ ...all, ...facts }));

  test('says what is wrong with its disk, its database, its budget and its quota', () => {
    expect(relay({})).toEqual([]);
    expect(relay({ freeBytes: null, alarmPerDay: null, maxPerDay: null, spent: 99 })).toEqual([]);
    expect(relay({ storage: '3 captions wait in memory for the relay’s disk.' })).toEqual(['relay-disk fault']);
    expect(relay({ freeBytes: 1.9e9 })).toEqual(['relay-disk warning']);
    expect(relay({ freeBytes: 0.1e9 })).toEqual(['relay-disk fault']);
    expect(relay({ spent: 5 })).toEqual(['budget warning']);
    expect(relay({ spent: 9 })).toEqual(['budget fault']);
    expect(relay({ waitingRooms: 2 })).toEqual(['relay-quota warning']);
    expect(relay({ renewal: { atMs: 99 * hour, keptAs: 'relay.db.damaged' } })).toEqual(['relay-database warning']);
    const broken = { message: 'talks.example.org does not answer', hint: 'Give a file.' };
    expect(relay({ schedule: broken })).toEqual(['relay-schedule warning']);
    expect(relay({ renewal: { atMs: 75 * hour, keptAs: 'relay.db.damaged' } })).toEqual([]);
  });
});

describe('alarms are held', () => {
  const trouble = (code: Trouble['code'], more: Partial<Trouble> = {}): Trouble => ({
    ...{ code, severity: 'fault', message: `${code} is wrong.`, hint: 'Mend it.' },
    ...more,
  });
  const started = Date.parse('2026-12-01T10:00:00Z');
  let held: HeldAlarms;
  beforeEach(() => {
    held = new HeldAlarms();
  });
  const see = (ms: number, ...troubles: Trouble[]) => {
    held.see(troubles, ms, started + ms);
    return held.alarms.map(({ code }) => code);
  };

  test('until their cause has lasted a second, and since when they began', () => {
    expect(see(0, trouble('kit-offline'))).toEqual([]);
    expect(see(500, trouble('kit-offline'))).toEqual([]);
    expect(see(1000, trouble('kit-offline'))).toEqual(['kit-offline']);
    expect(held.alarms[0]?.since).toBe(started);
  });

  test('a moment’s gap raises none, and two in five seconds do', () => {
    expect(see(0, trouble('kit-offline'))).toEqual([]);
    expect(see(500)).toEqual([]);
    expect(see(4000, trouble('kit-offline'))).toEqual(['kit-offline']);
    expect(see(20_000)).toEqual([]);
    expect(see(30_000, trouble('kit-offline'))).toEqual([]);
    expect(see(35_000)).toEqual([]);
    expect(see(40_000, trouble('kit-offline'))).toEqual([]);
  });

  test('so that they do not flap: they stand for five seconds after their cause went', () => {
    see(0, trouble('lag'));
    see(1000, trouble('lag'));
    const shown = [];
    for (let ms = 1500; ms < 20_000; ms += 500)
      shown.push(see(ms, ...(ms % 2000 === 0 ? [trouble('lag')] : [])).length);
    expect(new Set(shown)).toEqual(new Set([1]));
    expect(see(23_500)).toEqual([]);
  });

  test('the words are the newest, the time is the first, and what is raised and over is told once', () => {
    expect(held.see([trouble('lag')], 0, started)).toEqual({ raised: [], cleared: [] });
    expect(held.see([trouble('lag')], 1000, started + 1000).raised).toHaveLength(1);
    const { raised } = held.see([trouble('lag', { message: '9 s' })], 1500, started + 1500);
    expect(raised).toEqual([]);
    expect(held.alarms).toEqual([{ code: 'lag', severity: 'fault', message: '9 s', hint: 'Mend it.', since: started }]);
    expect(held.see([], 7000, started + 7000).cleared.map(({ code }) => code)).toEqual(['lag']);
    expect(held.see([], 8000, started + 8000).cleared).toEqual([]);
  });

  test('faults stand before warnings, older before newer', () => {
    const [slow, quick] = [trouble('clipping', { severity: 'warning' }), trouble('no-sound')];
    see(0, slow);
    see(500, slow, quick);
    see(2000, trouble('engine-fault'), slow, quick);
    expect(see(4000, trouble('engine-fault'), slow, quick)).toEqual(['no-sound', 'engine-fault', 'clipping']);
  });

  test('what need not last so long, or longer, says so itself', () => {
    const late = trouble('engine-fault', { afterMs: 4000 });
    expect(see(0, late)).toEqual([]);
    expect(see(3900, late)).toEqual([]);
    expect(see(4000, late)).toEqual(['engine-fault']);
  });

  test('loud syllables that come again within 15 s are clipping, and one is not', () => {
    expect(see(0, trouble('clipping'))).toEqual([]);
    expect(see(16_000)).toEqual([]);
    expect(see(20_000, trouble('clipping'))).toEqual([]);
    expect(see(30_000, trouble('clipping'))).toEqual(['clipping']);
  });
});

describe('the book of alarms', () => {
  let all: FakeRooms;
  let ms = 0;
  const captured = captureLog();
  const costs = { limits: { pricePerMinute: 1, alarmPerDay: 5, maxPerDay: null, maxPerRoomAndDay: null }, money: 0 };
  const bookOf = () =>
    new AlarmBook({
      rooms: all,
      lastWords: new LastWords(),
      quota: { waitingRooms: 0 },
      costs: { limits: costs.limits, today: () => ({ sessions: 0, seconds: 0, money: costs.money }) },
      db: all.db,
      dataDir: all.dir,
      log: captured.log,
      now: () => ms,
      roomTime: () => 1_000_000 + ms,
    });
  beforeEach(() => {
    all = new FakeRooms();
    ms = 0;
    costs.money = 0;
  });
  afterEach(() => all.remove());
  const lookAt = (book: AlarmBook, ...times: number[]) => {
    for (const at of times) {
      ms = at;
      book.look();
    }
  };

  test('knows each room’s own and the relay’s, and tells the journal when one begins and ends', () => {
    const [verdi, rossini] = [all.put('verdi'), all.put('rossini')];
    verdi.facts = { source: null, lastAudioMs: 5000 };
    const book = bookOf();
    lookAt(book, 0, 1000);
    expect(book.of(verdi).map(({ code, since }) => [code, since])).toEqual([['kit-offline', 1_000_000]]);
    expect(book.of(rossini)).toEqual([]);
    verdi.facts = kit();
    costs.money = 6;
    lookAt(book, 2000, 6000, 7000);
    expect(book.of(verdi)).toEqual([]);
    expect(book.ofRelay().map(({ code }) => code)).toEqual(['budget']);
    const told = captured.lines.map((line): Record<string, unknown> => JSON.parse(line));
    expect(told.map(({ event, room, code }) => [event, room, code])).toEqual([
      ['alarm', 'verdi', 'kit-offline'],
      ['alarm-over', 'verdi', 'kit-offline'],
      ['alarm', null, 'budget'],
    ]);
  });

  test('forgets a room that was deleted', async () => {
    const verdi = all.put('verdi');
    verdi.facts = { source: null, lastAudioMs: 5000 };
    const book = bookOf();
    lookAt(book, 0, 1000);
    expect(book.of(verdi)).toHaveLength(1);
    await all.delete('verdi');
    lookAt(book, 1500);
    expect(book.of(verdi)).toEqual([]);
  });

  test('what the disk does not take is told of the relay, whichever room it struck', () => {
    all.put('verdi').facts = kit();
    all.put('rossini').facts = { ...kit(), storage: '3 captions wait in memory for the relay’s disk.' };
    const book = bookOf();
    lookAt(book, 0, 1000);
    expect(book.ofRelay().map(({ code, message }) => [code, message])).toEqual([
      ['relay-disk', '3 captions wait in memory for the relay’s disk.'],
    ]);
  });
});

describe('a kit', () => {
  test('tells what it lacks of power, as it is and how often it was, and of space', async () => {
    const folder = temporaryFolder();
    try {
      const sensor = join(folder.path, 'hwmon1');
      for (const [name, is] of [
        ['hwmon0', 'cpu_thermal'],
        ['hwmon1', 'rpi_volt'],
      ] as const) {
        mkdirSync(join(folder.path, name));
        writeFileSync(join(folder.path, name, 'name'), `${is}\n`);
      }
      const machine = new MachineWatch({ dataDir: folder.path, sensorsDir: folder.path });
      const power = async (value: string) => {
        writeFileSync(join(sensor, 'in0_lcrit_alarm'), `${value}\n`);
        await machine.look();
        return machine.health.power;
      };
      expect(await power('0')).toEqual({ low: false, lowCount: 0 });
      expect(await power('1')).toEqual({ low: true, lowCount: 1 });
      expect(await power('1')).toEqual({ low: true, lowCount: 1 });
      expect(await power('0')).toEqual({ low: false, lowCount: 1 });
      expect(await power('1')).toEqual({ low: true, lowCount: 2 });
      const { health } = machine;
      expect(health.disk?.freeBytes).toBeGreaterThan(0);
      // And the wire takes it.
      const told = parseDeviceMessage(JSON.stringify({ type: 'health', health: { ...fine, ...health } }));
      expect(told.type === 'health' && told.health).toMatchObject(health);
    } finally {
      folder.remove();
    }
  });

  test('that is no Raspberry Pi says nothing of power, and an older one’s health still counts', async () => {
    const folder = temporaryFolder();
    const machine = new MachineWatch({ dataDir: join(folder.path, 'none'), sensorsDir: join(folder.path, 'none') });
    await machine.look();
    expect(machine.health).toEqual({});
    expect(parseDeviceMessage(JSON.stringify({ type: 'health', health: fine }))).toMatchObject({ health: fine });
    folder.remove();
  });
});
