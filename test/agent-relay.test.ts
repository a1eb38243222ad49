import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Agent } from '../systemd/agent/agent.ts';
import { noUpdater } from '../systemd/agent/none.ts';
import type { Lamp, Updater } from '../systemd/agent/parts.ts';
import { kitPaths, type TestAgentOptions, testAgent } from './harness/kit-agent.ts';
import { type KitRelay, RealKitRelay, StandInKitRelay } from './harness/kit-relays.ts';
import { MemoryCard } from './harness/memory-card.ts';
import { temporaryFolder } from './harness/programs.ts';
import { until } from './harness/until.ts';

// The whole agent, its card in memory, its relay on a loopback port: the stand-in does nothing that the real one does not.
// About 6 s.

const cleanup: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step();
});

interface Started {
  readonly agent: Agent;
  readonly card: MemoryCard;
  /** What the kit tells of itself. */
  status(): Record<string, unknown>;
  state(state: string, timeoutMs?: number): Promise<void>;
}

async function startKit(
  relay: string,
  options: Partial<TestAgentOptions> & { readonly card?: MemoryCard; readonly token?: string } = {},
): Promise<Started> {
  const { card = new MemoryCard(), token, ...parts } = options;
  if (token) card.put(kitPaths.token, token);
  const linkLimits = { refusedRetryMs: 50, inUseRetryMs: 200, maxRetryMs: 200 };
  const agent = testAgent({ random: () => 0, linkLimits, ...parts, files: card, relay });
  await agent.start();
  cleanup.push(() => agent.stop());
  const status = (): Record<string, unknown> => JSON.parse(card.text(kitPaths.status) ?? '{}');
  const state = async (wanted: string, timeoutMs = 10_000) => {
    await until(() => status().state === wanted || undefined, {
      timeoutMs,
      what: `the state ${wanted} (it is ${JSON.stringify(status())})`,
    });
  };
  return { agent, card, status, state };
}

const room = ({ card }: Started): unknown => JSON.parse(card.text(kitPaths.assignment) ?? 'null')?.room;
const serves = (kit: Started, name: string) => until(() => room(kit) === name || undefined, { what: `room ${name}` });

