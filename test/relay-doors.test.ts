import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { audioProtocol, captionsProtocol } from '../relay/protocol.js';
import { adminSecret, bearer, House } from './harness/doors.ts';

let house: House;
let publish: string;
let read: string;
let otherPublish: string;
let otherRead: string;
const arrived: string[] = [];

beforeEach(async () => {
  arrived.length = 0;
  house = await new House({
    handlers: {
      audio: (_, room) => arrived.push(`audio ${room.record.name}`),
      legacyAudio: (_, room, { lang }) => arrived.push(`legacy ${room.record.name} ${lang}`),
    },
    doors: { maxReadersPerRoom: 3, maxAudioSocketsPerRoom: 1, closeTimeoutMs: 200 },
  }).start();
  house.rooms.put('verdi');
  house.rooms.put('rossini');
  publish = house.tokens.create('verdi', 'publish', 'kit').token;
  read = house.tokens.create('verdi', 'read', 'screen').token;
  otherPublish = house.tokens.create('rossini', 'publish', 'kit').token;
  otherRead = house.tokens.create('rossini', 'read', 'screen').token;
});

afterEach(() => house.stop());

const audio = '/api/rooms/verdi/audio';
const captions = '/api/rooms/verdi/captions';
const made = (prefix: string) => `${prefix}_0123456789ab_${'A'.repeat(43)}`;

test('every door refuses no token, a wrong, a foreign, a wrong-right and a revoked token before the upgrade', async () => {
  const revoked = {
    publish: house.tokens.create('verdi', 'publish', ''),
    read: house.tokens.create('verdi', 'read', ''),
  };
  house.tokens.delete('verdi', revoked.publish.id);
  house.tokens.delete('verdi', revoked.read.id);
  const refusals: [right: 'publish' | 'read', token: string | null, status: number, code: string][] = [
    ['publish', null, 401, 'token-missing'],
    ['publish', 'nonsense', 401, 'token-unknown'],
    ['publish', made('pub'), 401, 'token-unknown'],
    ['publish', `${publish.slice(0, -1)}${publish.endsWith('A') ? 'B' : 'A'}`, 401, 'token-unknown'],
    ['publish', revoked.publish.token, 401, 'token-ended'],
    ['publish', otherPublish, 403, 'token-other-room'],
    ['publish', read, 403, 'token-wrong-right'],
    ['publish', otherRead, 403, 'token-wrong-right'],
    ['publish', adminSecret, 403, 'token-wrong-right'],
    ['read', null, 401, 'token-missing'],
    ['read', 'nonsense', 401, 'token-unknown'],
    ['read', made('sub'), 401, 'token-unknown'],
    ['read', revoked.read.token, 401, 'token-ended'],
    ['read', otherRead, 403, 'token-other-room'],
    ['read', publish, 403, 'token-wrong-right'],
  ];
  const doors = {
    publish: [
      { path: audio, protocols: [audioProtocol] },
      { path: '/ws/audio/verdi', protocols: [] },
    ],
    read: [
      { path: captions, protocols: [captionsProtocol] },
      { path: '/ws/transcript/verdi', protocols: [] },
    ],
  };
  for (const [right, token, status, code] of refusals)
    for (const { path, protocols } of doors[right]) {
      const ways = [house.connect(path, protocols, token === null ? {} : bearer(token))];
      if (token !== null && protocols.length > 0) ways.push(house.connect(path, [...protocols, `bearer.${token}`]));
      if (token !== null && protocols.length === 0) {
        ways.push(house.connect(`${path}?token=${token}`), house.connect(`/t/${token}${path}`));
      }
      for (const way of ways) {
        const answer = await way.refused;
        expect({ path, code: answer.body }).toMatchObject({ path, code: { error: { code } } });
        expect(answer.status).toBe(status);
        expect(answer.headers.connection).toBe('close');
        expect(answer.headers['www-authenticate'] !== undefined).toBe(status === 401);
      }
    }
  expect(arrived).toEqual([]);
  expect(house.doors.count('read') + house.doors.count('publish')).toBe(0);
});

