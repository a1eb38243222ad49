/** Updates of a kit: what the relay offers, on a disk of the test's own. Costs 3 s. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { machineDisk } from '../systemd/agent/updates/disk.ts';
import { type Release, signRelease } from '../systemd/agent/updates/manifest.ts';
import { type MadeRelease, makeRelease, releaseKey, tarOf } from './harness/release-maker.ts';
import { until } from './harness/until.ts';
import { UpdatedKit } from './harness/updated-kit.ts';

let kit: UpdatedKit;

beforeEach(() => {
  kit = new UpdatedKit();
});
afterEach(() => kit.remove());

/** The programs were restarted, the agent with them. */
async function restart(): Promise<void> {
  await kit.updater.stop();
  kit.start();
}

/** Brings the kit to `made`, up to its trial. */
async function switched(made: MadeRelease): Promise<void> {
  kit.updater.offer(kit.put(made));
  kit.updater.idle(true);
  await kit.told('switched');
  await restart();
  await kit.told('switched');
}

describe('a good release', () => {
  test('is fetched and staged at once, put in charge when the room is idle, and confirmed when the kit is well', async () => {
    const offer = kit.put(makeRelease('1.1.0', 2));
    kit.updater.offer(offer);
    await kit.told('staged');
    for (let look = 0; look < 20; look++) kit.updater.look(kit.health);
    expect([kit.inCharge, kit.switches]).toEqual(['1.0.0', 0]);

    kit.updater.idle(true);
    await kit.told('switched');
    expect([kit.inCharge, kit.switches]).toEqual(['1.1.0', 1]);
    expect(kit.read('var/lib/sala/kit/update/pending')).toBe('VERSION=1.1.0\nPREVIOUS=1.0.0\nCONNECTED=1\nDEVICE=ok\n');

    await restart();
    await kit.told('switched');
    await kit.told('confirmed');
    expect(kit.read('var/lib/sala/kit/update/pending')).toBeNull();
    expect(kit.reports.map(({ state }) => state)).toEqual([
      'fetching',
      'verified',
      'staged',
      'switched',
      'switched',
      'confirmed',
    ]);

    kit.updater.offer(offer);
    await kit.told('confirmed', /It is in charge\.$/);
    expect([kit.inCharge, kit.switches, kit.desk.asked.length]).toEqual(['1.1.0', 1, 1]);
  });

  test('only the newest two stay', async () => {
    await switched(makeRelease('1.1.0', 2));
    await kit.told('confirmed');
    expect(kit.releases).toEqual(['1.0.0', '1.1.0']);
    await switched(makeRelease('1.2.0', 3));
    await kit.told('confirmed');
    expect(kit.releases).toEqual(['1.1.0', '1.2.0']);
  });

  test('is not put in charge while the relay is away, or while the kit itself is not well or hears the room', async () => {
    kit.updater.offer(kit.put(makeRelease('1.1.0', 2)));
    await kit.told('staged');
    kit.updater.idle(true);
    for (const lack of [{ connected: false }, { isWell: false }, { isQuiet: false }])
      for (let look = 0; look < 20; look++) kit.updater.look({ ...kit.health, ...lack });
    await kit.updater.stop();
    expect([kit.inCharge, kit.switches]).toEqual(['1.0.0', 0]);
  });

  test('that is withdrawn while it is fetched is not put in charge', async () => {
    let open = () => {};
    kit.desk.gate = new Promise((resolve) => {
      open = resolve;
    });
    kit.updater.offer(kit.put(makeRelease('1.1.0', 2)));
    kit.updater.idle(true);
    await until(() => {
      kit.updater.look(kit.health);
      return kit.desk.asked.length > 0;
    });
    kit.updater.offer(null);
    open();
    for (let look = 0; look < 20; look++) kit.updater.look(kit.health);
    await kit.updater.stop();
    expect([kit.inCharge, kit.switches]).toEqual(['1.0.0', 0]);
  });

  test('goes on where the line broke', async () => {
    const made = makeRelease('1.1.0', 2);
    kit.desk.breaks = [100, 50];
    kit.updater.offer(kit.put(made));
    await kit.told('staged');
    expect(kit.desk.asked).toEqual([null, 'bytes=100-', 'bytes=150-']);
    expect(kit.reports.map(({ message }) => message).join(' ')).toContain('the line broke');
  });

  test('goes on after a restart, too', async () => {
    kit.desk.breaks = [100, ...Array.from({ length: 1000 }, () => 0)];
    kit.updater.offer(kit.put(makeRelease('1.1.0', 2)));
    await kit.told('fetching', /the line broke/);
    await restart();
    kit.desk.breaks = [];
    kit.updater.offer(kit.put(makeRelease('1.1.0', 2)));
    await kit.told('staged');
    expect(kit.desk.asked.at(-1)).toBe('bytes=100-');
  });

  test('is fetched only with room on the card', async () => {
    let free = 100;
    const disk = { ...machineDisk, freeBytes: async () => free };
    await kit.updater.stop();
    kit.start(disk);
    kit.updater.offer(kit.put(makeRelease('1.1.0', 2)));
    await kit.told('fetching', /too full/);
    expect(kit.desk.asked).toEqual([]);
    free = 1e9;
    await kit.told('staged');
  });
});