describe.each([
  ['the stand-in', () => new StandInKitRelay()],
  ['the real relay', () => new RealKitRelay()],
] as [string, () => KitRelay][])('with %s, a kit', (label, make) => {
  let relay: KitRelay;
  let number = 0;
  let name = '';

  beforeAll(async () => {
    relay = make();
    await relay.start();
    await relay.room('aula', 'Aula Magna');
    await relay.room('bar', 'Bar');
  });
  afterAll(() => relay.stop());

  const newToken = () => {
    name = `kit-${++number}`;
    return relay.make(name, 'display', 'aula');
  };

  test('enrols, is told its room and another one at once, and tells how it is', async () => {
    const restarted: (readonly string[])[] = [];
    const units = { restart: async (names: readonly string[]) => void restarted.push(names) };
    const kit = await startKit(relay.url, { token: await newToken(), units });
    await kit.state('ok');
    expect(kit.status()).toMatchObject({ enrolled: true, connected: true, room: 'aula', title: 'Aula Magna' });
    expect(JSON.parse(kit.card.text(kitPaths.assignment) ?? '')).toMatchObject({ room: 'aula', title: 'Aula Magna' });
    expect(restarted).toEqual([['sala-display.service']]);
    await until(async () => (await relay.health(name)) ?? undefined, { what: 'its health' });
    await relay.assign(name, 'bar');
    await serves(kit, 'bar');
    expect(kit.card.raw('/boot')).not.toContain('enr_');
  });

  test('makes itself known when it is asked to', async () => {
    const blinks: number[] = [];
    const lamp: Lamp = { show: () => {}, identify: (ms) => blinks.push(ms), stop: async () => {} };
    const kit = await startKit(relay.url, { token: await newToken(), lamp });
    await kit.state('ok');
    await relay.identify(name);
    await until(() => blinks[0], { what: 'the lamp' });
    expect(blinks).toEqual([30_000]);
    await until(() => kit.status().identify === true || undefined, { what: 'kit.json' });
  });

  test('that is started again is the same kit, and asks for nothing', async () => {
    const first = await startKit(relay.url, { token: await newToken() });
    await first.state('ok');
    await first.agent.stop();
    const key = first.card.text(kitPaths.key);
    first.card.files.delete(kitPaths.status);
    const fetch = () => Promise.reject(new Error('it asked'));
    const second = await startKit(relay.url, { card: first.card, fetch });
    await second.state('ok');
    expect(second.card.text(kitPaths.key)).toBe(key);
  });

  test('whose programs could not be told of its key tells them at its next start, and once', async () => {
    const failing = { restart: () => Promise.reject(new Error('no systemd')) };
    const kit = await startKit(relay.url, { token: await newToken(), units: failing });
    await kit.state('disk-failed');
    await kit.agent.stop();
    const restarted: (readonly string[])[] = [];
    const units = { restart: async (names: readonly string[]) => void restarted.push(names) };
    for (let start = 0; start < 2; start++) {
      kit.card.files.delete(kitPaths.status);
      const again = await startKit(relay.url, { card: kit.card, units });
      await again.state('ok');
      await until(() => restarted[0], { what: 'the restart' });
      await again.agent.stop();
    }
    expect(restarted).toEqual([['sala-display.service']]);
  });

  test('with a token that another kit has used says so, and keeps asking', async () => {
    const token = await newToken();
    await (await startKit(relay.url, { token })).state('ok');
    const thief = await startKit(relay.url, { token });
    await thief.state('enrolment-used');
    expect(thief.status()).toMatchObject({ enrolled: false, hint: expect.stringContaining('new enrolment token') });
    expect(thief.card.text(kitPaths.token)).toBe(token);
  });

  test('whose key is revoked says so, and enrols anew with another token', async () => {
    const kit = await startKit(relay.url, { token: await newToken() });
    await kit.state('ok');
    const before = kit.card.text(kitPaths.key);
    await relay.revoke(name);
    await kit.state('key-refused');
    expect(kit.status()).toMatchObject({ connected: false, hint: expect.stringContaining('new enrolment token') });
    await kit.agent.stop();
    const again = await startKit(relay.url, { card: kit.card, token: await newToken() });
    await again.state('ok');
    expect(again.card.text(kitPaths.key)).not.toBe(before);
    expect(again.card.files.has(kitPaths.candidate)).toBe(false);
  });

  test.runIf(label === 'the real relay')(
    'that is everything in one makes its room and itself, and does so again where it is not known any more',
    async () => {
      if (!(relay instanceof RealKitRelay)) throw new Error('another relay');
      const restarted: (readonly string[])[] = [];
      const card = new MemoryCard().put('/etc/sala/admin-token', `${relay.adminToken}\n`);
      const units = { restart: async (names: readonly string[]) => void restarted.push(names) };
      const settings = { name: 'solo', title: 'Sala Rossini', language: 'it-IT', room: 'rossini' };
      const stranger = new MemoryCard().put('/etc/sala/admin-token', `adm_0123456789ab_${'A'.repeat(43)}`);
      await (await startKit(relay.url, { card: stranger, kind: 'solo', settings })).state('admin-token-refused');
      const kit = await startKit(relay.url, { card, kind: 'solo', settings, units });
      await until(() => kit.status().connected === true || undefined, { what: 'the line' });
      expect(restarted).toEqual([['sala-device.service', 'sala-display.service']]);
      expect(await relay.roomSettings('rossini')).toMatchObject({ name: 'Sala Rossini', language: 'it-IT' });
      const key = card.text(kitPaths.key);
      await relay.room('rossini', 'As people call it now');
      await relay.revoke('solo');
      await until(() => card.text(kitPaths.key) !== key || undefined, { what: 'another key' });
      await until(() => kit.status().connected === true || undefined, { what: 'the line' });
      expect((await relay.roomSettings('rossini')).name).toBe('As people call it now');
    },
  );
});

