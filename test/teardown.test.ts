import { expect, test } from 'vitest';
import { tearDown } from '../systemd/teardown.ts';

test('a step that fails keeps no other from its turn, and every failure is told once all were tried', async () => {
  const done: string[] = [];
  const ending = tearDown({
    first: async () => done.push('first'),
    disk: async () => {
      await Promise.resolve();
      throw new Error('no space left');
    },
    sockets: () => {
      throw new Error('still open');
    },
    last: () => done.push('last'),
  });
  await expect(ending).rejects.toMatchObject({
    code: 'teardown',
    message: 'Not everything ended well: disk: no space left; sockets: still open',
  });
  expect(done).toEqual(['first', 'last']);
});

test('where all goes well, nothing is told', async () => {
  const done: number[] = [];
  await tearDown({
    one: () => new Promise<void>((ready) => setTimeout(ready, 1)).then(() => done.push(1)),
    two: () => done.push(2),
  });
  expect(done).toEqual([1, 2]);
});