describe('a release that cannot be used leaves the old one running and is reported:', () => {
  const good = makeRelease('1.1.0', 2);
  const stranger = generateKeyPairSync('ed25519');
  const changed = (archive: Buffer, fields: Partial<Release> = {}): MadeRelease => {
    const sha256 = createHash('sha256').update(archive).digest('hex');
    const release = { ...good.release, bytes: archive.length, sha256, ...fields };
    return { release, archive, manifest: signRelease(release, releaseKey.signing) };
  };
  const unpacking = (more: Parameters<typeof makeRelease>[2]) => makeRelease('1.1.0', 2, more);
  const corrupt = Buffer.from(good.archive);
  corrupt[good.archive.length >> 1] = (corrupt[good.archive.length >> 1] ?? 0) ^ 1;
  const tar = tarOf([{ name: 'a', content: 'b' }]);
  const flipped = Buffer.from(tar);
  flipped[3] = 1;

  const bad: [string, MadeRelease, RegExp][] = [
    ['corrupt', { ...good, archive: corrupt }, /came damaged/],
    ['truncated', { ...good, archive: good.archive.subarray(0, -10) }, /as it was offered: it has \d+ bytes/],
    ['too long', { ...good, archive: Buffer.concat([good.archive, Buffer.alloc(10)]) }, /as it was offered/],
    ['unsigned', { ...good, manifest: JSON.stringify(good.release) }, /not signed/],
    ['signed by a stranger', { ...good, manifest: signRelease(good.release, stranger.privateKey) }, /not signed/],
    ['without a manifest', { ...good, manifest: '' }, /no manifest/],
    ['with an endless manifest', { ...good, manifest: ' '.repeat(100_000) }, /endless/],
    ['with the manifest of another', { ...good, manifest: makeRelease('1.2.0', 3).manifest }, /another release/],
    ['older', makeRelease('0.9.0', 0 + 1, { fields: { created: '2026-10-01T00:00:00Z' } }), /older/],
    ['no archive', changed(Buffer.from('hello')), /cannot be used|damaged/],
    [
      'half an archive',
      changed(gzipSync(tarOf([{ name: 'a', content: 'b'.repeat(900) }]).subarray(0, 1024))),
      /ends before/,
    ],
    ['a damaged archive', changed(gzipSync(flipped)), /damaged/],
    ['larger than it says', unpacking({ fields: { unpackedBytes: 10 } }), /more than the 10 bytes/],
    ['smaller than it says', unpacking({ fields: { unpackedBytes: 100_000 } }), /damaged/],
    ['a way out', unpacking({ more: [{ name: '../out', content: 'x' }] }), /no place/],
    ['a way out within', unpacking({ more: [{ name: 'bin/../../out', content: 'x' }] }), /no place/],
    ['a whole path', unpacking({ more: [{ name: '/tmp/out', content: 'x' }] }), /no place/],
    ['a soft link', unpacking({ more: [{ name: 'out', type: '2', link: '/etc' }] }), /neither a file/],
    ['a hard link', unpacking({ more: [{ name: 'out', type: '1', link: 'bin/node' }] }), /neither a file/],
    ['a device', unpacking({ more: [{ name: 'out', type: '3' }] }), /neither a file/],
    ['a file twice', unpacking({ more: [{ name: 'bin/node', content: 'x' }] }), /twice/],
    ['something behind its end', changed(gzipSync(Buffer.concat([tar, Buffer.from('more')]))), /behind its end/],
  ];

  test.each(bad)('%s', async (_, made, why) => {
    kit.updater.idle(true);
    kit.updater.offer(kit.put(made));
    const report = await kit.told('refused');
    expect(report.message).toMatch(why);
    expect([kit.inCharge, kit.switches, kit.releases.filter((name) => !name.endsWith('.part'))]).toEqual([
      '1.0.0',
      0,
      ['1.0.0'],
    ]);
    const asked = kit.desk.asked.length;
    for (let look = 0; look < 20; look++) kit.updater.look(kit.health);
    kit.updater.offer(null);
    kit.updater.offer(kit.put(made));
    for (let look = 0; look < 20; look++) kit.updater.look(kit.health);
    await kit.updater.stop();
    expect(kit.desk.asked.length).toBe(asked);
  });

  test('one that came damaged is fetched three times', async () => {
    kit.updater.offer(kit.put({ ...good, archive: corrupt }));
    await kit.told('refused');
    expect(kit.desk.asked).toEqual([null, null, null]);
  });

  test('an older one is taken where it is offered as a downgrade', async () => {
    kit.updater.offer({
      ...kit.put(makeRelease('0.9.0', 1, { fields: { created: '2026-10-01T00:00:00Z' } })),
      downgrade: true,
    });
    await kit.told('staged');
  });

  test('without a key of its own the kit takes none, and says so', async () => {
    kit.updater.idle(true);
    kit.updater.offer(kit.put(good));
    kit.write('etc/sala/release-key.pub', 'no key');
    await kit.told('fetching', /no ed25519|not an ed25519/);
    expect([kit.inCharge, kit.desk.asked]).toEqual(['1.0.0', []]);
  });
});