describe('a kit says in plain words', () => {
  async function relayThat(instead: StandInKitRelay['instead']): Promise<StandInKitRelay> {
    const relay = new StandInKitRelay();
    relay.instead = instead;
    await relay.start();
    cleanup.push(() => relay.stop());
    await relay.room('aula', 'Aula');
    return relay;
  }
  const failing =
    (code: string): typeof globalThis.fetch =>
    () =>
      Promise.reject(new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) }));

  test.each([
    ['network-login', 'a page that wants a login', 302, { location: 'http://portal.example/' }, ''],
    ['network-login', 'the page itself', 200, { 'content-type': 'text/html' }, '<html>Log in</html>'],
    ['relay-unavailable', 'a relay that is not there', 503, {}, 'Service Unavailable'],
    ['relay-too-old', 'a relay of before', 404, {}, '{"error":{"code":"not-found","message":"no"}}'],
  ])('%s: %s', async (state, _, status, headers, body) => {
    const relay = await relayThat((__, response) => response.writeHead(status, headers).end(body));
    const token = await relay.make('kit', 'display', 'aula');
    const kit = await startKit(relay.url, { token });
    await kit.state(state);
    expect(kit.status()).toMatchObject({ enrolled: false, hint: expect.stringMatching(/\w+/) });
    // It heals when its cause goes, with no help.
    relay.instead = null;
    await kit.state('ok', 15_000);
  });

  test.each([
    ['clock-wrong', 'CERT_NOT_YET_VALID', true],
    ['relay-certificate', 'SELF_SIGNED_CERT_IN_CHAIN', true],
    ['relay-unreachable', 'ECONNREFUSED', true],
    ['network-absent', 'ENETUNREACH', false],
  ])('%s, where the system says %s', async (state, code, hasNetwork) => {
    const relay = await relayThat(null);
    const token = await relay.make('kit', 'display', 'aula');
    const kit = await startKit(relay.url, { token, fetch: failing(code), hasNetwork: () => hasNetwork });
    await kit.state(state);
  });

  test('that there is no token, or one that cannot be read', async () => {
    const relay = await relayThat(null);
    await (await startKit(relay.url)).state('enrolment-no-token');
    await (await startKit(relay.url, { token: 'enr_half' })).state('enrolment-token-damaged');
  });

  test('that its key is damaged, which a new token mends', async () => {
    const relay = await relayThat(null);
    const kit = await startKit(relay.url, { token: await relay.make('kit', 'display', 'aula') });
    await kit.state('ok');
    await kit.agent.stop();
    kit.card.put(kitPaths.key, 'kit_0123');
    const damaged = await startKit(relay.url, { card: kit.card });
    await damaged.state('key-damaged');
    await damaged.agent.stop();
    await (await startKit(relay.url, { card: kit.card, token: await relay.renew('kit') })).state('ok');
  });

  test('that another machine says it is this kit', async () => {
    const relay = await relayThat(null);
    const kit = await startKit(relay.url, { token: await relay.make('kit', 'display', 'aula') });
    await kit.state('ok');
    relay.close(4409);
    await kit.state('key-in-use');
    await kit.state('ok');
  });

  test('that it cannot note its room, and notes the last one it was told once it can', {
    timeout: 20_000,
  }, async () => {
    const relay = await relayThat(null);
    await relay.room('bar', 'Bar');
    const card = new MemoryCard();
    card.failing.set('/data/assignment', 'ENOSPC');
    const token = await relay.make('kit', 'display', 'aula');
    const kit = await startKit(relay.url, { card, token, assignRetryMs: 200 });
    await kit.state('disk-failed');
    await relay.assign('kit', 'bar');
    card.failing.clear();
    await serves(kit, 'bar');
    await kit.state('ok');
    await new Promise((resolve) => setTimeout(resolve, 450)); // by then the first one would have been tried again
    expect(room(kit)).toBe('bar');
  });

  test('how its screen is, by the word of the kiosk, and that nothing is heard of that', async () => {
    const relay = await relayThat(null);
    const folder = temporaryFolder();
    cleanup.push(() => folder.remove());
    const file = join(folder.path, 'display.json');
    let uptimeMs = 100_000;
    const write = (state: string, beatAgeMs: number | null) =>
      writeFileSync(
        file,
        JSON.stringify({
          ...{ state, message: `It is ${state}`, hint: 'Look.' },
          beatAgeMs,
          shows: 'listening',
          uptimeMs,
        }),
      );
    const well: boolean[] = [];
    const updater: Updater = { ...noUpdater, look: ({ isWell }) => void well.push(isWell) };
    write('showing', 40);
    const kit = await startKit(relay.url, {
      ...{ token: await relay.make('kit', 'display', 'aula'), uptimeMs: () => uptimeMs, updater: () => updater },
      settings: { displayStatus: file },
    });
    await kit.state('ok');
    await until(() => well.at(-1) || undefined, { what: 'that it is well' });
    expect(kit.status().page).toMatchObject({ beatAgeMs: 40, shows: 'listening' });
    write('unplugged', null);
    await kit.state('screen-unplugged');
    expect(well.at(-1), 'a screen that is off is no fault of a program').toBe(true);
    uptimeMs += 40_000;
    await kit.state('screen-silent');
    expect(well.at(-1)).toBe(false);
  });

  test('that its card takes nothing, and tells nobody a key that is on no disk', async () => {
    const relay = await relayThat(null);
    const card = new MemoryCard();
    card.failing.set('/data/kit', 'ENOSPC');
    const kit = await startKit(relay.url, { card, token: await relay.make('kit', 'display', 'aula') });
    await kit.state('disk-failed');
    expect(relay.calls).toBe(0);
  });
});

