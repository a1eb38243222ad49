import { afterEach, describe, expect, test } from 'vitest';
import type { OfferedRelease, Releases } from '../relay/kit-door.ts';
import { captionsProtocol } from '../relay/protocol.js';
import { bearer, House, type HouseOptions } from './harness/doors.ts';
import { enrolledKit, healthy, kitHello, kitLink } from './harness/kits.ts';

let house: House;

async function open(options: HouseOptions = {}): Promise<House> {
  house = await new House(options).start();
  house.rooms.put('verdi', { title: 'Sala Verdi' });
  house.rooms.put('rossini', { title: 'Sala Rossini' });
  return house;
}
afterEach(() => house.stop());

const told = (link: ReturnType<typeof kitLink>, type: string, count = 1) =>
  expect.poll(() => link.of(type).length, { interval: 5, timeout: 10_000 }).toBe(count);

describe('a kit that connects', () => {
  test('is told its room, and at once when that becomes another or is called otherwise', async () => {
    await open({ kits: { lookIntervalMs: 20 } });
    const key = enrolledKit(house, 'verdi-1', 'device', 'verdi');
    const link = kitLink(house, key);
    await told(link, 'welcome');
    expect(link.messages).toEqual([
      {
        type: 'welcome',
        at: expect.closeTo(Date.now(), -4),
        assignment: { room: 'verdi', title: 'Sala Verdi' },
        idle: false,
      },
    ]);
    house.rights.kits.assign('verdi-1', 'rossini');
    await told(link, 'assignment');
    house.rooms.put('rossini', { title: 'Sala Gioachino Rossini' });
    await told(link, 'assignment', 2);
    expect(link.of('assignment')).toEqual([
      { type: 'assignment', room: 'rossini', title: 'Sala Rossini' },
      { type: 'assignment', room: 'rossini', title: 'Sala Gioachino Rossini' },
    ]);
    expect(house.kitDoor.connected).toBe(1);
    expect(house.kitDoor.of('verdi-1')).toMatchObject({ bootId: kitHello.bootId });
  });

  test('stays with what it had while its room is gone, and is told the next one', async () => {
    await open();
    const key = enrolledKit(house, 'verdi-1', 'display', 'verdi');
    const link = kitLink(house, key);
    await told(link, 'welcome');
    await house.rooms.delete('verdi');
    const again = kitLink(house, key);
    await told(again, 'welcome');
    expect(again.of('welcome')[0]).toMatchObject({ assignment: null, idle: true });
    house.rights.kits.assign('verdi-1', 'rossini');
    await told(again, 'assignment');
    expect(again.of('assignment')).toEqual([{ type: 'assignment', room: 'rossini', title: 'Sala Rossini' }]);
  });

  test('goes on serving the room before until it hears of another, also where that was decided long ago', async () => {
    await open({ kits: { lookIntervalMs: 20 } });
    const key = enrolledKit(house, 'verdi-1', 'device', 'verdi');
    const { kits } = house.rights;
    const link = kitLink(house, key);
    await told(link, 'welcome');
    link.socket.terminate();
    await expect.poll(() => house.kitDoor.connected, { interval: 5, timeout: 10_000 }).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 5)); // a moment that room time tells apart
    kits.assign('verdi-1', 'rossini');
    const decidedMs = Date.now();
    const graceMs = (kits.served('verdi-1', 'verdi').at(-1)?.[1] ?? 0) - decidedMs;
    await new Promise((resolve) => setTimeout(resolve, 200)); // for so long it does not hear of it
    const again = kitLink(house, key);
    await told(again, 'welcome');
    const learnedMs = (kits.served('verdi-1', 'verdi').at(-1)?.[1] ?? 0) - graceMs;
    expect(learnedMs - decidedMs).toBeGreaterThanOrEqual(199);
    // It knows by now: another connection changes nothing.
    again.socket.terminate();
    const third = kitLink(house, key);
    await told(third, 'welcome');
    expect((kits.served('verdi-1', 'verdi').at(-1)?.[1] ?? 0) - graceMs).toBe(learnedMs);
    expect(kits.roomOf('verdi-1')).toBe('rossini');
  });

  test('is kept with what it said last: its health, its version, its update', async () => {
    await open();
    const { kits } = house.rights;
    const link = kitLink(house, enrolledKit(house, 'verdi-1', 'display', 'verdi'));
    await told(link, 'welcome');
    const health = {
      ...{ state: 'page-frozen', message: 'The page does not paint', hint: 'It is started again' },
      page: { beatAgeMs: 15_000, shows: 'captions' },
      machine: { power: { low: true, lowCount: 2 } },
    };
    link.socket.send(JSON.stringify({ type: 'health', health: { ...health, unknown: 1 }, more: 2 }));
    const update = { version: '1.1.0', state: 'fetching', message: '10 of 60 MB' };
    link.socket.send(JSON.stringify({ type: 'update', ...update }));
    await expect.poll(() => kits.get('verdi-1')?.told.update).toEqual(update);
    expect(kits.get('verdi-1')).toMatchObject({
      seenMs: expect.closeTo(Date.now(), -4),
      told: { version: '1.0.0', healthMs: expect.closeTo(Date.now(), -4), updateMs: expect.closeTo(Date.now(), -4) },
    });
    expect(kits.get('verdi-1')?.told.health).toEqual(health);
  });

  test('makes itself known when asked to; one that is away cannot', async () => {
    await open();
    const link = kitLink(house, enrolledKit(house, 'verdi-1', 'display', 'verdi'));
    expect(house.kitDoor.identify('verdi-1')).toBe(false);
    await told(link, 'welcome');
    expect(house.kitDoor.identify('verdi-1')).toBe(true);
    await told(link, 'identify');
    expect(house.kitDoor.identify('none')).toBe(false);
    link.socket.terminate();
    await expect.poll(() => house.kitDoor.identify('verdi-1')).toBe(false);
  });

  test('a second time is the one that counts; the first is closed with 4409', async () => {
    await open();
    const key = enrolledKit(house, 'verdi-1', 'display', 'verdi');
    const first = kitLink(house, key);
    await told(first, 'welcome');
    const second = kitLink(house, key);
    expect(await first.closed).toMatchObject({ code: 4409 });
    await told(second, 'welcome');
    house.kitDoor.identify('verdi-1');
    await told(second, 'identify');
    expect(house.kitDoor.connected).toBe(1);
    expect(house.kitDoor.counters).toMatchObject({ connections: 2, replaced: 1 });
  });

  test('with nothing to say is closed with 4408, and with anything else first with 4000', async () => {
    await open({ kits: { helloTimeoutMs: 50 } });
    const key = enrolledKit(house, 'verdi-1', 'display', 'verdi');
    expect(await kitLink(house, key, null).closed).toMatchObject({ code: 4408 });
    expect(await kitLink(house, key, { type: 'health', health: healthy }).closed).toMatchObject({ code: 4000 });
    expect(house.kitDoor.connected).toBe(0);
  });

  test.each([
    ['hello again', JSON.stringify(kitHello), 4000],
    ['no JSON', 'nonsense', 1007],
    ['no message of ours', '{"type":"sudo"}', 4000],
    ['a health without a state', '{"type":"health","health":{"message":""}}', 4000],
    [
      'a text that is too long',
      JSON.stringify({ type: 'health', health: { ...healthy, message: 'x'.repeat(501) } }),
      4000,
    ],
    ['an update of no such state', '{"type":"update","version":"1","state":"lost","message":""}', 4000],
    ['more than 16 KiB', `{"type":"health","pad":"${'x'.repeat(17_000)}"}`, 1009],
    ['bytes', Buffer.from('{}'), 1003],
  ])('and sends %s is closed', async (_, sent, code) => {
    await open();
    const link = kitLink(house, enrolledKit(house, 'verdi-1', 'display', 'verdi'));
    await told(link, 'welcome');
    link.socket.send(sent);
    expect(await link.closed).toMatchObject({ code });
    expect(house.rights.kits.get('verdi-1')?.told.health).toEqual(healthy);
  });

  test('and sends more than it should is closed with 4429', async () => {
    await open({ kits: { maxMessagesPerMinute: 60, maxMessagesAtOnce: 5 } });
    const link = kitLink(house, enrolledKit(house, 'verdi-1', 'display', 'verdi'));
    await told(link, 'welcome');
    for (let i = 0; i < 6; i++) link.socket.send(JSON.stringify({ type: 'health', health: healthy }));
    expect(await link.closed).toMatchObject({ code: 4429 });
    expect(house.kitDoor.counters.refused).toBe(1);
  });

  test('and reads nothing is cut off, and costs nobody else anything', async () => {
    await open({ kits: { maxBufferedBytes: 1000 } });
    const slow = kitLink(house, enrolledKit(house, 'verdi-1', 'display', 'verdi'));
    await told(slow, 'welcome');
    slow.socket.pause();
    await expect
      .poll(
        () => {
          for (let i = 0; i < 20_000; i++) house.kitDoor.identify('verdi-1');
          return house.kitDoor.counters.cutOff;
        },
        { interval: 10, timeout: 20_000 },
      )
      .toBe(1);
    expect(house.kitDoor.connected).toBe(0);
    slow.socket.resume();
    expect(await slow.closed).toMatchObject({ code: expect.any(Number) });
  });
});