test('the right token opens its door, by header, by subprotocol and on the old doors by address', async () => {
  await house.connect(audio, [audioProtocol], bearer(publish)).opened;
  const first = house.connect(captions, [captionsProtocol, `bearer.${read}`]);
  await first.until((each) => each.messages.length > 0);
  expect(first.messages[0]).toMatchObject({
    type: 'hello',
    seq: 0,
    room: { name: 'verdi', title: 'verdi' },
    talk: null,
  });
  const admin = house.connect(captions, [captionsProtocol], bearer(adminSecret));
  await admin.opened;
  await house.connect(`/t/${read}/ws/transcript/verdi`).opened;
  expect(arrived).toEqual(['audio verdi']);
});

test('the old audio door takes a token in the address and tells the language asked for', async () => {
  await house.connect(`/ws/audio/verdi?lang=it-it&token=${publish}`).opened;
  expect(arrived).toEqual(['legacy verdi it-IT']);
});

test('a token in the address opens none of the new doors', async () => {
  expect((await house.connect(`${captions}?token=${read}`, [captionsProtocol]).refused).status).toBe(401);
  expect((await house.connect(`/t/${read}${captions}`, [captionsProtocol]).refused).status).toBe(404);
});

test('the answer to an upgrade names the protocol and never the token, in any order', async () => {
  for (const protocols of [
    [captionsProtocol, `bearer.${read}`],
    [`bearer.${read}`, captionsProtocol],
  ]) {
    const { socket, opened } = house.connect(captions, protocols);
    let headers = '';
    socket.on('upgrade', (response) => {
      headers = JSON.stringify(response.rawHeaders);
    });
    await opened;
    expect(socket.protocol).toBe(captionsProtocol);
    expect(headers).not.toContain(read);
  }
});

test('a public room is read without a token, and its audio is not opened', async () => {
  house.rooms.put('verdi', { public: true });
  await house.connect(captions, [captionsProtocol]).opened;
  expect((await house.connect(audio, [audioProtocol]).refused).status).toBe(401);
});

test('those whose room is private again lose the socket no token opened', async () => {
  await house.stop();
  house = await new House({ doors: { readerPingMs: 20 } }).start();
  house.rooms.put('verdi', { public: true });
  const reading = house.connect(captions, [captionsProtocol]);
  await reading.opened;
  house.rooms.put('verdi', { public: false });
  expect((await reading.closed).code).toBe(4401);
});

test('what is not well formed is refused with what to do', async () => {
  const cases: [path: string, protocols: string[], status: number, code: string][] = [
    [captions, [], 400, 'subprotocol'],
    [captions, [audioProtocol], 400, 'subprotocol'],
    [`${captions}?since=-1&partial=yes`, [captionsProtocol], 400, 'query'],
    ['/api/rooms/nowhere/captions', [captionsProtocol], 404, 'room-unknown'],
    ['/api/rooms/Verdi/captions', [captionsProtocol], 404, 'not-found'],
    ['/api/rooms/x/..%2fverdi/captions', [captionsProtocol], 404, 'not-found'],
    ['/api/rooms/verdi%2fcaptions', [captionsProtocol], 404, 'not-found'],
    ['//api/rooms/verdi/captions', [captionsProtocol], 404, 'not-found'],
    ['/elsewhere', [], 404, 'not-found'],
  ];
  for (const [path, protocols, status, code] of cases) {
    const answer = await house.connect(path, protocols, bearer(adminSecret)).refused;
    expect({ path, status: answer.status, body: answer.body }).toMatchObject({
      path,
      status,
      body: { error: { code } },
    });
  }
});

