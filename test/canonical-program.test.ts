import { afterAll, beforeAll, expect, test } from 'vitest';
import { CanonicalHall, ended } from './harness/canonical-hall.ts';

const hall = new CanonicalHall();
beforeAll(() => hall.start());
afterAll(() => hall.stop());

test('killed anywhere, the program leaves nothing half-written, and the next one finishes', async () => {
  const killed = await new CanonicalHall().start();
  const kills = [
    { room: 'before', operation: 'GetObject', ending: 'part-0001.flac', published: false },
    { room: 'late', operation: 'PutObject', ending: 'transcript.json', published: false },
    { room: 'last', operation: 'PutObject', ending: 'canonical.json', published: true },
  ] as const;
  for (const kill of kills) {
    const { room, published } = kill;
    const program = killed.run(['--manifest', killed.record(room).key]);
    killed.killAt(program, kill);
    expect(await program.exit).toMatchObject({ signal: 'SIGKILL' });
    expect(killed.read(room) !== null, room).toBe(published);
  }
  await ended(killed.run(['--all']), 0);
  for (const { room } of kills) {
    expect(killed.read(room)?.vtt, room).toContain('hello');
    expect(killed.results(room), room).toEqual(['transcript.json']);
  }
  await killed.stop();
});

test('what cannot work is told before anything is touched', async () => {
  const program = hall.run(['--all', '--watch', '--turns-model', '/x']);
  await ended(program, 78);
  expect(program.output).toContain('say one of --manifest KEY, --all and --watch');
  expect(program.output).toContain('--turns-model');
});
