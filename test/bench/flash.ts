import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesPerSample, sampleRate } from '../../relay/protocol.js';
import { FakeRelay } from '../harness/fake-relay.ts';
import { outage } from '../harness/outage-run.ts';
import { temporaryFolder } from '../harness/programs.ts';
import { isOnDisk, writtenBytes } from '../harness/written.ts';
import type { Bench, BenchSettings } from './bench.ts';
import { MeasuredProgram } from './program.ts';

const warmUpMs = 5000;
const healthySeconds = 60;
const outageSeconds = 3600;
/** From a frame's arrival until the relay has synced it and said so. */
const ackDelayMs = 700;
/** Rounds of 100 s after which memory has taken its size. */
const settledRounds = 5;
const bytesPerSecond = sampleRate * bytesPerSample;

/** Bytes written for each byte of audio while the relay stores all. */
async function healthy(): Promise<number> {
  const relay = new FakeRelay();
  relay.ackDelayMs = ackDelayMs;
  await relay.start();
  const folder = temporaryFolder();
  const tokenFile = join(folder.path, 'token');
  writeFileSync(tokenFile, 'pub_bench', { mode: 0o600 });
  const args = ['--relay', relay.url, '--room', 'aula', '--token-file', tokenFile];
  const program = new MeasuredProgram('device/main.ts', [...args, '--data-dir', folder.path, '--source', 'tone']);
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  try {
    await relay.until(() => relay.frames.length > 0, 'the first frame');
    await wait(warmUpMs);
    const before = writtenBytes(program.pid);
    await wait(healthySeconds * 1000);
    return (writtenBytes(program.pid) - before) / (healthySeconds * bytesPerSecond);
  } finally {
    await program.stop();
    await relay.stop();
    folder.remove();
  }
}

async function run({ tell }: BenchSettings) {
  tell(
    `flash: ${healthySeconds} s of a healthy device, and an outage of ${outageSeconds / 60} min in accelerated time`,
  );
  const counts = isOnDisk();
  const [well, { flash, megabytes }] = await Promise.all([healthy(), outage(outageSeconds)]);
  const perHour = (share: number) => (share * bytesPerSecond * 3600) / 1e6;
  const rows = [
    [`all well, relay confirms after ${ackDelayMs / 1000} s`, well],
    [`outage of ${outageSeconds / 60} min`, flash],
  ] as const;
  return {
    tables: [
      {
        title: 'What the device writes to flash',
        columns: ['', 'MB an hour', 'bytes for each byte of audio'],
        rows: rows.map(([name, share]) => [name, perHour(share).toFixed(1), share.toFixed(3)]),
        note: counts
          ? `The healthy hour is reckoned from ${healthySeconds} s; the outage is real in its bytes, not in its time; memory went from ${megabytes[settledRounds]} to ${megabytes.at(-1)} MB in it.`
          : 'The folder of temporary files is no disk: these figures say nothing.',
      },
    ],
    aims: [
      {
        what: 'flash writes of a healthy device',
        figure: counts ? perHour(well) : Number.NaN,
        below: 5,
        unit: 'MB/h',
      },
      {
        what: 'flash writes in an outage',
        figure: counts ? flash : Number.NaN,
        below: 3,
        unit: 'times the audio',
      },
    ],
  };
}

export const flash: Bench = {
  name: 'flash',
  summary: 'what the device writes to its disk, in a healthy hour and in an outage',
  run,
};
