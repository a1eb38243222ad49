import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ClientAddresses, readAddress, unknownAddress } from '../relay/addresses.ts';
import { FailedAttempts } from '../relay/attempts.ts';
import { AudioRates } from '../relay/audio-rates.ts';
import { Connections, defaultHttpLimits, httpServerOptions } from '../relay/connections.ts';
import { DoorPlaces, defaultPlaceLimits, type PlaceLimits } from '../relay/door-places.ts';
import { RateLimit } from '../relay/rate.ts';
import { scheduleLimits } from '../relay/schedule/schedule-file.ts';
import { uplinkLimits } from '../relay/uplink-limits.ts';

/** A clock that stands until it is told. */
function clock() {
  let ms = 1000;
  return { now: () => ms, pass: (by: number) => (ms += by) };
}
const at = (text: string) => readAddress(text) ?? unknownAddress;
const venue = at('198.51.100.7');
const elsewhere = at('203.0.113.1');
const roomToken = (kind: 'pub' | 'sub', n = 0) => `${kind}_${String(n).padStart(12, '0')}_${'A'.repeat(43)}`;

describe('a rate', () => {
  it('gives so many at once, then evenly, and says how long to wait', () => {
    const { now, pass } = clock();
    const rate = new RateLimit({ perMinute: 6, atOnce: 3 }, now);
    expect([1, 2, 3].map(() => rate.take('a'))).toEqual([0, 0, 0]);
    expect(rate.take('a')).toBe(10_000);
    pass(9999);
    expect(rate.take('a')).toBe(1);
    pass(1);
    expect(rate.take('a')).toBe(0);
    expect(rate.take('a')).toBe(10_000);
    expect(rate.refused).toBe(3);
  });

  it('counts each key for itself, and is full again after a rest', () => {
    const { now, pass } = clock();
    const rate = new RateLimit({ perMinute: 2 }, now);
    for (let i = 0; i < 5; i++) rate.take('a');
    expect(rate.take('b')).toBe(0);
    pass(60_000);
    expect([rate.take('a'), rate.take('a')]).toEqual([0, 0]);
    expect(rate.take('a')).toBeGreaterThan(0);
  });

  it('remembers only so many keys, and forgets whoever was not heard of for longest', () => {
    const { now } = clock();
    const rate = new RateLimit({ perMinute: 1 }, now, 100);
    rate.take('first');
    for (let i = 0; i < 5000; i++) rate.take(`key ${i}`);
    expect(rate.size).toBe(100);
    expect(rate.take('key 4999')).toBeGreaterThan(0);
    expect(rate.take('first')).toBe(0);
  });
});

