import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeRelay } from '../harness/fake-relay.ts';
import { brokenOf, gapsOf, Inside, type Seen } from '../harness/inside-view.ts';
import { MachineFaults } from '../harness/machine-faults.ts';
import { temporaryFolder } from '../harness/programs.ts';
import { bareNode, lateness } from './bare-node.ts';
import type { Bench, BenchSettings } from './bench.ts';
import { quantile } from './figures.ts';
import { MeasuredProgram } from './program.ts';

const warmUpMs = 3000;
const syncMs = 2000;
/** Of a case, times the length of a run: its percentiles rest on ten frames a second. */
const runs = 2;

/** A device from within; `isAlone`: its relay is gone, so that all is spilled; `faults`: each sync of its disk takes so long. */
async function measure(seconds: number, isAlone: boolean, faults: MachineFaults | null): Promise<Seen> {
  const relay = new FakeRelay();
  await relay.start();
  const folder = temporaryFolder();
  const inside = new Inside('inside-device');
  const tokenFile = join(folder.path, 'token');
  writeFileSync(tokenFile, 'pub_bench', { mode: 0o600 });
  const args = ['--relay', relay.url, '--room', 'aula', '--token-file', tokenFile];
  const program = new MeasuredProgram('device/main.ts', [...args, '--data-dir', folder.path, '--source', 'tone'], {
    env: { ...inside.env, ...faults?.env },
  });
  try {
    await relay.until(() => relay.frames.length > 0, 'the first frame');
    if (isAlone) await relay.stop();
    faults?.syncTakes(syncMs);
    await new Promise((resolve) => setTimeout(resolve, warmUpMs));
    return await inside.watch(program.pid, seconds);
  } finally {
    faults?.syncTakes(0);
    await program.stop();
    if (!isAlone) await relay.stop();
    folder.remove();
    inside.remove();
  }
}

async function run({ seconds, tell }: BenchSettings) {
  const folder = temporaryFolder();
  const faults = MachineFaults.make(join(folder.path, 'faults'));
  const length = seconds * runs;
  const cases: [string, () => Promise<Seen>][] = [
    ['bare Node, a timer each 100 ms', () => bareNode(length)],
    ['device, all well', () => measure(length, false, null)],
    ['device, relay gone', () => measure(length, true, null)],
    [`device, relay gone, each sync takes ${syncMs / 1000} s`, () => measure(length, true, faults)],
  ];
  if (!faults) cases.pop();
  const seen: [string, Seen][] = [];
  try {
    for (const [name, look] of cases) {
      tell(`stalls: ${name}`);
      seen.push([name, await look()]);
    }
  } finally {
    folder.remove();
  }
  const base = seen[0]?.[1].loopMs.p99 ?? Number.NaN;
  const stalled = faults ? seen.at(-1)?.[1] : undefined;
  return {
    tables: [
      {
        title: `Inside the device, ${length} s each`,
        columns: [
          '',
          'frames',
          'lost or out of order',
          'between two frames ms, p50 / p99 / max',
          'event loop late ms, p50 / p99 / max',
          'p99 of bare Node’s',
        ],
        rows: seen.map(([name, each]) => {
          const gaps = gapsOf(each);
          return [
            name,
            String(each.frames.length),
            String(brokenOf(each)),
            [quantile(gaps, 0.5), quantile(gaps, 0.99), Math.max(...gaps)].map((ms) => ms.toFixed(0)).join(' / '),
            lateness(each),
            `${(each.loopMs.p99 / base).toFixed(1)} x`,
          ];
        }),
        ...(faults ? {} : { note: 'No C compiler here: the slow disk was not measured.' }),
      },
    ],
    aims: [
      {
        what: 'worst gap between two frames, disk stalled, relay gone',
        figure: stalled ? Math.max(...gapsOf(stalled)) : Number.NaN,
        below: 500,
        unit: 'ms',
      },
    ],
  };
}

export const stalls: Bench = {
  name: 'stalls',
  summary: 'gaps between frames and event loop of the device, without relay and with a stalled disk',
  run,
};
