import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type FaultKind, ScreenFault } from '../display/kiosk/fault.ts';
import type { Sight } from '../display/kiosk/page.ts';
import { reportOf } from '../display/kiosk/report.ts';
import { type Screen, Supervisor, supervisorLimits } from '../display/kiosk/supervisor.ts';

const good: Sight = { stage: 'talk', shows: 'listening', title: 'Aula', hidden: false };

/** A screen that breaks and heals as it is told. */
class FakeScreen implements Screen {
  onEvent = () => undefined;
  /** What is wrong now; null: nothing. */
  fault: FaultKind | null = null;
  /** The remedies that mend it. */
  helps: readonly string[] = ['reload', 'renew', 'restart'];
  hidden = false;
  bytes = 1;
  /** Every remedy and when it was tried. */
  readonly tried: [remedy: string, atMs: number][] = [];
  beats = 0;
  stops = 0;
  /** The first beat after a remedy comes so much later. */
  loadMs = 0;
  #loadedAtMs = 0;

  start = () => this.#mend('restart');
  reload = () => this.#mend('reload');
  renew = () => this.#mend('renew');
  memory = async () => this.bytes;

  async beat(): Promise<Sight> {
    this.beats++;
    if (this.fault) throw new ScreenFault(this.fault, `it is ${this.fault}`);
    if (performance.now() < this.#loadedAtMs) throw new ScreenFault('strange', 'the page is loading');
    return { ...good, hidden: this.hidden };
  }

  async stop(): Promise<void> {
    this.stops++;
  }

  breaks(fault: FaultKind, helps: readonly string[]): void {
    this.fault = fault;
    this.helps = helps;
  }

  async #mend(remedy: string): Promise<void> {
    this.tried.push([remedy, performance.now()]);
    this.#loadedAtMs = performance.now() + this.loadMs;
    if (this.helps.includes(remedy)) this.fault = null;
  }
}

let screen: FakeScreen;
let supervisor: Supervisor;
let connected: boolean;
let end: Promise<unknown>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  screen = new FakeScreen();
  connected = true;
  const log = { error() {}, warn() {}, info() {}, debug() {} };
  supervisor = new Supervisor(screen, supervisorLimits, {
    now: () => performance.now(),
    delay: (ms, signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, signal.aborted ? 0 : ms);
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve();
        });
      }),
    isConnected: async () => connected,
    log,
  });
});

afterEach(async () => {
  await supervisor.stop();
  vi.useRealTimers();
});

