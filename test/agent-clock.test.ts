import { expect, test } from 'vitest';
import { ClockFloor } from '../systemd/agent/clock-floor.ts';
import { createLog } from '../systemd/log.ts';
import { MemoryCard } from './harness/memory-card.ts';

const built = Date.UTC(2026, 10, 21);
const day = 86_400_000;
const file = '/data/kit/clock-floor';

/** A kit whose clock says `now`, started on `card`. */
async function started(now: number, card: MemoryCard) {
  let said = now;
  const clock = {
    now: () => said,
    set: async (ms: number) => {
      said = ms;
    },
  };
  const floor = new ClockFloor({ files: card, file, clock, notBefore: [built, 0], log: createLog('silent')('clock') });
  await floor.raise();
  return { floor, said: () => said };
}

test('a clock of 1970 is set to when the release was built, and later to the last time the relay told', async () => {
  const card = new MemoryCard();
  const first = await started(0, card);
  expect(first.said()).toBe(built);
  await first.floor.heard(built + 3 * day);
  expect((await started(0, card)).said()).toBe(built + 3 * day);
});

test('a clock is never set back', async () => {
  const card = new MemoryCard();
  await (await started(0, card)).floor.heard(built + 3 * day);
  expect((await started(built + 9 * day, card)).said()).toBe(built + 9 * day);
});

test('a relay that is decades ahead is not believed, nor what an earlier release noted of it', async () => {
  const card = new MemoryCard();
  const { floor } = await started(0, card);
  await floor.heard(Date.UTC(2060, 0));
  expect((await started(0, card)).said()).toBe(built);
  await card.write(file, String(Date.UTC(2060, 0)));
  expect((await started(0, card)).said()).toBe(built);
});