test('a room that does not exist looks like any other to those without its token', async () => {
  expect((await house.connect('/api/rooms/nowhere/captions', [captionsProtocol]).refused).status).toBe(401);
  expect((await house.connect('/api/rooms/nowhere/captions', [captionsProtocol], bearer(read)).refused).status).toBe(
    403,
  );
});

test('a handshake that is none is answered in JSON', async () => {
  const answer = await new Promise<string>((done) => {
    let text = '';
    const socket = connect(house.port, '127.0.0.1');
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.on('error', () => {}); // it may be reset once it is answered
    socket.on('close', () => done(text));
    socket.write(
      `GET ${captions} HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: short\r\n` +
        `sec-websocket-version: 13\r\nsec-websocket-protocol: ${captionsProtocol}\r\nauthorization: Bearer ${read}\r\n\r\n`,
    );
  });
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).toContain('"code":"handshake"');
});

test('a full room refuses with 503 and lets others in elsewhere', async () => {
  for (let i = 0; i < 3; i++) await house.read('verdi').opened;
  const answer = await house.read('verdi').refused;
  expect(answer.status).toBe(503);
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  await house.read('rossini').opened;
  await house.connect(audio, [audioProtocol], bearer(publish)).opened;
  expect((await house.connect(audio, [audioProtocol], bearer(publish)).refused).status).toBe(503);
  expect(house.doors.refusals).toEqual(
    new Map([
      ['too-many-readers', 1],
      ['too-many-sources', 1],
    ]),
  );
});

test('a reader that leaves makes room for the next', async () => {
  const readings = [house.read('verdi'), house.read('verdi'), house.read('verdi')];
  for (const { opened } of readings) await opened;
  readings[0]?.socket.close();
  await expect.poll(() => house.doors.count('read')).toBe(2);
  await house.read('verdi').opened;
});

test('revoking a token closes its sockets at once with 4401, and no other', async () => {
  const doomed = house.tokens.create('verdi', 'read', '');
  const first = house.connect(captions, [captionsProtocol], bearer(doomed.token));
  const other = house.read('verdi');
  await Promise.all([first.opened, other.opened]);
  expect(house.tokens.delete('verdi', doomed.id)).toBe(true);
  expect((await first.closed).code).toBe(4401);
  expect(other.socket.readyState).toBe(other.socket.OPEN);
});

test('revoking a token ends the socket of a peer that answers nothing', async () => {
  const doomed = house.tokens.create('verdi', 'read', '');
  const first = house.connect(captions, [captionsProtocol], bearer(doomed.token));
  await first.opened;
  first.socket.pause();
  house.tokens.delete('verdi', doomed.id);
  await expect.poll(() => house.doors.count('read'), { timeout: 5000 }).toBe(0);
});

test('deleting a room closes its sockets with 4404', async () => {
  const reader = house.read('verdi');
  const source = house.connect(audio, [audioProtocol], bearer(publish));
  const elsewhere = house.read('rossini');
  await Promise.all([reader.opened, source.opened, elsewhere.opened]);
  await house.rooms.delete('verdi');
  expect((await reader.closed).code).toBe(4404);
  expect((await source.closed).code).toBe(4404);
  expect(elsewhere.socket.readyState).toBe(elsewhere.socket.OPEN);
});

test('a reader that speaks is closed: 1003 for data, 1009 for more than 1 KiB, 1007 for text that is none', async () => {
  const speak = async (act: (socket: WebSocket) => void) => {
    const reading = house.read('verdi');
    await reading.opened;
    act(reading.socket);
    return (await reading.closed).code;
  };
  expect(await speak((socket) => socket.send('hello?'))).toBe(1003);
  expect(await speak((socket) => socket.send(Buffer.alloc(2)))).toBe(1003);
  expect(await speak((socket) => socket.send('x'.repeat(1025)))).toBe(1009);
  expect(await speak((socket) => socket.send(Buffer.from([0xc3, 0x28]), { binary: false }))).toBe(1007);
});

