import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Framer } from '../device/framer.ts';
import { MixerSource } from '../device/sources/mixer.ts';
import type { SourceFormat, SourceState } from '../device/sources/source.ts';
import { frameOriginMs, originOf } from './harness/timed-sound.ts';
import { type Absence, VirtualMixer } from './harness/virtual-mixer.ts';

/** Promised to whoever plugs and unplugs. */
const noticedWithinMs = 1500;
const capturedWithinMs = 3000;
const maxHoleErrorMs = 100;

const log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

interface Gone {
  /** It comes and goes before, as with a loose plug. */
  readonly flaps?: readonly { readonly thereMs: number; readonly goneMs: number }[];
  readonly goneMs: number;
  /** How long it was captured before. */
  readonly beforeMs?: number;
  readonly absence?: Absence;
  readonly back?: SourceFormat;
  readonly processStartMs?: number;
}

interface Seen {
  readonly noticedMs: number;
  readonly capturedMs: number;
  readonly holeErrorMs: number;
  readonly holes: number;
  readonly starts: number;
  readonly faults: string[];
}

const mono16k: SourceFormat = { rateHz: 16_000, channels: 1 };

/** The first audio of all is held back for a while. */
const startMs = 2000;

/** Unplugs a mixer that is captured, and plugs it in again. */
async function unplug({
  flaps = [],
  goneMs,
  beforeMs = 5000,
  absence = 'unlisted',
  back = mono16k,
  processStartMs = 300,
}: Gone): Promise<Seen> {
  const mixer = new VirtualMixer();
  mixer.processStartMs = processStartMs;
  const source = new MixerSource({ name: 'mixer', log, execPath: '' }, () => mixer.makeProcess());
  const states: { readonly atMs: number; readonly state: SourceState }[] = [];
  const frames: { readonly atMs: number; readonly originMs: number }[] = [];
  const pieces: { readonly from: number; readonly to: number }[] = [];
  let holes = 0;
  const framer = new Framer({
    take: 'mix',
    channels: 1,
    onState: (state) => states.push({ atMs: performance.now(), state }),
    listener: {
      frame: (position, audio) => {
        const samples = audio.length / 2;
        const atMs = performance.now();
        // Positions are a true clock: when each sample sounded tells when position 0 must have been.
        frames.push({ atMs, originMs: frameOriginMs(position, audio, atMs) });
        pieces.push({ from: position, to: position + samples });
      },
      hole: (from, to) => {
        holes++;
        pieces.push({ from, to });
      },
      anchor: () => {},
    },
  });
  await framer.start();
  source.start(framer);
  await vi.advanceTimersByTimeAsync(processStartMs + startMs);
  const first = originOf(frames.slice(0, 3));
  for (const { thereMs, goneMs } of flaps) {
    mixer.unplug(absence);
    await vi.advanceTimersByTimeAsync(goneMs);
    mixer.plugIn();
    await vi.advanceTimersByTimeAsync(thereMs);
  }
  await vi.advanceTimersByTimeAsync(beforeMs);
  const unpluggedMs = performance.now();
  const holesBefore = holes;
  mixer.unplug(absence);
  await vi.advanceTimersByTimeAsync(goneMs);
  const pluggedInMs = performance.now();
  mixer.plugIn(back);
  await vi.advanceTimersByTimeAsync(10_000);
  const noticed = states.find(({ atMs, state }) => atMs >= unpluggedMs && state.state === 'fault');
  const capturing = states.findLast(({ state }) => state.state === 'capturing');
  const again = frames.find(({ atMs }) => atMs > unpluggedMs + 1 && atMs >= (capturing?.atMs ?? Infinity));
  framer.flush();
  await source.stop();
  expect(pieces.every(({ from }, i) => from === (pieces[i - 1]?.to ?? 0))).toBe(true);
  return {
    noticedMs: (noticed?.atMs ?? Infinity) - unpluggedMs,
    capturedMs: (again?.atMs ?? Infinity) - pluggedInMs,
    holeErrorMs: originOf(frames.slice(-4, -1)) - first,
    holes: holes - holesBefore,
    starts: mixer.starts,
    faults: states.flatMap(({ state }) => (state.state === 'fault' ? [state.fault.code] : [])),
  };
}

function expectAsPromised({ noticedMs, capturedMs, holeErrorMs, holes }: Seen): void {
  expect(holes).toBe(1);
  expect(noticedMs).toBeLessThan(noticedWithinMs);
  expect(capturedMs).toBeLessThan(capturedWithinMs);
  expect(Math.abs(holeErrorMs)).toBeLessThan(maxHoleErrorMs);
}

test.each([
  [1, 'as it was', mono16k],
  [1, 'at another rate', { rateHz: 48_000, channels: 1 }],
  [30, 'as it was', mono16k],
  [30, 'at another rate', { rateHz: 44_100, channels: 1 }],
  [30, 'with other channels', { rateHz: 48_000, channels: 6 }],
  [3600, 'as it was', mono16k],
])(
  'a mixer that was gone for %i s and is back %s is captured at once, after a hole as long as that',
  async (s, _, back) => {
    expectAsPromised(await unplug({ goneMs: s * 1000, back }));
  },
);

test('however long, often and however a mixer is away, it is noticed and captured again in time, and the hole is right', async () => {
  const worst = { noticedMs: 0, capturedMs: 0, holeErrorMs: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        flaps: fc.array(
          fc.record({ thereMs: fc.integer({ min: 0, max: 5000 }), goneMs: fc.integer({ min: 0, max: 5000 }) }),
          {
            maxLength: 5,
          },
        ),
        goneMs: fc.integer({ min: 50, max: 40_000 }),
        beforeMs: fc.integer({ min: 3000, max: 20_000 }),
        absence: fc.constantFrom<Absence>('unlisted', 'refuses', 'crashes'),
        back: fc.constantFrom({ rateHz: 16_000, channels: 1 }, { rateHz: 44_100, channels: 2 }),
        processStartMs: fc.integer({ min: 50, max: 900 }),
      }),
      async (gone) => {
        const seen = await unplug(gone);
        worst.noticedMs = Math.max(worst.noticedMs, seen.noticedMs);
        worst.capturedMs = Math.max(worst.capturedMs, seen.capturedMs);
        worst.holeErrorMs = Math.max(worst.holeErrorMs, Math.abs(seen.holeErrorMs));
        expectAsPromised(seen);
      },
    ),
    { numRuns: 60, endOnFailure: true },
  );
  process.stderr.write(`worst, in virtual time: ${JSON.stringify(worst)}\n`);
});
