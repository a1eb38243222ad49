// What a publish token may cost the relay and its room. 3 s.
import { afterEach, describe, expect, test } from 'vitest';
import { AudioDoor, report } from './harness/audio-door.ts';

let door: AudioDoor;
afterEach(() => door.stop());

const count = (table: 'streams' | 'anchors') => Number(door.db.prepare(`SELECT count(*) FROM ${table}`).pluck().get());

describe('new streams', () => {
  // Each commit is a sync of the disk, for which everything else of the relay waits: 4 to 8 ms on a disk of the cloud.
  test('of a hello, 250 with their anchors, cost a few commits', async () => {
    door = await new AudioDoor().start();
    const kit = await door.connect();
    const minute = 16_000 * 60;
    const before = door.commits();
    kit.hello(Array.from({ length: 250 }, (_, i) => report(i, { anchors: [kit.anchor(0), kit.anchor(minute)] })));
    await expect.poll(() => kit.told[0]?.type, { interval: 5 }).toBe('welcome');
    expect([count('streams'), count('anchors')]).toEqual([250, 500]);
    expect(door.commits() - before).toBeLessThanOrEqual(3);
  });

  test('told one by one, with anchors of many minutes, share their commits', async () => {
    door = await new AudioDoor().start();
    const kit = await door.connect();
    kit.hello([]);
    const before = door.commits();
    for (let i = 0; i < 200; i++) {
      kit.say({ type: 'stream', stream: report(i) });
      kit.say({ type: 'anchor', index: i, anchor: kit.anchor(16_000 * 60 * i) });
    }
    await expect.poll(() => kit.told.length, { interval: 5 }).toBe(401);
    await expect.poll(() => [count('streams'), count('anchors')], { interval: 5 }).toEqual([200, 200]);
    expect(door.commits() - before).toBeLessThan(40);
  });

  test('whose room is gone meanwhile do not take the others along', async () => {
    door = await new AudioDoor().start();
    door.spool.open('a', 'hall', 'kit', 1);
    door.spool.open('b', 'nowhere', 'kit', 1);
    door.spool.open('c', 'hall', 'kit', 1);
    expect(door.db.prepare('SELECT id FROM streams ORDER BY id').pluck().all()).toEqual(['a', 'c']);
  });
});
