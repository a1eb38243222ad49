import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FatFiles } from '../provisioning/kit/card/boot-files.ts';
import { askPoweredKit } from '../provisioning/kit/card/powered-kit.ts';
import { CardRecords } from '../provisioning/kit/card/records.ts';
import { flash } from '../provisioning/kit/commands/flash.ts';
import { reseed } from '../provisioning/kit/commands/reseed.ts';
import { verify } from '../provisioning/kit/commands/verify.ts';
import { readInventory } from '../provisioning/kit/inventory.ts';
import { runKit } from './harness/kit-command.ts';
import { type KitEvent, kitEvent } from './harness/kit-event.ts';
import { debian } from './harness/pi-image.ts';

/** About 4 s: flashed cards get new settings, as image files and as mounted folders, and are compared with the inventory. */

const bootAt = 8 << 20;
let event: KitEvent;
let card = '';

const kit = async (...args: readonly string[]) => {
  const run = runKit([flash, reseed, verify], args, { TMPDIR: event.folder });
  return { status: await run.ended, text: run.text() };
};

const inventoryText = () => readFileSync(event.inventoryFile, 'utf8');
/** Another inventory beside the first, with some words replaced. */
function changed(from: string, to: string): string {
  const text = inventoryText();
  if (!text.includes(from)) throw new Error(`no ${from}`);
  writeFileSync(event.inventoryFile, text.replace(from, to));
  return event.inventoryFile;
}

beforeAll(async () => {
  event = kitEvent({ displays: true });
  card = join(event.folder, 'card.img');
  const { status, text } = await kit('flash', event.inventoryFile, 'room-1-sound', '--to', card);
  expect(status, text).toBe(0);
});
afterAll(() => event.close());

const bootText = async (path: string, file = card) =>
  (await new FatFiles(file, bootAt).read([path])).get(path)?.toString('utf8');
const idOn = async () => /i=(\S+)/.exec((await bootText('cmdline.txt')) ?? '')?.[1] ?? '';

describe('verify', () => {
  test('finds a card just flashed as the inventory has it', async () => {
    const { status, text } = await kit('verify', event.inventoryFile, card);
    expect(text).toContain('is the card of room-1-sound (device, room room-1), seeded as room-1-sound-');
    expect(text).toContain('settings: as in the inventory');
    expect(text).toContain('secrets: on the card (user-data, sala/enrolment-token)');
    expect(text).toContain('software 0.1.0: as in the inventory');
    expect(text).toContain('packages (3 files): as in the inventory');
    expect(text).not.toContain('secretOfThisKit');
    expect(status).toBe(0);
  });

  test('names what is not: settings, a package, a file too many', async () => {
    const before = inventoryText();
    const deb = join(event.folder, 'packages/cage_0.2_arm64.deb');
    const content = readFileSync(deb);
    changed('Europe/Rome', 'Europe/Lisbon');
    writeFileSync(deb, 'another');
    debian('mcopy', ['-i', `${card}@@${bootAt}`, '-', '::/sala/stray'], 'x');
    const { status, text } = await kit('verify', event.inventoryFile, card);
    debian('mdel', ['-i', `${card}@@${bootAt}`, '::/sala/stray']);
    writeFileSync(event.inventoryFile, before);
    writeFileSync(deb, content);
    expect(text).toContain('settings: not as in the inventory: user-data, sala/stray');
    expect(text).toContain('packages (3 files): not as in the inventory: cage_0.2_arm64.deb');
    expect(status).toBe(1);
  });

  test('tells an image that is no kit’s, and a path that is nothing', async () => {
    const plain = await kit('verify', event.inventoryFile, event.image);
    expect(plain.text).toContain('is no card of Sala');
    expect(plain.status).toBe(1);
    expect((await kit('verify', event.inventoryFile, join(event.folder, 'none'))).text).toContain('no such file');
    expect((await kit('verify', event.inventoryFile)).text).toContain('either a card or --kit NAME');
  });
});

