import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { TranscribeStandIn } from '../stand-ins/transcribe.ts';
import { CaptionedHall, HallSpeaker } from './captioned-hall.ts';
import type { Cell } from './engine-cells.ts';
import { numbersOf } from './lag.ts';
import { numberedBlocks } from './numbered-signal.ts';
import { FaultyProxy } from './proxy.ts';
import { ServiceProcess } from './service-process.ts';
import { judge } from './talk.ts';
import { until } from './until.ts';

interface Outcome {
  readonly lost: readonly number[];
  readonly repeated: readonly number[];
  readonly backwards: readonly number[];
  readonly misplaced: readonly string[];
  /** From the service being able to give captions to a new word in the room. */
  readonly backMs: number;
  readonly withinMs: number;
  /** What readers were told, each once. */
  readonly states: readonly string[];
  readonly sessions: number;
  /** Captions that were filled in later, in a session of their own. */
  readonly late: number;
}

/** Plays one cell: a talk with its fault, to the last number's caption. */
async function playCell(cell: Cell): Promise<Outcome> {
  const standIn = new TranscribeStandIn({ limits: { maxSegmentWords: 5, unstableWords: 1, maxStartsPerSecond: 100 } });
  const proxy = new FaultyProxy({ host: '127.0.0.1', port: Number(new URL((await standIn.start()).url).port) });
  await proxy.start();
  await cell.before?.(standIn, proxy);
  const service = cell.isProcess ? new ServiceProcess() : null;
  await service?.start();
  const hall = new CaptionedHall({ url: service?.url ?? `http://127.0.0.1:${proxy.port}`, ...cell.options });
  try {
    const speaker = new HallSpeaker(hall);
    let count = 0;
    const say = async (numbers: number) => {
      const from = count;
      count += numbers;
      await speaker.play(numberedBlocks(from, numbers));
    };
    const { ableAtMs, withinMs } = await cell.talk({ standIn, process: service, proxy, hall, speaker, say });
    speaker.end();
    const isWhole = () => new Set(speaker.captions.flatMap(numbersOf)).size >= count || undefined;
    await until(isWhole, { timeoutMs: 60_000, what: 'every number' }).catch(() => {});
    const spoken = speaker.captions.toSorted((a, b) => a.start - b.start || a.seq - b.seq).flatMap(numbersOf);
    return {
      ...judge(spoken, count),
      misplaced: speaker.misplaced().map(({ text, from, to }) => `${from}-${to}: ${text}`),
      backMs: Math.round((speaker.backAfter(ableAtMs) ?? Number.POSITIVE_INFINITY) - ableAtMs),
      withinMs,
      states: [...new Set(speaker.statuses.map(({ state, message }) => `${state}: ${message}`))],
      sessions: standIn.sessions.length,
      late: speaker.captions.filter(({ late }) => late).length,
    };
  } finally {
    await hall.stop();
    await proxy.stop();
    await standIn.stop();
    await service?.kill();
  }
}

/** Nothing of this machine's own AWS configuration. */
const matrixEnvironment = {
  AWS_ACCESS_KEY_ID: undefined,
  AWS_SECRET_ACCESS_KEY: undefined,
  AWS_PROFILE: undefined,
  AWS_EC2_METADATA_DISABLED: 'true',
};

/** Plays so many at once: each hears, speaks and signs in this one process. */
const atOnce = 12;
/** Between the first of them: a start takes more than a talk. */
const betweenMs = 200;

const wellSession: Cell = {
  name: 'nothing',
  talk: async ({ say }) => {
    await say(5);
    return { ableAtMs: 0, withinMs: 0 };
  },
};

/** Begins to play them all; each is to be had by its name. */
function playCells(chosen: readonly Cell[]): ReadonlyMap<string, Promise<Outcome>> {
  const waiting = [...chosen];
  const played = new Map(chosen.map(({ name }) => [name, Promise.withResolvers<Outcome>()]));
  const playNext = () => {
    const cell = waiting.shift();
    const result = cell && played.get(cell.name);
    if (cell && result) playCell(cell).then(result.resolve, result.reject).finally(playNext);
  };
  for (let i = 0; i < atOnce; i++) setTimeout(playNext, i * betweenMs);
  for (const { promise } of played.values()) promise.catch(() => {}); // told by its own test
  return new Map([...played].map(([name, { promise }]) => [name, promise]));
}

/** A table of tests, one for each cell. */
export function testMatrix(chosen: readonly Cell[]): void {
  let played: ReadonlyMap<string, Promise<Outcome>> = new Map();
  beforeAll(async () => {
    for (const [name, value] of Object.entries(matrixEnvironment)) vi.stubEnv(name, value);
    await playCell(wellSession); // what a relay loads once, for its first room
    played = playCells(chosen);
  });
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  test.each(chosen)('$name: captions are back in time, each word once', async ({ name, shows, isNear }) => {
    const outcome = await played.get(name);
    expect(outcome).toMatchObject({ lost: [], repeated: [], backwards: [], misplaced: [] });
    if (isNear) expect(outcome).toMatchObject({ sessions: 2, late: 0 });
    if (shows) expect(outcome?.states).toContain(shows);
    expect(outcome?.backMs).toBeLessThan(outcome?.withinMs ?? 0);
  });
}