describe('a key that is revoked', () => {
  test('closes all that it opened within a second, with 4401, and opens nothing more', async () => {
    await open();
    const key = enrolledKit(house, 'verdi-1', 'solo', 'verdi');
    const link = kitLink(house, key);
    const reader = house.connect('/api/rooms/verdi/captions', [captionsProtocol], bearer(key));
    const source = house.connect('/api/rooms/verdi/audio', ['sala.audio.v1'], bearer(key));
    const other = kitLink(house, enrolledKit(house, 'verdi-2', 'solo', 'verdi'));
    await Promise.all([told(link, 'welcome'), told(other, 'welcome'), reader.opened, source.opened]);
    const atMs = performance.now();
    house.rights.kits.delete('verdi-1');
    const closed = await Promise.all([link.closed, reader.closed, source.closed]);
    expect(performance.now() - atMs).toBeLessThan(1000);
    expect(closed.map(({ code }) => code)).toEqual([4401, 4401, 4401]);
    expect((await kitLink(house, key).refused).body).toMatchObject({ error: { code: 'token-ended' } });
    expect(house.kitDoor.connected).toBe(1);
    expect(other.socket.readyState).toBe(other.socket.OPEN);
  });
});

describe('a kit that is assigned to another room', () => {
  test('loses its sockets of the former room with 4403; what hands in what was heard there stays', async () => {
    await open();
    const key = enrolledKit(house, 'verdi-1', 'solo', 'verdi');
    const reader = house.connect('/api/rooms/verdi/captions', [captionsProtocol], bearer(key));
    const source = house.connect('/api/rooms/verdi/audio', ['sala.audio.v1'], bearer(key));
    const guest = house.read('verdi');
    await Promise.all([reader.opened, source.opened, guest.opened]);
    house.rights.kits.assign('verdi-1', 'rossini');
    expect(await Promise.all([reader.closed, source.closed])).toEqual([
      { code: 4403, reason: 'the kit serves another room now' },
      { code: 4403, reason: 'the kit serves another room now' },
    ]);
    const refused = await house.connect('/api/rooms/verdi/captions', [captionsProtocol], bearer(key)).refused;
    expect(refused).toMatchObject({ status: 403, body: { error: { code: 'kit-other-room' } } });
    const legacy = await house.connect('/ws/audio/verdi', [], bearer(key)).refused;
    expect(legacy).toMatchObject({ status: 403, body: { error: { code: 'kit-other-room' } } });
    const delivering = house.connect('/api/rooms/verdi/audio', ['sala.audio.v1'], bearer(key));
    await delivering.opened;
    await house.connect('/api/rooms/rossini/captions', [captionsProtocol], bearer(key)).opened;
    house.rooms.put('third');
    house.rights.kits.assign('verdi-1', 'third');
    await house.connect('/api/rooms/third/captions', [captionsProtocol], bearer(key)).opened;
    expect(delivering.socket.readyState).toBe(delivering.socket.OPEN);
    expect(guest.socket.readyState).toBe(guest.socket.OPEN);
  });

  test('takes no place of those that serve the former room, and more than a few at once find none', async () => {
    await open({ doors: { maxAudioSocketsPerRoom: 2, maxFormerKitsPerRoom: 3 } });
    const former = enrolledKit(house, 'verdi-1', 'device', 'verdi');
    const serving = enrolledKit(house, 'verdi-2', 'device', 'verdi');
    house.rights.kits.assign('verdi-1', 'rossini');
    const knock = (key: string) => house.connect('/api/rooms/verdi/audio', ['sala.audio.v1'], bearer(key));
    await Promise.all([knock(former), knock(former), knock(former)].map((each) => each.opened));
    expect(await knock(former).refused).toMatchObject({ status: 503, body: { error: { code: 'too-many-sources' } } });
    await Promise.all([knock(serving).opened, knock(serving).opened]);
    expect(await knock(serving).refused).toMatchObject({ status: 503 });
  });

  test('is found in a room that anybody may read, too, and in no other', async () => {
    await open();
    house.rooms.put('verdi', { public: true });
    house.rooms.put('rossini', { public: true });
    const key = enrolledKit(house, 'verdi-1', 'display', 'verdi');
    const reader = house.connect('/api/rooms/verdi/captions', [captionsProtocol], bearer(key));
    const anybody = house.connect('/api/rooms/rossini/captions', [captionsProtocol], bearer(key));
    await Promise.all([reader.opened, anybody.opened]);
    house.rights.kits.assign('verdi-1', 'rossini');
    expect(await reader.closed).toMatchObject({ code: 4403 });
    expect(anybody.socket.readyState).toBe(anybody.socket.OPEN);
  });
});