describe('tokens that open nothing', () => {
  const guesses = (attempts: FailedAttempts, count: number, from = venue) =>
    Array.from({ length: count }, (_, i) => {
      const token = `guess-number-${i}-at-it`;
      return (attempts.barred(from, token) ?? attempts.note(from, token, 'admin'))?.status ?? 401;
    });

  it('may be five a minute, then the address is banned for minutes, and told for how long', () => {
    const { now, pass } = clock();
    const told: string[] = [];
    const attempts = new FailedAttempts({}, now, 100, ({ address }, seconds) => told.push(`${address} ${seconds}`));
    expect(guesses(attempts, 7)).toEqual([401, 401, 401, 401, 401, 429, 429]);
    const refusal = attempts.barred(venue, 'the-right-admin-token');
    expect(refusal).toMatchObject({ status: 429, code: 'too-many-attempts', headers: { 'retry-after': '300' } });
    pass(299_000);
    expect(attempts.barred(venue, 'the-right-admin-token')?.headers).toEqual({ 'retry-after': '1' });
    pass(1001);
    expect(attempts.barred(venue, 'the-right-admin-token')).toBeNull();
    expect(attempts.bans).toBe(1);
    expect(told).toEqual(['198.51.100.7 300']);
  });

  it('ban nobody at another address', () => {
    const attempts = new FailedAttempts({}, clock().now);
    guesses(attempts, 20);
    expect(attempts.barred(elsewhere, 'the-right-admin-token')).toBeNull();
    expect(attempts.barred(at('2001:db8:1:2::1'), 'the-right-admin-token')).toBeNull();
  });

  it('count for the whole /64 of IPv6', () => {
    const attempts = new FailedAttempts({}, clock().now);
    for (let i = 1; i <= 6; i++) attempts.note(at(`2001:db8:1:2::${i}`), `guess-${i}-of-a-token`, 'admin');
    expect(attempts.barred(at('2001:db8:1:2:ffff::1'), 'the-right-admin-token')).not.toBeNull();
  });

  it('never keep a right token of a room, or one made on the admin page, from being looked at', () => {
    const attempts = new FailedAttempts({}, clock().now);
    guesses(attempts, 1000);
    for (const token of [roomToken('pub'), roomToken('sub'), `adm_000000000000_${'A'.repeat(43)}`])
      expect(attempts.barred(venue, token)).toBeNull();
  });

  it('are refused where kits fail again and again, without a word against the admin token', () => {
    const attempts = new FailedAttempts({}, clock().now);
    const answers = Array.from({ length: 20 }, (_, i) => attempts.note(venue, roomToken('pub', i), 'publish'));
    expect(answers.map((answer) => answer?.status ?? 401)).toEqual([...Array(5).fill(401), ...Array(15).fill(429)]);
    expect(answers.at(-1)?.headers).toEqual({ 'retry-after': '30' });
    expect(attempts.barred(venue, 'the-right-admin-token')).toBeNull();
  });

  it('are no one’s fault at a venue of phones with an old link, whole or cut short', () => {
    const { now, pass } = clock();
    const attempts = new FailedAttempts({}, now);
    for (let second = 0; second < 120; second++) {
      for (const token of [roomToken('sub'), 'sub_00000000'])
        for (let phone = 0; phone < 4; phone++) expect(attempts.note(venue, token, 'read')).toBeNull();
      pass(1000);
    }
    expect(attempts.barred(venue, 'the-right-admin-token')).toBeNull();
  });

  it('are forgotten of the addresses that were not heard of for longest', () => {
    const attempts = new FailedAttempts({ maxFailedAttempts: 1 }, clock().now, 100);
    for (let i = 0; i < 1000; i++) guesses(attempts, 2, at(`10.1.${i >> 8}.${i & 255}`));
    expect(attempts.size).toBe(100);
    expect(attempts.barred(at('10.1.3.231'), 'the-right-admin-token')).not.toBeNull();
  });
});

describe('places', () => {
  const visitor = (right: 'read' | 'publish' | 'admin', from = venue, room = 'hall') => ({ right, from, room });
  const places = (limits: Partial<PlaceLimits> = {}, now = clock().now) =>
    new DoorPlaces({ ...defaultPlaceLimits, ...limits }, now);

  it('are given to a venue of 2,000 readers, who come back within seconds after a restart', () => {
    const made = places();
    for (let i = 0; i < 2000; i++) {
      expect(made.asked(visitor('read'), 'one-code-for-all')).toBeNull();
      expect(made.full(visitor('read'))).toBeNull();
      made.take(visitor('read'));
    }
  });

  it('end with those of the relay, of the room and of the address, and are given back', () => {
    const made = places({ maxReaders: 3, maxReadersPerRoom: 2, maxReadersPerAddress: 2, maxAudioSocketsPerAddress: 1 });
    const first = made.take(visitor('read'));
    made.take(visitor('read', elsewhere));
    expect(made.full(visitor('read', at('192.0.2.1')))).toMatchObject({ status: 503, code: 'too-many-readers' });
    made.take(visitor('read', elsewhere, 'library'));
    expect(made.full(visitor('read', at('192.0.2.1'), 'attic'))).toMatchObject({ status: 503 });
    first();
    expect(made.full(visitor('read', elsewhere, 'attic'))).toMatchObject({ status: 429, code: 'too-many-sockets' });
    expect(made.full(visitor('read', venue, 'attic'))).toBeNull();
    made.take(visitor('publish'));
    expect(made.full(visitor('publish', venue, 'attic'))).toMatchObject({ status: 429, code: 'too-many-sockets' });
    expect(made.full(visitor('publish', elsewhere))).toBeNull();
  });

  it('leave nothing behind', () => {
    const made = places();
    const leave = Array.from({ length: 500 }, (_, i) => made.take(visitor('read', at(`10.0.${i >> 8}.${i & 255}`))));
    expect(made.size).toBe(501);
    for (const each of leave) each();
    expect([made.size, made.count('read')]).toEqual([0, 0]);
  });

  it('are refused to an address that asks too often', () => {
    const { now, pass } = clock();
    const made = places({}, now);
    const refused = Array.from({ length: 1000 }, () => made.asked(visitor('publish'), null)).filter(Boolean);
    expect(refused).toHaveLength(940);
    expect(refused[0]).toMatchObject({ status: 429, code: 'too-many-upgrades', headers: { 'retry-after': '1' } });
    expect(made.asked(visitor('publish', elsewhere), null)).toBeNull();
    pass(1000);
    expect(made.asked(visitor('publish'), null)).toBeNull();
  });

  it('are not refused to a kit with a right token, whatever comes from its address', () => {
    const made = places();
    for (let i = 0; i < 10_000; i++) made.asked(visitor('publish'), null);
    for (let i = 0; i < 10_000; i++) made.asked(visitor('read'), null);
    expect(made.asked(visitor('publish'), 'token-of-the-kit')).toBeNull();
    expect(made.asked(visitor('admin'), 'admin')).toBeNull();
  });

  it('are not refused to a screen with a right token, whoever else asks to read at its address', () => {
    const made = places();
    const refusedTo = (opensAs: string | null) =>
      Array.from({ length: 10_000 }, () => made.asked(visitor('read'), opensAs)).filter(Boolean).length;
    expect(refusedTo(null)).toBe(4000);
    expect(refusedTo('the-code-on-the-wall')).toBe(4000);
    expect(refusedTo('nobody')).toBe(4000);
    expect(made.asked(visitor('read'), 'token-of-the-screen')).toBeNull();
    expect(made.asked(visitor('read', elsewhere), 'the-code-on-the-wall')).toBeNull();
  });

  it('are refused to one token that comes again and again', () => {
    const made = places();
    const refused = Array.from({ length: 100 }, () => made.asked(visitor('publish'), 'stolen')).filter(Boolean);
    expect(refused).toHaveLength(40);
    expect(made.asked(visitor('publish'), 'another')).toBeNull();
  });
});

