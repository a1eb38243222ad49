/** How the machine of a kit is, read from folders that look like the kernel's. Costs less than a second. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { kitHealth } from '../relay/kit-protocol.ts';
import { askCanary } from '../systemd/agent/health/canary.ts';
import { KitMachine, type KitMachineOptions } from '../systemd/agent/health/machine.ts';
import { isReadOnly, isRootMeantReadOnly, parseMounts } from '../systemd/agent/health/mounts.ts';
import { signalOf, wayOut } from '../systemd/agent/health/network.ts';
import { StorageWatch } from '../systemd/agent/health/storage.ts';
import { temporaryFolder } from './harness/programs.ts';

let folder: ReturnType<typeof temporaryFolder>;
let dataDir = '';
let nowMs = 0;
let wallMs = 0;
let nmcli = 'full\n';
let freeBytes = 20e9;

const put = (path: string, text: string) => {
  const file = join(folder.path, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
};
const routes = (name: string) =>
  `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n${name}\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n${name}\t0000000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n`;
const wireless = (name: string, quality: number) =>
  `Inter-| sta-|   Quality        |   Discarded packets\n face | tus | link level noise |  nwid  crypt\n ${name}: 0000   ${quality}.  -58.  -256        0      0      0      0     12        0\n`;
const mounts = (root: string, data: string) =>
  `22 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 ${root}\n60 22 179:3 / ${dataDir} rw,noatime shared:9 - ext4 /dev/mmcblk0p3 ${data}\n`;

beforeEach(() => {
  folder = temporaryFolder();
  dataDir = join(folder.path, 'data');
  mkdirSync(join(dataDir, 'kit'), { recursive: true });
  nowMs = 0;
  wallMs = 0;
  nmcli = 'full\n';
  freeBytes = 20e9;
});
afterEach(() => {
  vi.useRealTimers();
  folder.remove();
});

const machine = (options: Partial<KitMachineOptions> = {}) =>
  new KitMachine({
    ...{ dataDir, root: folder.path, now: () => nowMs, wallMs: () => wallMs },
    run: async () => nmcli,
    network: { interfaces: () => ({}) },
    ...options,
    storage: { freeBytes: async () => freeBytes, ...options.storage },
  });

async function looked(options: Partial<KitMachineOptions> = {}) {
  const kit = machine(options);
  await kit.look();
  return kit;
}

describe('a kit’s machine', () => {
  test('tells nothing while nothing was measured, and leaves out what it has no source for', async () => {
    const kit = machine({
      run: () => Promise.reject(new Error('no such program')),
      storage: { freeBytes: () => Promise.reject(new Error('none')) },
    });
    expect(kit.health).toBeNull();
    await kit.look();
    expect(Object.keys(kit.health ?? {}).sort()).toEqual(['clock', 'memory', 'network', 'storage', 'uptimeMs']);
    expect(kit.health).toMatchObject({ storage: { state: 'ok' }, clock: { synced: false }, network: { kind: 'none' } });
    expect(kit.health?.storage).not.toHaveProperty('freeBytes');
    expect(kit.problem).toBeNull();
  });

  test('tells everything that it has, in the wire’s own form', async () => {
    put('proc/device-tree/model', 'Raspberry Pi 4 Model B Rev 1.5\0');
    put('sys/class/hwmon/hwmon0/name', 'cpu_thermal\n');
    put('sys/class/hwmon/hwmon1/name', 'rpi_volt\n');
    put('sys/class/hwmon/hwmon1/in0_lcrit_alarm', '0\n');
    put('sys/class/thermal/thermal_zone0/temp', '48312\n');
    put('proc/self/mountinfo', mounts('rw,errors=continue', 'rw'));
    put('sys/fs/ext4/mmcblk0p2/errors_count', '0\n');
    put('run/systemd/timesync/synchronized', '');
    put('proc/net/route', routes('eth0'));
    const address = {
      address: '10.0.3.11',
      family: 'IPv4' as const,
      netmask: '',
      mac: 'b8:27:eb:01:02:03',
      internal: false,
    };
    const kit = machine({ network: { interfaces: () => ({ eth0: [{ ...address, cidr: null }] }) } });
    kit.heard(1_000_000);
    wallMs = 1_000_250;
    await kit.look();
    expect(kit.health).toEqual({
      ...{ model: 'Raspberry Pi 4 Model B Rev 1.5', uptimeMs: expect.any(Number), temperatureC: 48.3 },
      power: { low: false, lowCount: 0 },
      storage: { state: 'ok', freeBytes: 20e9 },
      clock: { synced: true, offsetMs: 250 },
      network: { kind: 'wired', state: 'full', address: '10.0.3.11' },
      memory: { freeBytes: expect.any(Number), totalBytes: expect.any(Number) },
    });
    expect(kit.problem).toBeNull();
    const health = { state: 'ok', message: '', machine: kit.health ?? undefined };
    expect(kitHealth.parse(health)).toEqual(health);
    // Small enough for a message each ten seconds, and without the address of the card.
    expect(JSON.stringify(health).length).toBeLessThan(600);
    expect(JSON.stringify(health)).not.toContain('b8:27');
  });

  test('counts each time its supply gives way, and tells of it for ten minutes', async () => {
    put('sys/class/hwmon/hwmon0/name', 'rpi_volt\n');
    const alarm = (text: string) => put('sys/class/hwmon/hwmon0/in0_lcrit_alarm', text);
    alarm('0\n');
    const kit = await looked();
    expect([kit.health?.power, kit.problem]).toEqual([{ low: false, lowCount: 0 }, null]);
    alarm('1\n');
    await kit.look();
    await kit.look();
    expect([kit.health?.power, kit.problem?.code]).toEqual([{ low: true, lowCount: 1 }, 'weak-power']);
    alarm('0\n');
    await kit.look();
    nowMs = 599_000;
    expect([kit.health?.power, kit.problem?.code]).toEqual([{ low: false, lowCount: 1 }, 'weak-power']);
    nowMs = 600_000;
    expect(kit.problem).toBeNull();
    alarm('1\n');
    await kit.look();
    expect([kit.health?.power?.lowCount, kit.problem?.hint]).toEqual([2, expect.stringContaining('power supply')]);
  });

  test('tells when it is too hot, until it is clearly cooler', async () => {
    const kit = machine();
    const at = async (millidegrees: string) => {
      put('sys/class/thermal/thermal_zone0/temp', millidegrees);
      await kit.look();
      return kit.problem?.code ?? null;
    };
    expect(await at('79900\n')).toBeNull();
    expect(await at('80000\n')).toBe('too-hot');
    expect(await at('77500\n')).toBe('too-hot');
    expect(await at('76900\n')).toBeNull();
    expect(await at('80000\n')).toBe('too-hot');
    expect(await at('nonsense')).toBeNull();
    expect(kit.health).not.toHaveProperty('temperatureC');
  });

  test('tells the offset of its clock, also after the clock was set', async () => {
    const kit = machine();
    kit.heard(50_000);
    wallMs = 0;
    await kit.look();
    expect(kit.health?.clock).toEqual({ synced: false, offsetMs: -50_000 });
    nowMs = 10_000;
    wallMs = 60_005;
    expect(kit.health?.clock).toEqual({ synced: false, offsetMs: 5 });
  });
});

describe('the card', () => {
  const problem = async (options: Partial<KitMachineOptions> = {}) => (await looked(options)).problem?.code ?? null;

  test('with errors is told with their number, whichever partition has them', async () => {
    put('sys/fs/ext4/mmcblk0p2/errors_count', '0\n');
    put('sys/fs/ext4/mmcblk0p3/errors_count', '3\n');
    const kit = await looked();
    expect(kit.problem).toMatchObject({ code: 'storage-errors', message: expect.stringContaining('3') });
    expect(kit.health?.storage).toMatchObject({ state: 'errors', message: kit.problem?.message });
  });

  test('that is nearly full is told', async () => {
    freeBytes = 499e6;
    expect(await problem()).toBe('storage-low');
    freeBytes = 501e6;
    expect(await problem()).toBeNull();
  });

  test('that became read-only is told: the data partition always, the root unless it is meant to be', async () => {
    put('etc/fstab', 'PARTUUID=ab-02 / ext4 defaults,noatime 0 1\n');
    put('proc/self/mountinfo', mounts('rw', 'ro'));
    expect(await problem()).toBe('storage-read-only');
    put('proc/self/mountinfo', mounts('ro,errors=remount-ro', 'rw'));
    expect(await problem()).toBe('storage-read-only');
    put('proc/self/mountinfo', mounts('rw,emergency_ro', 'rw'));
    expect(await problem()).toBe('storage-read-only');
    put('proc/self/mountinfo', mounts('ro', 'rw'));
    put('etc/fstab', '# / ext4 rw\nPARTUUID=ab-02 / ext4 ro,noatime 0 1\n');
    expect(await problem()).toBeNull();
    put('proc/self/mountinfo', mounts('ro', 'ro'));
    expect(await problem()).toBe('storage-read-only');
  });

  test('is judged by the file system itself, not by what a confined unit may write', () => {
    const confined = '22 1 179:2 / / ro,nosuid shared:1 - ext4 /dev/mmcblk0p2 rw,errors=continue\n';
    expect(isReadOnly(parseMounts(confined), '/')).toBe(false);
    expect(isReadOnly(parseMounts(confined), '/data')).toBeNull();
    expect(isRootMeantReadOnly('', 'console=tty1 overlayroot=tmpfs:recurse=0 quiet')).toBe(true);
    expect(isRootMeantReadOnly('# PARTUUID=ab-02 / ext4 ro 0 1\n', 'root=PARTUUID=ab-02 ro')).toBe(false);
  });
});

describe('the canary', () => {
  const ask = (options: Partial<Parameters<typeof askCanary>[0]> = {}) =>
    askCanary({ folder: join(dataDir, 'kit'), ...options });

  test('is written, read back from the disk, and leaves nothing', async () => {
    expect(await ask()).toEqual({ state: 'ok', tookMs: expect.any(Number) });
    expect(existsSync(join(dataDir, 'kit/canary'))).toBe(false);
  });

  test('is another one each time: a card that gives back what it had before is found out', async () => {
    const written: Buffer[] = [];
    const readBack = async (path: string) => {
      written.push(readFileSync(path));
      return written[0] ?? Buffer.alloc(0);
    };
    expect((await ask({ readBack })).state).toBe('ok');
    expect(await ask({ readBack })).toEqual({ state: 'wrong' });
  });

  test.each([
    ['one bit', (written: Buffer) => Buffer.from(written).fill((written[5000] ?? 0) ^ 1, 5000, 5001)],
    ['its end', (written: Buffer) => written.subarray(0, -1)],
  ])('with %s wrong is told', async (_what, spoil) => {
    expect(await ask({ readBack: async (path) => spoil(readFileSync(path)) })).toEqual({ state: 'wrong' });
    expect(existsSync(join(dataDir, 'kit/canary'))).toBe(false);
  });

  test('that cannot be written is told with the system’s reason', async () => {
    expect(await ask({ folder: join(dataDir, 'nowhere') })).toEqual({ state: 'failed', code: 'ENOENT' });
  });

  test('that never comes back is told, and keeps nobody waiting', async () => {
    expect(await ask({ readBack: () => new Promise(() => {}), timeoutMs: 20 })).toEqual({
      state: 'failed',
      code: 'no answer in time',
    });
  });

  test('is sent a minute after the start and then each quarter of an hour, and what it finds is told first', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'setTimeout', 'clearInterval', 'clearTimeout'] });
    let asked = 0;
    const random = (bytes: number) => {
      asked++;
      return Buffer.alloc(bytes, asked);
    };
    const canary = { folder: join(dataDir, 'kit'), random, readBack: async () => Buffer.alloc(1) };
    freeBytes = 1;
    const kit = machine({ storage: { canary } });
    kit.start();
    vi.advanceTimersByTime(59_000);
    expect(asked).toBe(0);
    vi.advanceTimersByTime(1000);
    expect(asked).toBe(1);
    while (kit.health?.storage?.state !== 'failing') await setImmediate(); // told once the first measurements are done, too
    expect(kit.problem?.code).toBe('storage-failing');
    while (existsSync(join(dataDir, 'kit/canary'))) await setImmediate();
    await setImmediate();
    vi.advanceTimersByTime(14 * 60_000 - 1000);
    expect(asked).toBe(1);
    vi.advanceTimersByTime(1000);
    expect(asked).toBe(2);
    while (existsSync(join(dataDir, 'kit/canary'))) await setImmediate();
    await kit.stop();
    vi.advanceTimersByTime(3_600_000);
    expect(asked).toBe(2);
  });

  test('that finds no room says nothing of a bad card; that cannot write for another reason does', async () => {
    let code = 'ENOSPC';
    const readBack = () => Promise.reject(Object.assign(new Error('no'), { code }));
    const canary = { folder: join(dataDir, 'kit'), readBack };
    const storage = new StorageWatch({ root: folder.path, dataDir, canary, freeBytes: async () => 1e6 });
    await storage.look();
    await storage.ask();
    expect(storage.problem?.code).toBe('storage-low');
    code = 'EIO';
    await storage.ask();
    expect(storage.problem).toMatchObject({ code: 'storage-failing', message: expect.stringContaining('EIO') });
  });
});

describe('the network', () => {
  test('is none without a way out', async () => {
    put('proc/net/route', 'Iface\tDestination\n');
    expect((await looked()).health?.network).toEqual({ kind: 'none', state: 'none' });
  });

  test.each(['none', 'portal', 'limited', 'full'])('reaches as far as NetworkManager says: %s', async (word) => {
    nmcli = `${word}\n`;
    put('proc/net/route', routes('eth0'));
    expect((await looked()).health?.network).toEqual({ kind: 'wired', state: word });
  });

  test('is not said to reach anything where NetworkManager does not know', async () => {
    put('proc/net/route', routes('eth0'));
    nmcli = 'unbekannt\n';
    expect((await looked()).health?.network?.state).toBe('unknown');
  });

  test('tells the signal of the radio it goes out by, and of no other', async () => {
    put('proc/net/route', routes('wlan0'));
    put('proc/net/wireless', wireless('wlan0', 35));
    expect((await looked()).health?.network).toEqual({ kind: 'wifi', state: 'full', signalPercent: 50 });
    expect(signalOf(wireless('wlan0', 90), 'wlan0')).toBe(100);
    expect(signalOf(wireless('wlan0', 35), 'wlan1')).toBeNull();
  });

  test('goes out by the way with the least metric', () => {
    const way = (name: string, metric: number) =>
      `${name}\t00000000\t0100000A\t0003\t0\t0\t${metric}\t00000000\t0\t0\t0`;
    expect(wayOut(`head\n${way('wlan0', 600)}\n${way('eth0', 100)}\n`)).toBe('eth0');
    expect(wayOut(`head\neth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n`)).toBeNull();
  });
});

test('the sources that a machine lacks later on are left out from then on', async () => {
  put('sys/class/thermal/thermal_zone0/temp', '50000\n');
  const kit = await looked();
  expect(kit.health?.temperatureC).toBe(50);
  rmSync(join(folder.path, 'sys'), { recursive: true });
  await kit.look();
  expect(kit.health).not.toHaveProperty('temperatureC');
});
