import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ScreenState } from '../display/kiosk/supervisor.ts';
import { FakeCaptions } from './harness/fake-captions.ts';
import { browserProcesses, TestKiosk } from './harness/kiosk.ts';
import { lastingPort } from './harness/ports.ts';
import { temporaryFolder } from './harness/programs.ts';

/** Costs about 15 s: a real browser is broken in each way and has to come back. */

const folder = temporaryFolder();
const assignmentFile = join(folder.path, 'assignment.json');
const tokenFile = join(folder.path, 'key');
const relay = new FakeCaptions();
const otherRelay = new FakeCaptions({ room: 'verdi', title: 'Sala Verdi' });
let kiosk: TestKiosk;
/** What a fault may cost. */
const promisedMs = 15_000;

function assign(to: FakeCaptions, port: number): void {
  const text = JSON.stringify({ room: to.room, relay: `ws://127.0.0.1:${port}`, title: to.title, atMs: 0 });
  writeFileSync(`${assignmentFile}.new`, text);
  renameSync(`${assignmentFile}.new`, assignmentFile);
}

/** Waits until the page was seen again, after now, in the state `shows`. */
async function back(shows = 'listening'): Promise<void> {
  const { beats } = kiosk.supervisor.state.counts;
  await expect
    .poll(() => ({ ...kiosk.supervisor.state, since: kiosk.supervisor.state.counts.beats > beats }), {
      timeout: promisedMs,
      interval: 20,
    })
    .toMatchObject({ state: 'showing', since: true, sight: { shows } });
}

beforeAll(async () => {
  mkdirSync(folder.path, { recursive: true });
  kiosk = await TestKiosk.start({ relay: `ws://127.0.0.1:${await lastingPort()}`, assignmentFile, tokenFile });
});

afterAll(async () => {
  await kiosk.stop();
  await relay.stop();
  await otherRelay.stop();
  expect(readdirSync(folder.path).sort()).toEqual(['assignment.json', 'key']);
  folder.remove();
});

describe('a kit’s screen', () => {
  test('shows the page before there is a key, a room, or any network', async () => {
    await back('unenrolled');
    writeFileSync(tokenFile, 'kit_1_secret\n');
    await back('unplaced');
  });

  test('shows its room when it is assigned one, also while the relay is down, and the words when it is there', async () => {
    const port = await lastingPort();
    assign(relay, port);
    await back('lost');
    expect(kiosk.supervisor.state.sight?.title).toBe(relay.room);
    await relay.start(port);
    relay.status('listening');
    await back();
    expect(kiosk.supervisor.state.sight?.title).toBe('Aula Magna');
    expect(relay.requests[0]).toMatchObject({ token: 'kit_1_secret', level: true });
  });

  test('goes to another room as soon as it is assigned there', async () => {
    await otherRelay.start();
    otherRelay.status('resting');
    assign(otherRelay, otherRelay.port);
    await back('resting');
    expect(kiosk.supervisor.state.sight?.title).toBe('Sala Verdi');
    await expect.poll(() => relay.readers).toBe(0);
    assign(relay, relay.port);
    await back();
  });

  describe('is back within 15 s', () => {
    let before: ScreenState['counts'];
    const counts = () => kiosk.supervisor.state.counts;

    beforeEach(async () => {
      await back();
      before = counts();
    });

    /** Waits until `remedy` was tried once more, and the page is back. */
    async function mendedBy(remedy: 'reload' | 'renew' | 'restart'): Promise<void> {
      await expect.poll(() => counts()[remedy], { timeout: promisedMs, interval: 20 }).toBe(before[remedy] + 1);
      await back();
    }

    test('when its browser is killed', async () => {
      process.kill(kiosk.process(), 'SIGKILL');
      await mendedBy('restart');
      expect(counts()).toMatchObject({ reload: before.reload, renew: before.renew });
    });

    test('when its page crashes', async () => {
      const { page, letGo } = await kiosk.hold();
      const session = await page.context().newCDPSession(page);
      session.send('Page.crash').catch(() => undefined);
      await mendedBy('reload');
      await letGo();
      expect(counts()).toMatchObject({ renew: before.renew, restart: before.restart });
    });

    test('when its page is frozen by a script that never ends', async () => {
      const { page, letGo } = await kiosk.hold();
      await page.evaluate(() => {
        setTimeout(() => {
          for (;;);
        }, 0);
      });
      await letGo();
      await mendedBy('renew');
      expect(counts()).toMatchObject({ reload: before.reload, restart: before.restart });
    });

    test('when it shows an error page', async () => {
      const { page, letGo } = await kiosk.hold();
      await page.goto('http://127.0.0.1:1/').catch(() => undefined);
      await mendedBy('reload');
      await letGo();
    });

    test('when it shows a page of anybody else, were it a caption page', async () => {
      const { page, letGo } = await kiosk.hold();
      await page.goto(`${relay.origin}/rooms/${relay.room}`);
      await mendedBy('reload');
      await letGo();
    });

    test('when nothing of it is painted any more', async () => {
      process.kill(kiosk.process('--type=gpu-process'), 'SIGSTOP');
      await mendedBy('restart');
    });
  });

  test('leaves nothing of its browser behind', async () => {
    await kiosk.supervisor.stop();
    expect(browserProcesses(kiosk.profiles.path)).toEqual([]);
    expect(readdirSync(kiosk.profiles.path)).toEqual([]);
  });
});
