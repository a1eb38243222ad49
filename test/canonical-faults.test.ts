/** The job's real program at an S3-compatible store and at a folder: doubled, refused, told to stop. About half a minute. */
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CanonicalHall, ended } from './harness/canonical-hall.ts';
import type { MadeRecording } from './harness/canonical-recording.ts';
import { until } from './harness/until.ts';

const hall = new CanonicalHall();
beforeAll(() => hall.start());
afterAll(() => hall.stop());

describe.concurrent('the program', () => {
  test('that is started twice at the same time comes to one transcript', async ({ expect }) => {
    const { key } = hall.record('twice');
    // Both are to have found that nothing is there.
    hall.standIn.fail({ kind: 'slow', ms: 1000, key: 'twice/opening/part', on: ['GetObject'] });
    const programs = [1, 2].map(() => hall.run(['--manifest', key]));
    await Promise.all(programs.map((program) => ended(program, 0)));
    const puts = hall.standIn.requests.filter(
      ({ operation, key }) => operation === 'PutObject' && key.includes('/twice/'),
    );
    const made = (name: string) => puts.filter(({ key, status }) => key.endsWith(name) && status === 200).length;
    expect([made('transcript.json'), made('canonical.json')]).toEqual([1, 1]);
    expect(hall.read('twice')?.pointer.generation).toBe(1);
  });

  test('told to stop, ends within ten seconds with 75, and what it worked on is gone', async ({ expect }) => {
    const { key } = hall.record('stopped');
    const { python, started } = hall.sleepingPython();
    const workDir = hall.path('stopped-work');
    const program = hall.run(['--manifest', key, '--python', python, '--work-dir', workDir]);
    await started();
    expect(readdirSync(workDir)).toHaveLength(1);
    const fromMs = performance.now();
    program.kill('SIGTERM');
    await ended(program, 75);
    expect(performance.now() - fromMs).toBeLessThan(10_000);
    expect(readdirSync(workDir)).toEqual([]);
    expect(hall.results('stopped')).toEqual([]);
  });

  test('works through a folder, and from then on does what comes, until it is told to stop', async ({ expect }) => {
    const folder = hall.path('store');
    hall.recordInFolder(folder, 'first');
    const program = hall.run(['--store', `folder:${folder}`, '--watch', '--watch-seconds', '1']);
    const published = (room: string) =>
      program.lines.includes(`recordings/v1/conf/${room}/opening/manifest.json: published`);
    await until(() => published('first') || undefined, { what: 'the first transcript' });
    hall.recordInFolder(folder, 'second');
    await until(() => published('second') || undefined, { what: 'the second transcript' });
    expect([hall.read('first', folder), hall.read('second', folder)]).not.toContain(null);
    program.kill('SIGTERM');
    await ended(program, 0);
  });
});

describe('with a store that is not well', () => {
  const rooms = ['refused', 'busy', 'full', 'lying', 'spoilt', 'slow', 'cut', 'lost', 'corrupt', 'healthy'] as const;
  const made = new Map<string, MadeRecording>();
  const told = (output: string, room: string) =>
    output.split('\n').find((line) => line.startsWith(`recordings/v1/conf/${room}/`));

  test('a run over all says of each what is wrong with it, and none of them hinders another', async () => {
    for (const room of rooms) made.set(room, hall.record(room));
    hall.standIn.held.objects.delete(`${made.get('corrupt')?.manifest.parts[0]?.key}`);
    hall.standIn.fail({ kind: 'refuse', key: 'transcripts/v1/conf/refused/', on: ['PutObject'] });
    hall.standIn.fail({ kind: 'busy', key: 'transcripts/v1/conf/busy/', on: ['PutObject'] });
    hall.standIn.fail({ kind: 'full', key: 'transcripts/v1/conf/full/', on: ['PutObject'] });
    hall.standIn.fail({ kind: 'lie', key: 'transcripts/v1/conf/lying/', on: ['PutObject'] });
    hall.standIn.fail({ kind: 'spoil', key: 'recordings/v1/conf/spoilt/opening/part', on: ['GetObject'] });
    hall.standIn.fail({ kind: 'slow', ms: 60, key: 'conf/slow/' });
    hall.standIn.fail({ kind: 'cut', times: 1, key: 'recordings/v1/conf/cut/opening/part', on: ['GetObject'] });
    hall.standIn.fail({ kind: 'lost', times: 1, key: 'transcript.json', on: ['PutObject'] });
    const program = hall.run(['--all']);
    await ended(program, 75);
    const { output } = program;
    for (const room of ['refused', 'busy', 'full', 'lying', 'spoilt', 'corrupt']) {
      expect(told(output, room), room).toMatch(/: .+\. [A-Z].+\.$/);
      expect(hall.read(room), room).toBeNull();
    }
    for (const room of ['slow', 'cut', 'lost', 'healthy']) expect(told(output, room), room).toMatch(/: published$/);
    expect(hall.results('corrupt')).toEqual(['failed.json']);
    for (const room of ['refused', 'busy', 'full', 'spoilt']) expect(hall.results(room), room).toEqual([]);
  });

  test('and once it is well again, every talk has its transcript, or its failure', async () => {
    hall.standIn.heal();
    const program = hall.run(['--all']);
    await ended(program, 65);
    for (const room of rooms) {
      expect(hall.results(room), room).toEqual([room === 'corrupt' ? 'failed.json' : 'transcript.json']);
      expect(hall.read(room) === null, room).toBe(room === 'corrupt');
    }
    expect(told(program.output, 'corrupt')).toContain('failed before');
    expect(told(program.output, 'healthy')).toBeUndefined();
  });
});