describe('reseed of an image file', () => {
  test('gives it new settings under a new instance id, in all its places, and touches nothing else', async () => {
    const [old, line] = [await idOn(), await bootText('cmdline.txt')];
    const rest = readFileSync(event.image).subarray(48 << 20);
    changed('Europe/Rome', 'Europe/Lisbon');
    const startMs = performance.now();
    const { status, text } = await kit('reseed', event.inventoryFile, card);
    expect(performance.now() - startMs).toBeLessThan(15_000); // seconds: 0.3 s where nothing else runs
    expect(text).toContain('room-1-sound: ');
    expect(status, text).toBe(0);
    const id = await idOn();
    expect(id).not.toBe(old);
    expect((await bootText('meta-data'))?.match(new RegExp(id, 'g'))).toHaveLength(2);
    expect(await bootText('cmdline.txt')).toBe(line?.replace(old, id));
    expect(await bootText('user-data')).toContain('Europe/Lisbon');
    expect((await bootText('kernel8.img'))?.length).toBe(3 << 20);
    expect(rest.length).toBeGreaterThan(0);
    expect((await kit('verify', event.inventoryFile, card)).status).toBe(0);
    const [first, last] = new CardRecords(event.inventoryFile).all();
    expect(last).toMatchObject({ kit: 'room-1-sound', instanceId: id, diskId: first?.diskId, image: first?.image });
  });

  test('nothing of the old secrets is left, byte by byte', async () => {
    event.secrets.setEnrolment('room-1-sound', { token: 'enr_new_other', expiresMs: Date.now() + 1e9 });
    expect((await kit('reseed', event.inventoryFile, card)).status).toBe(0);
    const head = debian('head', ['-c', String(50 << 20), card]);
    expect(head.includes('secretOfThisKit')).toBe(false);
    expect(head.includes('enr_new_other')).toBe(true);
  });

  test('makes it the card of another kit where one is named', async () => {
    const { status, text } = await kit('reseed', event.inventoryFile, card, 'room-1-screen');
    expect(status, text).toBe(0);
    expect(await bootText('cmdline.txt')).toContain('video=HDMI-A-1:');
    expect((await kit('verify', event.inventoryFile, card)).text).toContain('is the card of room-1-screen');
    expect((await kit('reseed', event.inventoryFile, card, 'room-1-sound')).status).toBe(0);
    expect(await bootText('cmdline.txt')).not.toContain('video=');
  });

  test('a full boot partition is told, not left for the venue to find', async () => {
    const full = join(event.folder, 'full.img');
    debian('cp', ['--sparse=always', card, full]);
    debian('sh', ['-c', `head -c 60000000 /dev/zero | mcopy -i "${full}@@${bootAt}" - ::/big`]);
    // What the seed takes is freed first: something larger has to come.
    writeFileSync(
      join(event.folder, 'big.nmconnection'),
      `[connection]\nid=big\ntype=ethernet\n#${'x'.repeat(60_000)}\n`,
    );
    const before = inventoryText();
    changed('name = "room-1-sound"', 'name = "room-1-sound"\nnetwork = { keyfiles = ["big.nmconnection"] }');
    const { status, text } = await kit('reseed', event.inventoryFile, full);
    writeFileSync(event.inventoryFile, before);
    expect(text).toMatch(/no room on the boot partition|does not hold what was written/);
    expect(text).not.toContain('half of its settings'); // only a copy of it was written
    expect(status).toBe(1);
    expect((await kit('verify', event.inventoryFile, full)).text).toContain('settings: as in the inventory');
  });

  test('an image that is none, and a kit that is not there, are refused', async () => {
    const text = join(event.folder, 'text.img');
    writeFileSync(text, 'x'.repeat(10_000));
    expect((await kit('reseed', event.inventoryFile, text)).text).toContain('no partition table');
    expect(readFileSync(text, 'utf8')).toBe('x'.repeat(10_000));
    expect((await kit('reseed', event.inventoryFile, card, 'room-1-scren')).text).toContain('did you mean');
    expect((await kit('reseed', event.inventoryFile, event.image)).text).toContain('does not say which kit it is');
  });
});