describe('a release', () => {
  const release = (version: string): OfferedRelease => ({ version, sha256: 'a'.repeat(64), bytes: 60e6 });

  test('is told to every kit when it is offered, to those that come later, and again whenever their room rests or does not', async () => {
    const listeners = new Set<() => void>();
    let offered: OfferedRelease | null = null;
    const releases: Releases = {
      get offered() {
        return offered;
      },
      onOffered: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    const offer = (next: OfferedRelease | null) => {
      offered = next;
      for (const listener of listeners) listener();
    };
    await open({ releases, idleAfterMs: 0, kits: { lookIntervalMs: 10 } });
    const link = kitLink(house, enrolledKit(house, 'verdi-1', 'device', 'verdi'));
    await told(link, 'welcome');
    offer(release('1.1.0'));
    await told(link, 'release');
    const late = kitLink(house, enrolledKit(house, 'rossini-1', 'device', 'rossini'));
    await told(late, 'release');
    const talk = { id: 't', title: 'Opera', speakers: [], start: 0, end: 1 };
    house.rooms.get('verdi')?.give(talk);
    await told(link, 'release', 2);
    house.rooms.get('verdi')?.give(null);
    await told(link, 'release', 3);
    offer(null);
    offer(release('1.2.0'));
    await told(link, 'release', 4);
    expect(link.of('release')).toEqual([
      { type: 'release', ...release('1.1.0'), idle: true },
      { type: 'release', ...release('1.1.0'), idle: false },
      { type: 'release', ...release('1.1.0'), idle: true },
      { type: 'release', ...release('1.2.0'), idle: true },
    ]);
    await told(late, 'release', 2);
    // Told once, and only to those who knew of one.
    offer(null);
    await told(late, 'withdrawn', 2);
    const newcomer = kitLink(house, enrolledKit(house, 'verdi-2', 'device', 'verdi'));
    await told(newcomer, 'welcome');
    offer(release('1.3.0'));
    await told(newcomer, 'release');
    expect([late.of('withdrawn').length, newcomer.of('withdrawn').length]).toEqual([2, 0]);
  });
});
