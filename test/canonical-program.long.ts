/** The job's real program killed after each request that it makes to its store, and started again. About 3 minutes. */
import { expect, test } from 'vitest';
import { CanonicalHall, ended } from './harness/canonical-hall.ts';

test('killed after any request, the next one comes to one transcript, and none was ever seen half', {
  timeout: 1_200_000,
}, async () => {
  const hall = await new CanonicalHall().start();
  const { key } = hall.record('whole');
  await ended(hall.run(['--manifest', key]), 0);
  const requests = hall.standIn.requests.length;
  expect(requests).toBe(19);
  for (let at = 1; at <= requests; at++) {
    const room = `killed-${at}`;
    const recording = hall.record(room);
    const program = hall.run(['--manifest', recording.key]);
    let seen = 0;
    const kill = () => {
      seen += 1;
      if (seen === at) program.kill();
    };
    hall.standIn.on('request', kill);
    await program.exit;
    hall.standIn.off('request', kill);
    // Throws where what is seen is not whole.
    hall.read(room);
    await ended(hall.run(['--manifest', recording.key]), 0);
    expect(hall.read(room)?.vtt, room).toContain('hello');
    expect(hall.read(room)?.pointer.generation, room).toBe(1);
    expect(hall.results(room), room).toEqual(['transcript.json']);
  }
  await hall.stop();
});