test('an audio socket is closed with 1009 for a frame over 64 KiB and for text over 256 KiB', async () => {
  for (const data of [Buffer.alloc(70_000), 'x'.repeat(256 * 1024 + 1)]) {
    const source = house.connect(audio, [audioProtocol], bearer(publish));
    await source.opened;
    source.socket.send(data);
    expect((await source.closed).code).toBe(1009);
    await expect.poll(() => house.doors.count('publish')).toBe(0);
  }
});

test('the old audio door takes pieces of any size that a message may have', async () => {
  const source = house.connect(`/ws/audio/verdi?token=${publish}`);
  await source.opened;
  source.socket.send(Buffer.alloc(200_000));
  const answered = new Promise<void>((done) => source.socket.once('pong', () => done()));
  source.socket.ping();
  await answered;
  expect(source.socket.readyState).toBe(source.socket.OPEN);
  source.socket.send(Buffer.alloc(256 * 1024 + 1));
  expect((await source.closed).code).toBe(1009);
});

test('a peer that answers no ping is terminated', async () => {
  await house.stop();
  house = await new House({ doors: { readerPingMs: 50, readerDeadAfterMs: 120 } }).start();
  house.rooms.put('verdi');
  const silent = house.read('verdi');
  const well = house.read('verdi');
  await Promise.all([silent.opened, well.opened]);
  silent.socket.pause();
  await expect.poll(() => house.doors.count('read'), { timeout: 5000 }).toBe(1);
  expect(well.socket.readyState).toBe(well.socket.OPEN);
});

test('closing all tells every socket 1012 and admits no more', async () => {
  const readings = [house.read('verdi'), house.read('rossini')];
  await Promise.all(readings.map(({ opened }) => opened));
  await Promise.all([house.doors.closeAll(), house.doors.closeAll()]);
  for (const { closed } of readings) expect((await closed).code).toBe(1012);
  const late = await house.read('verdi').refused;
  expect(late.status).toBe(503);
  expect(late.body).toMatchObject({ error: { code: 'stopping' } });
});

test('a peer that resets in the middle of the upgrade harms nobody', async () => {
  for (const token of [read, 'nonsense'])
    for (let i = 0; i < 20; i++) {
      const socket = connect(house.port, '127.0.0.1');
      socket.on('error', () => {});
      await new Promise<void>((done) => socket.once('connect', done));
      const upgraded = new Promise<void>((done) => house.server.once('upgrade', (_, peer) => peer.once('close', done)));
      socket.write(
        `GET ${captions} HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n` +
          `sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: ${captionsProtocol}\r\nauthorization: Bearer ${token}\r\n\r\n`,
        () => socket.resetAndDestroy(),
      );
      await upgraded;
    }
  await expect.poll(() => house.doors.count('read')).toBe(0);
  await house.read('verdi').opened;
});

test('no token reaches the log, whatever door it knocked on and in whatever way', async () => {
  const secrets = [publish, read, otherRead, made('pub'), adminSecret];
  for (const token of secrets) {
    const tries = [
      house.connect(audio, [audioProtocol], bearer(token)),
      house.connect(captions, [captionsProtocol, `bearer.${token}`]),
      house.connect(`/ws/transcript/verdi?token=${token}`),
      house.connect(`/t/${token}/ws/audio/verdi`),
      house.connect(`/t/${token}/nowhere?token=${token}`),
      house.connect(captions, [`bearer.${token}`]),
    ];
    await Promise.all(tries.map((each) => Promise.race([each.opened, each.refused])));
    for (const { socket } of tries) socket.terminate();
    await expect.poll(() => house.doors.count('read') + house.doors.count('publish')).toBe(0);
  }
  const logged = house.captured.lines.join('');
  expect(logged).not.toBe('');
  for (const token of secrets) expect(logged).not.toContain(token.slice(-20));
});
