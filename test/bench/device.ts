import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeRelay } from '../harness/fake-relay.ts';
import { temporaryFolder } from '../harness/programs.ts';
import { PulseRig } from '../harness/pulse.ts';
import { writeWav } from '../harness/wav.ts';
import type { Bench, BenchSettings } from './bench.ts';
import { median, spread } from './figures.ts';
import { MeasuredProgram } from './program.ts';
import { build, type Form, programFile } from './targets.ts';
import { type Stretch, watchUsage } from './usage.ts';

const rateHz = 48000;
const channels = 2;
const speechSeconds = 20;
const warmUpMs = 3000;

interface Run extends Stretch {
  /** From the start of the process to the first frame at the relay. */
  readonly firstFrameMs: number;
}

/** Something like speech: a voice of many harmonics in syllables and phrases, with pauses; other noise on each channel. */
function speech(): Int16Array {
  const samples = new Int16Array(speechSeconds * rateHz * channels);
  let noise = 1;
  for (let i = 0; i < speechSeconds * rateHz; i++) {
    const t = i / rateHz;
    const syllable = Math.max(0, Math.sin(2 * Math.PI * 4 * t)) * (t % 5 < 4 ? 1 : 0);
    const pitch = 2 * Math.PI * (120 * t + Math.sin(2 * Math.PI * 0.7 * t) * 3);
    let voice = 0;
    for (let harmonic = 1; harmonic <= 12; harmonic++) voice += Math.sin(pitch * harmonic) / harmonic;
    for (let channel = 0; channel < channels; channel++) {
      noise = (noise * 1103515245 + 12345) & 0x7fffffff;
      samples[i * channels + channel] = Math.round(5000 * voice * syllable + (noise / 0x7fffffff - 0.5) * 60);
    }
  }
  return samples;
}

async function measure(form: Form, source: string, env: NodeJS.ProcessEnv, seconds: number): Promise<Run> {
  const relay = new FakeRelay();
  await relay.start();
  const folder = temporaryFolder();
  const tokenFile = join(folder.path, 'token');
  writeFileSync(tokenFile, 'pub_bench', { mode: 0o600 });
  const startedMs = performance.now();
  const program = new MeasuredProgram(
    programFile('device', form),
    ['--relay', relay.url, '--room', 'aula', '--token-file', tokenFile, '--data-dir', folder.path, '--source', source],
    { env },
  );
  try {
    await relay.until(() => relay.frames.length > 0, 'the first frame');
    const firstFrameMs = (relay.frames[0]?.atMs ?? Number.NaN) - startedMs;
    await new Promise((resolve) => setTimeout(resolve, warmUpMs));
    return { ...(await watchUsage(program.pid, seconds)), firstFrameMs };
  } finally {
    await program.stop();
    await relay.stop();
    folder.remove();
  }
}

/** A sound card that hears the file again and again; null where there is no PulseAudio. */
async function mixer(wav: string): Promise<{ env: NodeJS.ProcessEnv; stop(): Promise<void> } | null> {
  let rig: PulseRig;
  try {
    rig = await PulseRig.start(process.env, { rateHz, channels, prompt: true });
  } catch {
    return null;
  }
  let playing = true;
  const play = () => {
    if (playing) rig.play(wav).once('exit', play);
  };
  play();
  return {
    env: rig.env,
    stop: () => {
      playing = false;
      return rig.stop();
    },
  };
}

async function run({ seconds, rounds, tell }: BenchSettings) {
  build();
  const folder = temporaryFolder();
  const wav = join(folder.path, 'speech.wav');
  writeWav(wav, speech(), { rateHz, channels });
  const runs = new Map<string, Run[]>();
  const forms = ['installed', 'source'] as const;
  const card = await mixer(wav);
  try {
    for (let round = 1; round <= rounds; round++)
      for (const form of forms)
        for (const kind of ['wav', 'mixer'] as const) {
          if (kind === 'mixer' && !card) continue;
          const name = `${kind}, ${form === 'installed' ? 'installed form' : 'from TypeScript'}`;
          tell(`device: ${name}, run ${round} of ${rounds}`);
          const made =
            kind === 'wav'
              ? await measure(form, `wav:${wav}?loop=1`, {}, seconds)
              : await measure(form, 'mixer:mixer', card?.env ?? {}, seconds);
          runs.set(name, [...(runs.get(name) ?? []), made]);
        }
  } finally {
    await card?.stop();
    folder.remove();
  }
  const installed = [...runs].filter(([name]) => name.includes('installed')).flatMap(([, each]) => each);
  const most = (pick: (run: Run) => number) => Math.max(...installed.map(pick));
  const cards = runs.get('mixer, installed form') ?? runs.get('wav, installed form') ?? [];
  return {
    tables: [
      {
        title: `Device, ${rateHz / 1000} kHz stereo, ${rounds} runs of ${seconds} s; min / median / max`,
        columns: ['', 'CPU % of the tree', 'RSS MiB, main process', 'PSS MiB, whole tree', 'start to first frame ms'],
        rows: [...runs].map(([name, each]) => [
          name,
          spread(each.map(({ cpuPercent }) => cpuPercent)),
          spread(each.map(({ rssMib }) => rssMib)),
          spread(each.map(({ pssMib }) => pssMib)),
          spread(
            each.map(({ firstFrameMs }) => firstFrameMs),
            0,
          ),
        ]),
        ...(card ? {} : { note: 'No PulseAudio here: the mixer was not measured.' }),
      },
    ],
    aims: [
      {
        what: 'device RSS, main process, installed form',
        figure: most(({ rssMib }) => rssMib),
        below: 90,
        unit: 'MiB',
      },
      {
        what: 'device, start to the first frame at the relay, installed form',
        figure: most(({ firstFrameMs }) => firstFrameMs),
        below: 1500,
        unit: 'ms',
      },
      {
        what: 'device CPU of one core, sound card, installed form',
        figure: median(cards.map(({ cpuPercent }) => cpuPercent)),
        below: 3,
        unit: '%',
      },
      { what: 'device PSS, whole tree, installed form', figure: most(({ pssMib }) => pssMib), below: 130, unit: 'MiB' },
    ],
  };
}

export const device: Bench = {
  name: 'device',
  summary: 'CPU, memory and start of the device with a file and with a sound card',
  run,
};
