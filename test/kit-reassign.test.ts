import { afterEach, expect, test } from 'vitest';
import { MovedKit } from './harness/moved-kit.ts';
import { judge } from './harness/talk.ts';
import { until } from './harness/until.ts';

// The real relay, agent and device, and a network between them that is cut: a talk of 15 s, of which the moves take about 3. Its long form
// kills each of them, too.

let moved: MovedKit | null = null;
afterEach(() => moved?.stop());

const spoken = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)); // what is spoken meanwhile is the point

test('a kit that is moved back and forth, with its line cut, has each number captioned once, in the room it was spoken in', {
  timeout: 90_000,
}, async () => {
  moved = await MovedKit.start();
  const there = moved;
  const numbers = 150;
  const device = there.kit.startDevice(there.numbers(0, numbers));
  await until(() => device.entries({ ns: 'source', state: 'capturing' })[0], { what: 'the talk' });
  await spoken(800);

  await there.assign('bar');
  await there.serves('bar');
  await spoken(800);

  // The line is cut while audio of this room is not stored yet, and the kit is moved the moment it is back.
  await there.line(false);
  await spoken(700);
  await there.assign('aula');
  await there.line(true);
  await there.serves('aula');

  const { status } = await device.exit;
  expect(status).toBe(0);
  // By a second line: what the room was owed could come in no other way.
  expect(there.relay.program.entries({ event: 'source-delivers', room: 'bar' })).not.toHaveLength(0);
  await until(() => there.all.length >= numbers || undefined, { what: 'every number' }).catch(() => {});
  expect(judge(there.all, numbers)).toMatchObject({ lost: [], repeated: [] });
  // One stretch of the talk, whole: what was before and after it was spoken in the other room.
  expect(there.stretches('bar', 0, numbers)).toBe(1);
  expect(there.stretches('aula', 0, numbers)).toBe(2);
});