describe('reseed of a mounted folder', () => {
  const folder = () => join(event.folder, 'bootfs');
  beforeAll(() => {
    mkdirSync(folder());
    debian('mcopy', ['-s', '-n', '-i', `${card}@@${bootAt}`, '::/', folder()]);
  });
  afterEach(() => chmodSync(folder(), 0o755));

  test('does the same, and verify says so', async () => {
    const old = await readFileSync(join(folder(), 'cmdline.txt'), 'utf8');
    const { status, text } = await kit('reseed', event.inventoryFile, folder());
    expect(status, text).toBe(0);
    expect(readFileSync(join(folder(), 'cmdline.txt'), 'utf8')).not.toBe(old);
    const verified = await kit('verify', event.inventoryFile, folder());
    expect(verified.text).toContain('settings: as in the inventory');
    expect(verified.text).toContain('software and packages: not to be seen from here');
    expect(verified.status).toBe(0);
  });

  test('a card whose kit has erased its secrets is told as such', async () => {
    for (const name of ['user-data', 'network-config', 'sala/enrolment-token']) debian('rm', [join(folder(), name)]);
    const { status, text } = await kit('verify', event.inventoryFile, folder());
    expect(text).toContain('secrets: erased');
    expect(status).toBe(0);
    expect((await kit('reseed', event.inventoryFile, folder())).status).toBe(0);
    expect(existsSync(join(folder(), 'sala/enrolment-token'))).toBe(true);
  });

  test('a folder that is no boot partition is left as it is; this machine’s own is refused', async () => {
    const other = join(event.folder, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'user-data'), 'mine');
    const { status, text } = await kit('reseed', event.inventoryFile, other, 'room-1-sound');
    expect(text).toContain('it has no cmdline.txt');
    expect(status).toBe(1);
    expect(readFileSync(join(other, 'user-data'), 'utf8')).toBe('mine');
    expect((await kit('reseed', event.inventoryFile, '/boot', 'room-1-sound')).text).toContain('this machine itself');
  });
});

describe('verify --kit', () => {
  let server: Server;
  let url = '';
  let health: object = { state: 'listening', message: 'hears the room' };
  let room = 'room-1';
  let state = 'online';
  beforeAll(async () => {
    server = createServer((request, response) => {
      const isRelay = request.url === '/api/kits/room-1-sound' && request.headers.authorization === 'Bearer admin-1';
      response.statusCode = isRelay ? 200 : 401;
      const view = {
        name: 'room-1-sound',
        kind: 'device',
        room,
        enrolled: 1,
        enrolment: null,
        state,
        seen: 5,
        version: '0.1.0',
        health,
      };
      const refusal = { error: { code: 'unauthorized', message: 'No.', hint: 'Log in.' } };
      response.end(JSON.stringify(isRelay ? view : refusal));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    url = `http://127.0.0.1:${port}`;
    changed('https://captions.example.org', url);
  });
  afterAll(() => server.close());

  const asked = async (adminToken: string | null) => {
    const inventory = readInventory(event.inventoryFile);
    const [kitAsked] = inventory.kits;
    if (!kitAsked) throw new Error('no kit');
    const signal = new AbortController().signal;
    const { lines, isWell } = await askPoweredKit(inventory, kitAsked, { adminToken, signal });
    return { text: lines.join('\n'), isWell };
  };

  test('tells what the relay knows, and that the room is another', async () => {
    const well = await asked('admin-1');
    expect(well.text).toContain('the relay says online, room room-1, version 0.1.0');
    expect(well.text).toContain('it told the relay listening: hears the room');
    expect(well.isWell).toBe(true);
    [room, state, health] = ['room-2', 'offline', { state: 'fault', message: 'no mixer', hint: 'Plug it in.' }];
    const ill = await asked('admin-1');
    expect(ill.text).toContain('the inventory has room room-1');
    expect(ill.text).toContain('no mixer (Plug it in.)');
    expect(ill.isWell).toBe(false);
  });

  test('an unknown token and no token at all are told', async () => {
    expect((await asked('other')).text).toContain('does not take the admin token');
    const none = await asked(null);
    expect(none.text).toContain('there is no admin token');
    expect(none.isWell).toBe(false);
  });
});