describe('what the card holds of the seed', () => {
  const put = (card: MemoryCard) =>
    card.put('/boot/user-data', 'the pin').put('/cloud/instances/a/user-data.txt', 'the pin');
  const left = ({ card }: Started) =>
    ['/boot/user-data', '/cloud/instances/a/user-data.txt'].filter((path) => card.files.has(path));

  test('stays until the first boot with this very seed is done, and then goes; the token goes at once', async () => {
    const relay = new StandInKitRelay();
    await relay.start();
    cleanup.push(() => relay.stop());
    const card = put(new MemoryCard()).put('/data/kit/first-boot.done', 'an-earlier-seed');
    const seedId = async () => 'this-seed';
    const kit = await startKit(relay.url, { card, seedId, token: await relay.make('kit', 'display', 'aula') });
    await kit.state('ok');
    await until(() => !card.files.has(kitPaths.token) || undefined, { what: 'the end of the token' });
    expect(left(kit)).toHaveLength(2);
    await kit.agent.stop();
    card.put('/data/kit/first-boot.done', 'this-seed');
    const again = await startKit(relay.url, { card, seedId });
    await until(() => left(again).length === 0 || undefined, { what: 'the end of the seed' });
  });

  test('goes also where the system is read-only, and is told where it cannot', async () => {
    const relay = new StandInKitRelay();
    await relay.start();
    cleanup.push(() => relay.stop());
    const card = put(new MemoryCard()).put('/data/kit/first-boot.done', '');
    card.failing.set('/cloud', 'EROFS');
    const withWritableRoot = async (work: () => Promise<void>) => {
      card.failing.delete('/cloud');
      await work();
    };
    const kit = await startKit(relay.url, {
      card,
      withWritableRoot,
      token: await relay.make('kit', 'display', 'aula'),
    });
    await until(() => left(kit).length === 0 || undefined, { what: 'the end of the seed' });
    await kit.agent.stop();

    put(card).failing.set('/boot', 'EIO');
    await (await startKit(relay.url, { card })).state('scrub-failed');
  });
});

describe('what the relay orders', () => {
  test('reaches the updater; without the relay no room counts as idle', async () => {
    const relay = new StandInKitRelay();
    await relay.start();
    cleanup.push(() => relay.stop());
    await relay.room('aula', 'Aula');
    const told: unknown[] = [];
    const updater: Updater = {
      ...{ start: () => {}, stop: async () => {}, look: () => {}, offer: (release) => told.push(release) },
      ...{ idle: (isIdle) => told.push(isIdle), report: { version: '2.0.0', state: 'staged', message: 'It waits' } },
    };
    const kit = await startKit(relay.url, {
      token: await relay.make('kit', 'display', 'aula'),
      updater: () => updater,
    });
    await kit.state('ok');
    const release = { version: '2.0.0', sha256: 'a'.repeat(64), bytes: 1000 };
    told.length = 0;
    relay.say('kit', { type: 'dance', steps: 3 }); // a newer relay may say more
    relay.say('kit', { type: 'release', ...release, idle: true });
    await until(() => told.includes(true) || undefined, { what: 'the order' });
    expect(told).toEqual([release, true]);
    relay.instead = (_, response) => response.writeHead(503).end();
    relay.cut();
    await until(() => told.at(-1) === false || undefined, { what: 'that it is not idle' });
    expect(relay.heard).toContainEqual({ type: 'update', ...updater.report });
  });

  test('its time is kept, and the clock is set forward to it at the next start, never back', async () => {
    const relay = new StandInKitRelay();
    relay.at = () => Date.UTC(2026, 10, 21);
    await relay.start();
    cleanup.push(() => relay.stop());
    await relay.room('aula', 'Aula');
    const card = new MemoryCard();
    let wallMs = 0;
    const set: number[] = [];
    const clock = {
      now: () => wallMs,
      set: async (ms: number) => {
        set.push(ms);
        wallMs = ms;
      },
    };
    const built = Date.UTC(2026, 5, 1);
    const first = await startKit(relay.url, {
      card,
      clock,
      builtAtMs: built,
      token: await relay.make('kit', 'display', 'aula'),
    });
    expect(set).toEqual([built]);
    await first.state('ok');
    await until(() => card.text('/data/kit/clock-floor') !== undefined || undefined, { what: 'the floor' });
    await first.agent.stop();

    wallMs = 0;
    const second = await startKit(relay.url, { card, clock, builtAtMs: built });
    expect(set).toEqual([built, Date.UTC(2026, 10, 21)]);
    await second.agent.stop();

    wallMs = Date.UTC(2027, 0, 1);
    await startKit(relay.url, { card, clock, builtAtMs: built, settings: { notBefore: '2026-12-01T00:00:00Z' } });
    expect(set).toHaveLength(2);
  });
});
