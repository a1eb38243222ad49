import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { kitProtocol } from '../relay/kit-protocol.ts';
import { Kits } from '../relay/kits.ts';
import { Tokens } from '../relay/tokens.ts';
import { bearer } from './harness/doors.ts';
import { FakeRooms } from './harness/fake-rooms.ts';
import { killWhileEnrolling } from './harness/kit-kills.ts';
import { healthy, kitHello, newKey } from './harness/kits.ts';
import { lastingPort } from './harness/ports.ts';
import { remember, TestRelay, temporaryFolder } from './harness/programs.ts';

// The long form, with forty kills, is in relay-kit-restart.long.ts; this takes about 3 s.
test('a relay that is killed while kits are enrolled leaves each with exactly one key', {
  timeout: 120_000,
}, async () => {
  await killWhileEnrolling(1);
});

test('an enrolment that breaks off anywhere leaves all as it was', () => {
  const rooms = new FakeRooms();
  onTestFinished(() => rooms.remove());
  rooms.put('verdi');
  const tokens = new Tokens(rooms.db);
  const kits = new Kits(rooms.db, tokens);
  const first = newKey();
  kits.enrol(kits.create('verdi-1', 'device', 'verdi', '').token, first, { version: '1' });
  const { token } = kits.renew('verdi-1');
  const second = newKey();
  const enrol = () => kits.enrol(token, second, { version: '1' });
  const keys = () => [first, second].map((key) => tokens.identify(key)?.kit ?? null);
  // Each statement in turn is the one that the disk does not take.
  const writes = [
    'INSERT ON tokens',
    'UPDATE OF successor ON tokens',
    "UPDATE OF revoked ON tokens WHEN old.access = 'kit'",
    'UPDATE ON kits',
  ];
  for (const write of writes) {
    rooms.db.prepare(`CREATE TRIGGER cut BEFORE ${write} BEGIN SELECT RAISE(ABORT, 'cut'); END`).run();
    expect(enrol, write).toThrow('cut');
    rooms.db.prepare('DROP TRIGGER cut').run();
    expect(keys(), write).toEqual(['verdi-1', null]);
  }
  expect(enrol()).toMatchObject({ isRepeated: false });
  expect(keys()).toEqual([null, 'verdi-1']);
});

test('after a restart of the relay a kit finds all as it was, and hears what changed meanwhile', {
  timeout: 60_000,
}, async () => {
  const folder = temporaryFolder();
  onTestFinished(folder.remove);
  const dataDir = folder.path;
  const port = await lastingPort();
  let relay = await TestRelay.start({ dataDir, port });
  onTestFinished(() => relay.stop().then(() => {}));
  await relay.room('verdi', { name: 'Sala Verdi' });
  await relay.room('rossini', { name: 'Sala Rossini' });
  const kit = { name: 'verdi-1', kind: 'display', room: 'verdi', label: 'left' };
  const { token } = await relay.call<{ token: string }>('POST', '/api/kits', kit);
  const key = remember(newKey());
  await fetch(`${relay.url}/api/enrolment`, {
    method: 'POST',
    headers: { authorization: `Bearer ${remember(token)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ key, version: '1.0.0', serial: '10000000abcd' }),
  });
  const connect = async () => {
    const link = new WebSocket(`${relay.url}/api/kit`, [kitProtocol], bearer(key));
    onTestFinished(() => link.terminate());
    await once(link, 'open');
    link.send(JSON.stringify({ ...kitHello, health: { ...healthy, page: { beatAgeMs: 20, shows: 'captions' } } }));
    const [welcome] = await once(link, 'message');
    return { link, welcome: JSON.parse(String(welcome)) };
  };
  const before = await connect();
  expect(before.welcome).toMatchObject({ assignment: { room: 'verdi', title: 'Sala Verdi' } });
  const closed = once(before.link, 'close');
  expect(await relay.stop()).toBe(0);
  expect((await closed)[0]).toBe(1012);
  relay = await TestRelay.start({ dataDir, port });
  const view = () => relay.call<object>('GET', '/api/kits/verdi-1');
  expect(await view()).toMatchObject({
    ...{ room: 'verdi', state: 'offline', label: 'left', version: '1.0.0', serial: '10000000abcd' },
    health: { page: { shows: 'captions' } },
  });
  await relay.call('PUT', '/api/kits/verdi-1/room', { room: 'rossini' });
  expect((await connect()).welcome).toMatchObject({ assignment: { room: 'rossini', title: 'Sala Rossini' } });
  expect(await view()).toMatchObject({ state: 'online' });
});
