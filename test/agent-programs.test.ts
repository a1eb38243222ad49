/** What the agent reads off its device's page. Costs nothing. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ProgramsWatch } from '../systemd/agent/programs-watch.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a kit is quiet a minute after its device heard the room last; its level is no news for anybody else', async () => {
  let level: object | undefined = { rmsDbfs: -20, peakDbfs: -10, clipped: 0 };
  const fetch = async () => Response.json({ health: { state: 'ok', message: 'All is well', level } });
  const watch = new ProgramsWatch({
    ...{ kind: 'device', fetch, uptimeMs: () => 0 },
    ...{ deviceStatus: 'http://127.0.0.1:8081/status.json', displayStatus: '/nowhere' },
  });
  expect(watch.isQuiet).toBe(true);
  await watch.look();
  expect([watch.isQuiet, watch.device]).toEqual([false, { state: 'ok', message: 'All is well' }]);
  level = { rmsDbfs: -60, peakDbfs: -50, clipped: 0 };
  vi.advanceTimersByTime(59_000);
  await watch.look();
  expect(watch.isQuiet).toBe(false);
  level = undefined;
  vi.advanceTimersByTime(1000);
  await watch.look();
  expect(watch.isQuiet).toBe(true);
});
