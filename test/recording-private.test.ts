/** What is stored beside a talk whose room has private data taken out. Costs less than a second. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { liveTranscript } from '../relay/canonical/contract.ts';
import { temporaryFolder } from './harness/programs.ts';
import { noise } from './harness/random.ts';
import { filesBelow, RecordedHall } from './harness/recorded-hall.ts';
import { secretsIn } from './harness/secret-search.ts';

const start = 1_796_110_200_000;
const stream = '00000000-0000-4000-8000-00000000000a';
const said = ['my card is 4242 4242 4242', '4242, and write to ada@example.org', 'thank you'];
const secrets = ['4242 4242 4242 4242', '4242 4242', 'ada@example.org'];

test.each([true, false])(
  'the live captions that go to the store hold private data where it may stay: redact %s',
  async (redact) => {
    const { path, remove } = temporaryFolder();
    onTestFinished(remove);
    let now = start;
    const hall = new RecordedHall({ folder: path, now: () => now, limits: { partSamples: 32_000 } });
    onTestFinished(() => hall.stop());
    await hall.start();
    hall.rooms.put('hall', { recording: { on: true, redact, engine: null } });
    hall.talks.put('hall', { id: 'opera', title: 'Opera', speakers: [], language: null, start, end: start + 3000 });
    hall.archive.tick();
    await hall.play(stream, start, noise(7, 96_000));
    said.forEach((text, i) => {
      const times = { start: start + i * 1000, end: start + i * 1000 + 900, from: i * 16_000, to: i * 16_000 + 14_400 };
      hall.log.append({ text, language: 'en-US', speaker: null, late: false, stream, ...times });
    });
    now += 3000;
    hall.archive.end('hall');
    await hall.reach('stored');
    const files = filesBelow(join(path, 'store')).map((file) => readFileSync(join(path, 'store', file)));
    const found = files.flatMap((bytes) => secretsIn(bytes, secrets));
    const live = files.flatMap((bytes) => {
      const parsed =
        bytes.subarray(0, 1).toString() === '{' ? liveTranscript.safeParse(JSON.parse(bytes.toString())) : null;
      return parsed?.data?.captions.map(({ text }) => text) ?? [];
    });
    expect(live).toHaveLength(3);
    expect(live[2]).toBe('thank you');
    if (redact) expect(found).toEqual([]);
    else expect(live).toEqual(said);
  },
);