describe('a release with which the kit does not get well is taken back by itself,', () => {
  const lacks: [string, object, RegExp][] = [
    ['its programs do not work', { isWell: false }, /programs/],
    ['the relay is not reached', { connected: false }, /relay/],
    ['the device does not capture', { device: 'no-mixer' }, /device/],
    ['the device says nothing', { device: null }, /device/],
  ];
  test.each(lacks)('%s', async (_, lack, why) => {
    const made = makeRelease('1.1.0', 2);
    await switched(made);
    kit.health = { ...kit.health, ...lack };
    expect((await kit.told('rolled-back')).message).toMatch(why);
    expect(kit.inCharge).toBe('1.0.0');
    expect(kit.read('var/lib/sala/kit/update/pending')).toBeNull();
    expect(kit.switches).toBe(2);

    await restart();
    kit.health = { isWell: true, connected: true, device: 'ok', isQuiet: true };
    kit.updater.idle(true);
    kit.updater.offer(kit.put(made));
    await kit.told('rolled-back', /not tried again/);
    expect([kit.inCharge, kit.switches]).toEqual(['1.0.0', 2]);
  });

  test('its programs are not even started: what the kit sees is still the one before', async () => {
    kit.updater.offer(kit.put(makeRelease('1.1.0', 2)));
    kit.updater.idle(true);
    await kit.told('switched');
    expect((await kit.told('rolled-back')).message).toContain('its programs were not started');
    expect([kit.inCharge, kit.reports.some(({ state }) => state === 'confirmed')]).toEqual(['1.0.0', false]);
  });

  test('systemd cannot be asked', async () => {
    await kit.updater.stop();
    kit.switchOver = () => Promise.reject(new Error('no bus'));
    kit.start();
    kit.updater.offer(kit.put(makeRelease('1.1.0', 2)));
    kit.updater.idle(true);
    expect((await kit.told('rolled-back')).message).toContain('no bus');
    expect(kit.inCharge).toBe('1.0.0');
  });

  test('but what it lacked before it may lack now', async () => {
    kit.health = { ...kit.health, device: 'no-mixer' };
    await switched(makeRelease('1.1.0', 2));
    await kit.told('confirmed');
  });

  test('well for a moment is not well', async () => {
    await switched(makeRelease('1.1.0', 2));
    const look = kit.updater.look.bind(kit.updater);
    let looks = 0;
    kit.updater.look = (health) => look({ ...health, isWell: looks++ % 2 === 1 });
    await kit.told('rolled-back');
    expect(looks).toBeGreaterThan(2);
  });

  test('also where its agent does not even start: the guard on the card does it', async () => {
    await switched(makeRelease('1.1.0', 2));
    await kit.updater.stop();
    kit.boot('guard');
    kit.write('proc/uptime', '400.00 50.00\n');
    kit.boot('guard');
    expect(kit.inCharge).toBe('1.0.0');
    kit.start();
    expect((await kit.told('rolled-back')).message).toContain('it was not well within 5 minutes');
  });
});