/** Begins, and sees the page for a minute. */
async function running(): Promise<void> {
  end = supervisor.run().then(
    () => 'stopped',
    (error: unknown) => error,
  );
  await pass(60_000);
  screen.tried.length = 0;
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const remedies = () => screen.tried.map(([remedy]) => remedy);

describe('a supervisor', () => {
  test('begins with a browser, sees the page, and then only looks', async () => {
    await running();
    expect(supervisor.state).toMatchObject({
      state: 'showing',
      fault: '',
      counts: { restart: 1, reload: 0, renew: 0 },
    });
    expect(supervisor.state.beatAgeMs).toBeLessThanOrEqual(supervisorLimits.beatEveryMs);
    expect(supervisor.state.sight).toEqual(good);
    expect(screen.beats).toBeGreaterThan(25);
  });

  test('waits for a browser that is slow to begin, and not for ever', async () => {
    screen.loadMs = 15_000;
    end = supervisor.run();
    await pass(14_000);
    expect(supervisor.state).toMatchObject({ state: 'starting', beatAgeMs: null, sight: null });
    await pass(2000);
    expect(supervisor.state.state).toBe('showing');
    expect(remedies()).toEqual(['restart']);

    screen.loadMs = 0;
    screen.breaks('stuck', []);
    await pass(2000 + 21_000 + 4500);
    expect(remedies()).toEqual(['restart', 'renew', 'restart', 'restart']);
  });

  test.each([
    ['crashed', 'reload', ['reload']],
    ['strange', 'reload', ['reload']],
    ['stuck', 'renew', ['renew']],
    ['still', 'restart', ['restart']],
    ['ended', 'restart', ['restart']],
    ['crashed', 'restart', ['reload', 'renew', 'restart']],
    ['strange', 'restart', ['reload', 'renew', 'restart']],
    ['stuck', 'restart', ['renew', 'restart']],
  ] as const)(
    'tries what can mend a page that is %s, the mildest first, until %s helped, within 15 s',
    async (fault, helping, expected) => {
      await running();
      screen.breaks(fault, [helping]);
      const brokenAtMs = performance.now();
      await pass(15_000);
      expect(remedies()).toEqual(expected);
      expect(supervisor.state.state).toBe('showing');
      expect((screen.tried.at(-1)?.[1] ?? 0) - brokenAtMs).toBeLessThan(13_000);
    },
  );

  test('leaves a page alone that loads itself anew', async () => {
    await running();
    screen.breaks('strange', []);
    screen.onEvent();
    await pass(supervisorLimits.strangeGraceMs - 300);
    screen.fault = null;
    await pass(5000);
    expect(remedies()).toEqual([]);
    expect(supervisor.state.state).toBe('showing');
  });

  test('looks at once when something happens', async () => {
    await running();
    screen.breaks('ended', ['restart']);
    screen.onEvent();
    await pass(0);
    expect(remedies()).toEqual(['restart']);
  });

  test('goes on to the next remedy where a page breaks again soon, and begins with the mildest when it held', async () => {
    await running();
    screen.breaks('crashed', ['reload']);
    await pass(5000);
    screen.breaks('crashed', ['reload', 'renew']);
    await pass(5000);
    expect(remedies()).toEqual(['reload', 'renew']);
    await pass(supervisorLimits.healthyAfterMs + 5000);
    screen.breaks('crashed', ['reload']);
    await pass(5000);
    expect(remedies()).toEqual(['reload', 'renew', 'reload']);
  });

  test('gives up after four browsers that did not help, each after a longer pause, so that all is started again', async () => {
    await running();
    screen.breaks('ended', []);
    await pass(60_000);
    expect(await end).toMatchObject({ code: 'screen-given-up' });
    expect(remedies()).toEqual(['restart', 'restart', 'restart', 'restart']);
    const gaps = screen.tried.slice(1).map(([, atMs], i) => atMs - (screen.tried[i]?.[1] ?? 0));
    expect(gaps.map((each) => Math.round(each / 250) * 250)).toEqual([750, 1250, 2250]);
  });

  test('counts browsers in a row only: who mends once a minute is never given up', async () => {
    await running();
    for (let i = 0; i < 10; i++) {
      screen.breaks('ended', ['restart']);
      await pass(60_000);
    }
    expect(remedies()).toHaveLength(10);
    expect(supervisor.state.state).toBe('showing');
  });

  test('starts a browser again that takes too much memory', async () => {
    await running();
    screen.bytes = supervisorLimits.maxMemoryBytes + 1;
    await pass(supervisorLimits.memoryEveryMs + 2000);
    expect(remedies()).toEqual(['restart']);
    screen.bytes = 1;
    await pass(20_000);
    expect(remedies()).toEqual(['restart']);
    expect(supervisor.state.memoryBytes).toBe(1);
  });

  test('leaves a page alone that nobody can see, and says so', async () => {
    await running();
    screen.hidden = true;
    await pass(60_000);
    expect(supervisor.state.state).toBe('hidden');
    expect(remedies()).toEqual([]);
  });

  test('starts no browser where there is no screen, and starts one within a second when there is', async () => {
    connected = false;
    end = supervisor.run();
    await pass(600_000);
    expect(supervisor.state.state).toBe('unplugged');
    expect(remedies()).toEqual([]);
    expect(() => supervisor.proveLife(1000)).not.toThrow();
    connected = true;
    await pass(1000);
    expect(remedies()).toEqual(['restart']);
    expect(supervisor.state.state).toBe('showing');

    connected = false;
    await pass(5000);
    expect(supervisor.state.state).toBe('unplugged');
    expect(screen.stops).toBe(2);
    connected = true;
    await pass(1000);
    expect(supervisor.state.state).toBe('showing');
  });

  test('proves that it lives by what it saw alone', async () => {
    await running();
    expect(() => supervisor.proveLife(5000)).not.toThrow();
    let give = (_: Sight) => {};
    screen.beat = () =>
      new Promise((resolve) => {
        give = resolve;
      });
    await pass(60_000);
    expect(() => supervisor.proveLife(50_000)).toThrow('was not seen');
    give(good);
  });

  test('ends its browser when it is stopped, also in the middle of mending', async () => {
    await running();
    screen.breaks('ended', []);
    await pass(3000);
    const stops = screen.stops;
    await supervisor.stop();
    expect(await end).toBe('stopped');
    expect(screen.stops).toBeGreaterThan(stops);
    const count = screen.tried.length;
    await pass(60_000);
    expect(screen.tried).toHaveLength(count);
  });
});

test('a report says in words how the screen is, without what it was told by the page beyond its state', async () => {
  await running();
  expect(reportOf(supervisor.state, 5_000)).toEqual({
    state: 'showing',
    message: 'The screen shows the page',
    hint: '',
    beatAgeMs: expect.any(Number),
    shows: 'listening',
    stage: 'talk',
    title: 'Aula',
    counts: { beats: expect.any(Number), reloads: 0, renewals: 0, restarts: 0 },
    memoryBytes: 1,
    uptimeMs: 5000,
  });
  screen.breaks('ended', []);
  await pass(3000);
  const report = reportOf(supervisor.state, 0);
  expect(report).toMatchObject({ state: 'mending', message: 'The screen is being mended: it is ended' });
  expect(report.hint).toMatch(/\S/);
  expect(report.counts.restarts).toBeGreaterThan(0);
});
