import { randomUUID } from 'node:crypto';
import { bytesPerSample, sampleRate } from '../../relay/protocol.js';
import { DeviceCore, eventually, temporaryFolder } from '../harness/device-core.ts';
import { worstLag } from '../harness/lag.ts';
import { refused, talkThrough } from '../harness/link-faults.ts';
import type { Bench, BenchSettings } from './bench.ts';
import { median, spread } from './figures.ts';
import { build, RunningTarget } from './targets.ts';

/** Outages that are sat out. */
const realOutagesMs = [8000, 30_000, 60_000];
/** Outages of which only the backlog is made, at once; of the longest a part is carried and the rest reckoned. */
const backlogMinutes = [2, 10, 60];
const maxCarrySeconds = 40;
const stepBlocks = 600;
const blocksPerMinute = 600;

interface Recovery {
  readonly reconnectMs: number;
  /** Of words spoken since the kit is back. */
  readonly liveLagMs: number;
  /** From the link's return until the last word of the outage is in a caption. */
  readonly captionedMs: number;
}

/** A talk on the real path, with an outage in the middle. */
async function recover(outageMs: number): Promise<Recovery> {
  const steps: (() => Promise<void>)[] = [];
  try {
    const { talk, failedAtMs, returnedAtMs } = await talkThrough(refused, outageMs, {
      afterMs: outageMs + 15_000,
      cleanUp: (step) => steps.push(step),
    });
    const connectedAtMs = await talk.connected(returnedAtMs - 20);
    await talk.played(outageMs * 3 + 60_000);
    await talk.captioned();
    const missed = talk.lags().filter((lag) => lag.spokenAtMs > failedAtMs && lag.spokenAtMs < connectedAtMs);
    return {
      reconnectMs: connectedAtMs - returnedAtMs,
      liveLagMs: worstLag(talk.lags(), connectedAtMs),
      captionedMs: Math.max(...missed.map(({ spokenAtMs, lagMs }) => spokenAtMs + lagMs)) - returnedAtMs,
    };
  } finally {
    for (const step of steps) await step();
  }
}

/** A device with so much backlog on its disk meets the relay: seconds of audio stored per second. */
async function carry(relay: RunningTarget, minutes: number): Promise<number> {
  const folder = temporaryFolder();
  const room = `room-${minutes}-${randomUUID().slice(0, 8)}`;
  const { publish } = await relay.room(room);
  const core = new DeviceCore({ relay: relay.address, room, dataDir: folder.path, token: publish });
  try {
    core.start({ connect: false });
    const blocks = minutes * blocksPerMinute;
    for (let done = 0; done < blocks; done += stepBlocks) {
      core.capture(Math.min(stepBlocks, blocks - done));
      core.aheadMs += 5000; // the disk takes what was not stored for two seconds
      const bytes = (done * sampleRate * bytesPerSample) / 10;
      await eventually(() => core.buffer.health().diskBytes >= bytes, 'the backlog on the disk');
    }
    const before = core.buffer.health().backlogMs;
    const startedMs = performance.now();
    core.uplink.start();
    await eventually(
      () => core.buffer.health().backlogMs < 1000 || performance.now() - startedMs > maxCarrySeconds * 1000,
      'the backlog at the relay',
      maxCarrySeconds * 2000,
    );
    return (before - core.buffer.health().backlogMs) / (performance.now() - startedMs);
  } finally {
    await core.stop();
    folder.remove();
  }
}

async function run({ rounds, tell }: BenchSettings) {
  const recoveries = new Map<number, Recovery[]>();
  for (const outageMs of realOutagesMs) {
    const runs: Recovery[] = [];
    for (let round = 1; round <= rounds; round++) {
      tell(`recovery: outage of ${outageMs / 1000} s, run ${round} of ${rounds}`);
      runs.push(await recover(outageMs));
    }
    recoveries.set(outageMs, runs);
  }
  build();
  const rates = new Map<number, number>();
  const relay = await RunningTarget.relay('installed');
  try {
    for (const minutes of backlogMinutes) {
      tell(`recovery: backlog of ${minutes} min`);
      rates.set(minutes, await carry(relay, minutes));
    }
  } finally {
    await relay.stop();
  }
  const seconds = (runs: readonly Recovery[], of: keyof Recovery) => spread(runs.map((each) => each[of] / 1000));
  const all = [...recoveries.values()].flat();
  return {
    tables: [
      {
        title: `Recovery after an outage, in s since the link's return, ${rounds} runs; min / median / max`,
        columns: ['outage', 'kit is back', 'live words late by, from then on', 'missed words captioned'],
        rows: [...recoveries].map(([outageMs, runs]) => [
          `${outageMs / 1000} s`,
          seconds(runs, 'reconnectMs'),
          seconds(runs, 'liveLagMs'),
          seconds(runs, 'captionedMs'),
        ]),
      },
      {
        title: 'Backlog from the disk of a kit to the disk of the relay, on loopback',
        columns: ['backlog', 'seconds of audio a second', 'all stored after'],
        rows: [...rates].map(([minutes, rate]) => [
          `${minutes} min`,
          rate.toFixed(1),
          `${((minutes * 60) / rate).toFixed(0)} s`,
        ]),
        note: `What takes longer than ${maxCarrySeconds} s is measured for so long and reckoned from there. The relay asks kits for at most 20.`,
      },
    ],
    aims: [
      {
        what: 'words spoken after an outage, once the kit is back, worst lag',
        figure: Math.max(...all.map(({ liveLagMs }) => liveLagMs / 1000)),
        below: 3,
        unit: 's',
      },
      {
        what: 'kit back after an outage',
        figure: median(all.map(({ reconnectMs }) => reconnectMs / 1000)),
        below: 3,
        unit: 's',
      },
    ],
  };
}

export const recovery: Bench = {
  name: 'recovery',
  summary: 'how long live captions and the missed words take after outages of 8 s to 1 h',
  run,
};
