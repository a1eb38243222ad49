import { afterEach, expect, test } from 'vitest';
import { MovedKit } from './harness/moved-kit.ts';
import { judge } from './harness/talk.ts';
import { until } from './harness/until.ts';

// About a minute a run.

let moved: MovedKit | null = null;
afterEach(() => moved?.stop());

const spoken = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)); // what is spoken meanwhile is the point
/** What a device may lose when it is killed: `device/README.md`, and a card that was syncing. */
const lostByKill = 35;

test.each([1, 2, 3])(
  'device, agent and relay killed between moves lose nothing but what a killed device had not written (%i)',
  {
    timeout: 180_000,
  },
  async (run) => {
    moved = await MovedKit.start();
    const there = moved;
    const { kit } = there;
    const first = kit.startDevice(there.numbers(0, 200));
    await until(() => there.said('aula').length > 10 || undefined, { what: 'words in the first room' });
    await there.assign('bar');
    await there.serves('bar');
    await until(() => there.said('bar').length > 10 || undefined, { what: 'words in the second room' });

    // Without a line: moved by nobody, killed with a room's audio on its card.
    await there.line(false);
    await spoken(3000 + run * 1000);
    first.kill('SIGKILL');
    kit.agent?.kill('SIGKILL');
    await Promise.all([first.exit, kit.agent?.exit]);
    const atKill = there.all.filter((number) => number < 200);

    // The next device speaks of other numbers, still without a line; the relay dies, too, and the kit is moved meanwhile.
    const second = kit.startDevice(there.numbers(1000, 400));
    kit.startAgent();
    await spoken(2000);
    await there.killRelay();
    await there.assign('aula');
    await there.line(true);
    await there.serves('aula');
    await spoken(1000 * run);
    await there.line(false);
    await spoken(1000);
    await there.assign('bar');
    await there.line(true);
    await there.serves('bar');
    await spoken(2000);
    kit.agent?.kill('SIGKILL');
    await there.assign('aula');
    kit.startAgent();
    await there.serves('aula');

    const { status } = await second.exit;
    expect(status).toBe(0);
    const ofSecond = () => there.all.filter((number) => number >= 1000);
    await until(() => ofSecond().length >= 400 || undefined, { timeoutMs: 60_000, what: 'every number' }).catch(
      () => {},
    );
    await until(
      async () => {
        const { live } = await there.relay.call<{ live: { backfillMs: number } }>('GET', '/api/rooms/bar');
        return live.backfillMs === 0 || undefined;
      },
      { what: 'the end of backfill' },
    );

    expect(
      judge(
        ofSecond().map((number) => number - 1000),
        400,
      ),
    ).toMatchObject({ lost: [], repeated: [] });
    const ofFirst = there.all.filter((number) => number < 200);
    const captured = Math.max(...ofFirst) + 1;
    expect(judge(ofFirst, captured)).toMatchObject({ lost: [], repeated: [] });
    // It had 30 to 50 numbers more than were captioned before the line was cut, less what was not on its card.
    expect(captured - atKill.length).toBeGreaterThan(30 + run * 10 - lostByKill);
    expect(there.stretches('bar', 0, 200)).toBe(1);
    expect(there.stretches('aula', 0, 200)).toBe(1);
    expect(there.stretches('bar', 1000, 1400)).toBe(2);
    expect(there.stretches('aula', 1000, 1400)).toBe(2);
  },
);