describe('connections', () => {
  const opened: Socket[] = [];
  afterEach(() => {
    for (const socket of opened.splice(0)) socket.destroy();
  });

  async function serverWith(limits: { maxConnections: number; maxConnectionsPerAddress: number }, trusted: string[]) {
    const connections = new Connections(limits, new ClientAddresses(trusted));
    const slow = { ...defaultHttpLimits, headerTimeout: 1 };
    const server = createServer(httpServerOptions(slow), (_, response) => response.end('here'));
    connections.watch(server);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const open = async () => {
      const socket = connect(port, '127.0.0.1');
      opened.push(socket);
      socket.on('error', () => {});
      socket.write('GET / HTTP/1.1\r\nhost: relay\r\n\r\n');
      return new Promise<boolean>((done) => {
        socket.once('data', () => done(true));
        socket.once('close', () => done(false));
      });
    };
    return { connections, server, open };
  }

  it('are dropped beyond those of an address, and come back when others have gone', async () => {
    const limits = { maxConnections: 100, maxConnectionsPerAddress: 2 };
    const { connections, server, open } = await serverWith(limits, []);
    expect([await open(), await open(), await open()]).toEqual([true, true, false]);
    expect(connections.dropped).toBe(1);
    for (const socket of opened.splice(0)) socket.destroy();
    await expect.poll(() => connections.addresses).toBe(0);
    expect(await open()).toBe(true);
    server.close();
  });

  it('that are too slow, too long or no HTTP are answered, closed and counted', async () => {
    const { connections, server } = await serverWith({ maxConnections: 9, maxConnectionsPerAddress: 9 }, []);
    const address = server.address();
    const answerTo = async (bytes: string) => {
      const socket = connect(typeof address === 'object' && address ? address.port : 0, '127.0.0.1');
      opened.push(socket);
      socket.on('error', () => {});
      let answer = '';
      socket.setEncoding('utf8').on('data', (text) => {
        answer += text;
      });
      socket.write(bytes);
      await new Promise((done) => socket.once('close', done));
      return answer.split('\r\n')[0];
    };
    expect(await answerTo('not a request\r\n\r\n')).toBe('HTTP/1.1 400 Bad Request');
    expect(await answerTo(`GET / HTTP/1.1\r\nx: ${'y'.repeat(9000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431/);
    expect(await answerTo('GET / HTTP/1.1\r\nhost:')).toBe('HTTP/1.1 408 Request Timeout');
    expect(Object.fromEntries(connections.faults)).toEqual({ 400: 1, 431: 1, 408: 1 });
    server.close();
  });

  it.each([
    ['of all', { maxConnections: 3, maxConnectionsPerAddress: 9 }],
    ['of an address', { maxConnections: 9, maxConnectionsPerAddress: 3 }],
  ])('that ask for nothing give way where the places %s are taken', async (_, limits) => {
    const { server, open } = await serverWith(limits, []);
    expect([await open(), await open(), await open(), await open()]).toEqual([true, true, true, false]);
    await expect.poll(open).toBe(true);
    server.close();
  });

  it('have the time that the longest file of a schedule takes over a venue’s line of 1.5 Mbit/s', () => {
    expect(((httpServerOptions().requestTimeout ?? 0) / 1000) * 1.5e6).toBeGreaterThan(scheduleLimits.maxBytes * 8);
  });

  it('of a trusted proxy are those of all clients: only the whole counts', async () => {
    const limits = { maxConnections: 3, maxConnectionsPerAddress: 1 };
    const { connections, server, open } = await serverWith(limits, ['127.0.0.1']);
    expect([await open(), await open(), await open()]).toEqual([true, true, true]);
    expect(await open()).toBe(false);
    expect(connections.dropped).toBe(1);
    server.close();
  });
});

describe('audio of a room', () => {
  const second = 1000;

  it('is taken whole where a kit brings hours as fast as it was told, beside its live edge', () => {
    const { now, pass } = clock();
    const rates = new AudioRates({}, now);
    for (let s = 0; s < 3600 / 20; s++) {
      for (let i = 0; i < 21; i++) expect(rates.take('hall', second)).toBe(true);
      pass(1000);
    }
  });

  it('may not come faster by closing and opening, and another room does not notice', () => {
    const { now, pass } = clock();
    const rates = new AudioRates({}, now);
    let taken = 0;
    for (let s = 0; s < 60; s++) {
      for (let i = 0; i < 50; i++) if (rates.take('hall', second)) taken++;
      pass(1000);
    }
    expect(taken).toBeLessThan(60 * 21.1 + 160);
    expect(rates.take('attic', second)).toBe(true);
  });

  it('lets a room have audio of a thousand streams at once, and of fewer than it has places for in a day', () => {
    const { now, pass } = clock();
    const rates = new AudioRates({}, now);
    const most = () => {
      let taken = 0;
      while (rates.takeStream('hall')) taken++;
      return taken;
    };
    let taken = most();
    expect(taken).toBe(1000);
    expect(rates.takeStream('attic')).toBe(true);
    for (let hour = 0; hour < 24; hour++) {
      pass(3_600_000);
      taken += most();
    }
    expect(taken).toBeGreaterThan(4000);
    expect(taken).toBeLessThan(uplinkLimits.maxStreamsPerRoom);
  });

  it('takes nothing from the kit that serves the room, however much kits of before hand in', () => {
    const { now, pass } = clock();
    const rates = new AudioRates({}, now);
    let [former, streams] = [0, 0];
    for (let s = 0; s < 60; s++) {
      for (let i = 0; i < 50; i++) if (rates.take('hall', second, true)) former++;
      while (rates.takeStream('hall', true)) streams++;
      expect([rates.take('hall', second), rates.takeStream('hall')]).toEqual([true, true]);
      pass(1000);
    }
    expect(former).toBeLessThan(60 * 21.1 + 160);
    pass(86_400_000);
    while (rates.takeStream('hall', true)) streams++;
    // With those of the room itself, in a day.
    expect(streams + 1000 + 2.5 * 24 * 60).toBeLessThan(uplinkLimits.maxStreamsPerRoom);
  });

  it('ends with the hours of a day, and comes back with time', () => {
    const { now, pass } = clock();
    const rates = new AudioRates({ maxAudioHours: 1 }, now);
    const bring = (seconds: number) => {
      let taken = 0;
      for (let i = 0; i < seconds; i++) {
        if (rates.take('hall', second)) taken++;
        pass(50);
      }
      return taken;
    };
    expect(bring(7200)).toBeLessThan(3700);
    pass(24 * 3_600_000);
    expect(bring(3600)).toBe(3600);
  });
});
