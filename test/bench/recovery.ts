import { randomUUID } from 'node:crypto';
import { bytesPerSample, sampleRate } from '../../relay/protocol.js';
import { DeviceCore, eventually, temporaryFolder } from '../harness/device-core.ts';
import { worstLag } from '../harness/lag.ts';
import { refused, talkThrough } from '../harness/link-faults.ts';
import type { Bench, BenchSettings } from './bench.ts';
import { median, spread } from './figures.ts';
import { RunningTarget } from './targets.ts';

/** Outages that are sat out. */
const realOutagesMs = [8000, 30_000];
/** Outages that are reckoned: of the longest, the backlog is made at once and a part of it carried. */
const reckonedMinutes = [2, 10, 60];
const maxCarrySeconds = 20;
const stepBlocks = 600;
const blocksPerMinute = 600;

interface Recovery {
  readonly outageMs: number;
  readonly reconnectMs: number;
  /** Of words spoken since the link's return. */
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
      outageMs,
      reconnectMs: connectedAtMs - returnedAtMs,
      liveLagMs: worstLag(talk.lags(), returnedAtMs),
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
  tell(`recovery: outages of ${realOutagesMs.map((ms) => ms / 1000).join(' and ')} s, ${rounds} runs of each`);
  const recoveries = await Promise.all(
    realOutagesMs.flatMap((outageMs) => Array.from({ length: rounds }, () => recover(outageMs))),
  );
  const longest = Math.max(...reckonedMinutes);
  tell(`recovery: backlog of ${longest} min`);
  const relay = await RunningTarget.relay('source');
  const storeRate = await carry(relay, longest).finally(() => relay.stop());

  const of = (outageMs: number, figure: keyof Recovery) =>
    recoveries.filter((each) => each.outageMs === outageMs).map((each) => each[figure] / 1000);
  const [short = 0, long = 0] = realOutagesMs;
  const captionedLater = median(of(long, 'captionedMs')) - median(of(short, 'captionedMs'));
  const captionRate = (long - short) / 1000 / captionedLater;
  return {
    tables: [
      {
        title: `Recovery after an outage, in s since the link's return, ${rounds} runs; min / median / max`,
        columns: ['outage', 'kit is back', 'live words late by', 'missed words captioned', 'all stored'],
        rows: [
          ...realOutagesMs.map((outageMs) => [
            `${outageMs / 1000} s`,
            spread(of(outageMs, 'reconnectMs')),
            spread(of(outageMs, 'liveLagMs')),
            spread(of(outageMs, 'captionedMs')),
            '',
          ]),
          ...reckonedMinutes.map((minutes) => [
            `${minutes} min, reckoned`,
            '',
            '',
            ((minutes * 60) / captionRate).toFixed(0),
            ((minutes * 60) / storeRate).toFixed(0),
          ]),
        ],
        note: `Reckoned from the two rates: ${captionRate.toFixed(2)} s of missed words captioned a second (from the outages that were sat out, one room), and ${storeRate.toFixed(1)} s of audio a second from the kit's disk to the relay's (${longest} min of backlog, for ${maxCarrySeconds} s on loopback; relays ask for at most 20).`,
      },
    ],
    aims: [
      {
        what: 'words spoken since the link’s return, worst lag',
        figure: Math.max(...recoveries.map(({ liveLagMs }) => liveLagMs / 1000)),
        below: 3,
        unit: 's',
      },
      {
        what: 'kit back after an outage',
        figure: median(recoveries.map(({ reconnectMs }) => reconnectMs / 1000)),
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
