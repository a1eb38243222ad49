import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { getRequestListener } from '@hono/node-server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCommandLine } from '../provisioning/kit/command-line.ts';
import { enrol } from '../provisioning/kit/commands/enrol.ts';
import { readInventory } from '../provisioning/kit/inventory.ts';
import { KitSecrets, secretsFileOf } from '../provisioning/kit/secrets.ts';
import { TestApi } from './harness/api.ts';
import { adminSecret } from './harness/doors.ts';
import { writeInventory } from './harness/kit-inventory.ts';
import { newKey } from './harness/kits.ts';

let api: TestApi;
let server: Server;
let inventory: string;
/** Calls that the relay answered. */
let calls: string[];

const urlOf = (of: Server) => {
  const address = of.address();
  return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
};

beforeEach(async () => {
  api = new TestApi();
  calls = [];
  const answer = getRequestListener(api.app.fetch);
  server = createServer((request, response) => {
    if (request.method !== 'GET') calls.push(`${request.method} ${request.url}`);
    void answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  inventory = writeInventory({ relay: { url: urlOf(server) } });
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  api.rooms.remove();
});

async function run(args: readonly string[] = [], env: NodeJS.ProcessEnv = { SALA_ADMIN_TOKEN: adminSecret }) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const signal = new AbortController().signal;
  const context = { stdin: new PassThrough(), stdout, stderr, env, now: Date.now, signal };
  const status = await runCommandLine(['enrol', inventory, ...args], [enrol], context);
  stdout.end();
  stderr.end();
  return { status, out: await text(stdout), err: await text(stderr) };
}
const secrets = () => new KitSecrets(secretsFileOf(inventory), {});
const enrolment = (name: string) => {
  const kit = readInventory(inventory).kits.find((each) => each.name === name);
  return kit ? (secrets().of(kit).enrolment?.token ?? null) : null;
};

describe('sala-kit enrol', () => {
  test('makes the rooms and the kits, and keeps for each card a token that enrols it', async () => {
    const { status, out, err } = await run();
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(api.rooms.get('verdi')?.record.settings).toMatchObject({ title: 'Sala Verdi', language: 'it-IT' });
    expect(api.rooms.get('puccini')).toBeUndefined(); // of a solo kit, with a relay of its own
    expect(api.kits.all().map(({ name, kind, room }) => [name, kind, room])).toEqual([
      ['verdi-screen', 'display', 'verdi'],
      ['verdi-sound', 'device', 'verdi'],
    ]);
    for (const kit of ['verdi-screen', 'verdi-sound'])
      expect(api.kits.enrol(enrolment(kit) ?? '', newKey(), { version: '1' })).toMatchObject({ kit });
    const token = secrets().readToken('verdi') ?? '';
    expect(api.tokens.identify(token)).toMatchObject({ room: 'verdi', access: 'read' });
    expect(out).toMatch(/^puccini: enrols itself.*\nverdi: made\nverdi-sound: made; token until \d{4}-\d\d-\d\d\n/);
    expect(statSync(secretsFileOf(inventory)).mode & 0o777).toBe(0o600);
    const said = out + api.lines.join();
    for (const secret of [adminSecret, token, enrolment('verdi-sound') ?? 'none']) expect(said).not.toContain(secret);
  });

  test('again changes nothing: neither what waits, nor what is enrolled, nor what organizers set meanwhile', async () => {
    await run();
    const key = newKey();
    api.kits.enrol(enrolment('verdi-sound') ?? '', key, { version: '1' });
    api.rooms.put('verdi', { title: 'Renamed' });
    api.rooms.put('rossini');
    api.kits.assign('verdi-sound', 'rossini');
    const tokens = () => [enrolment('verdi-sound'), enrolment('verdi-screen'), secrets().readToken('verdi')];
    const kept = tokens();
    calls = [];
    const { status, out } = await run();
    expect({ status, calls }).toEqual({ status: 0, calls: [] });
    expect(tokens()).toEqual(kept);
    expect(out).toContain('verdi-sound: is enrolled; it serves rossini now, and keeps it\n');
    expect(out).toContain('verdi-screen: waits for its card to be used\n');
    expect(api.rooms.get('verdi')?.record.settings.title).toBe('Renamed');
    expect(api.rights.access.decide({ token: key }, 'kit', null)).toMatchObject({ kit: { name: 'verdi-sound' } });
  });

  test('goes on where it was ended, and makes another token where one got lost', async () => {
    api.rooms.put('verdi');
    api.kits.create('verdi-sound', 'device', 'verdi', ''); // its answer never came
    expect((await run()).status).toBe(0);
    const first = enrolment('verdi-screen');
    api.kits.renew('verdi-screen'); // somebody made one on the admin page
    await run();
    expect(enrolment('verdi-screen')).not.toBe(first);
    for (const kit of ['verdi-screen', 'verdi-sound'])
      expect(api.kits.enrol(enrolment(kit) ?? '', newKey(), { version: '1' })).toMatchObject({ kit });
    api.rooms.put('rossini');
    await api.rooms.delete('verdi');
    await run();
    expect(api.kits.roomOf('verdi-sound')).toBe('verdi'); // a kit without a room gets that of the inventory
  });

  test('renews the kits that are named, and no other', async () => {
    await run();
    const before = enrolment('verdi-screen');
    api.kits.enrol(enrolment('verdi-sound') ?? '', newKey(), { version: '1' });
    const { out } = await run(['verdi-sound', '--renew', 'verdi-sound']);
    expect(out).toMatch(/^verdi: is there\nverdi-sound: is to be enrolled anew; token until .*\n$/);
    const key = newKey();
    api.kits.enrol(enrolment('verdi-sound') ?? '', key, { version: '1' });
    expect(api.rights.access.decide({ token: key }, 'kit', null)).toMatchObject({ kit: { name: 'verdi-sound' } });
    expect(enrolment('verdi-screen')).toBe(before);
  });

  test('tells all that did not work at once, and does the rest', async () => {
    api.rooms.put('verdi');
    api.kits.create('verdi-screen', 'solo', 'verdi', '');
    inventory = writeInventory({
      relay: { url: urlOf(server) },
      rooms: [{ name: 'verdi' }, { name: 'bad', language: 'en-US' }],
      kits: [
        { name: 'verdi-screen', kind: 'display', room: 'verdi' },
        { name: 'verdi-2', kind: 'display', room: 'bad' },
        { name: 'verdi-sound', kind: 'device', room: 'verdi' },
      ],
    });
    const put = api.rooms.put.bind(api.rooms);
    api.rooms.put = (name, change) => {
      if (name === 'bad') throw Object.assign(new Error('no'), { code: 'SQLITE_FULL' });
      return put(name, change);
    };
    const { status, out, err } = await run();
    expect(status).toBe(1);
    expect(err.match(/^\S+(?=:)/gm)).toEqual(['bad', 'verdi-screen', 'verdi-2']);
    expect(err).toContain(
      'verdi-screen: The kit verdi-screen is a solo kit at the relay, and a display kit in the inventory\n',
    );
    expect(out).toContain('verdi-sound: made');
  });

  test.each([
    ['a wrong admin token', ['x'.repeat(40)], 'does not take the admin token'],
    ['a token of readers', null, 'does not take the admin token'],
  ])('stops at once with %s', async (_, given, words) => {
    api.rooms.put('verdi');
    const token = given?.[0] ?? api.tokens.create(null, 'read', '').token;
    const { status, err } = await run([], { SALA_ADMIN_TOKEN: token });
    expect({ status, calls }).toEqual({ status: 1, calls: [] });
    expect(err).toContain(words);
    expect(err).not.toContain(token);
  });

  test('takes the admin token from a file, and never says it', async () => {
    const file = join(dirname(inventory), 'admin-token');
    writeFileSync(file, `${adminSecret}\n`);
    expect((await run(['--admin-token-file', file], {})).status).toBe(0);
    const wrong: [string[], string][] = [
      [[], 'admin token is missing'],
      [['--admin-token-file', `${file}.none`], 'cannot be read'],
      [['--admin-token-file', inventory], 'holds no token'],
      [['--admin-token-file', file, '--timeout', 'soon'], '--timeout soon'],
      [['--admin-token-file', file, 'verdi-sond'], 'did you mean "verdi-sound"?'],
      [['--admin-token-file', file, '--renew', 'none'], 'no kit "none"'],
    ];
    for (const [args, words] of wrong) {
      const { status, err } = await run(args, {});
      expect({ status, err }).toEqual({ status: 78, err: expect.stringContaining(words) });
      expect(err).not.toContain(adminSecret);
    }
  });

  test('waits for a relay that says nothing only so long, and takes no other for one', async () => {
    const silent = createServer(() => {});
    const other = createServer((_, response) => response.end('<html>Please log in</html>'));
    const asked: (string | undefined)[] = [];
    const turning = createServer(({ url }, response) => {
      asked.push(url);
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    for (const [each, words] of [
      [silent, 'no answer within 0.3 s'],
      [other, 'is no relay (HTTP 200)'],
      [turning, 'cannot be reached'],
    ] as const) {
      each.listen(0, '127.0.0.1');
      await once(each, 'listening');
      inventory = writeInventory({ relay: { url: urlOf(each) } });
      const { status, err } = await run(['--timeout', '0.3']);
      expect({ status, err }).toEqual({ status: 1, err: expect.stringContaining(words) });
      each.closeAllConnections();
      each.close();
    }
    expect(asked).toEqual(['/api/rooms']);
    expect(calls).toEqual([]);
    inventory = writeInventory({ relay: { url: urlOf(server) } });
    server.close();
    server.closeAllConnections();
    expect((await run()).err).toContain('ECONNREFUSED');
  });
});
