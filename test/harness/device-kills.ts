import { beginningOf, gaps } from './mixer-talk.ts';
import { inOrderSpoken, judge, type Talk } from './talk.ts';
import { keepEvidence } from './verdict.ts';

/** Of what was captured before the kill, at most this much may be lost. */
export const maxLossMs = 3000;
/** From the start of a device to its first sample of the mixer: five times the 2 s that this machine's sound server takes to give
 * a newcomer its first sound. */
const maxStartMs = 10_000;

export interface Kill {
  readonly atMs: number;
  readonly restartedMs: number;
}

/** Kills the device and starts it again. */
export async function kill(talk: Talk): Promise<Kill> {
  const atMs = Date.now();
  await talk.restartDevice('SIGKILL');
  return { atMs, restartedMs: Date.now() };
}

/** What of a missing stretch a declared gap may leave open at either end: a number is 100 ms, and clocks agree to less. */
const gapToleranceMs = 300;

export const onlyKills = {
  unexplained: [],
  undeclared: [],
  repeated: [],
  backwards: [],
  engineLost: [],
  tooMany: false,
  transcript: true,
};

/** Each kill may have cost one stretch, from shortly before it until the new device hears something. What else is wrong. */
export async function faultsBeside(kills: readonly Kill[], talk: Talk, name: string) {
  const transcript = await talk.transcript();
  const shown = talk.shown();
  const beganMs = beginningOf(transcript);
  const missing = gaps(shown, talk.numbers).map(
    ([first, end]) => [beganMs + first * 100, beganMs + end * 100] as const,
  );
  const unexplained = missing.filter(
    ([from, to]) => !kills.some(({ atMs, restartedMs }) => from >= atMs - maxLossMs && to <= restartedMs + maxStartMs),
  );
  const { gaps: declared } = await talk.parts.relay.call<{ gaps: { start: number; end: number }[] }>(
    'GET',
    '/api/rooms/hall/gaps',
  );
  const undeclared = missing.filter(
    ([from, to]) => !declared.some(({ start, end }) => start <= from + gapToleranceMs && end >= to - gapToleranceMs),
  );
  const { repeated, backwards } = judge(shown, talk.numbers);
  const engineLost = judge(talk.heard(), talk.numbers).lost.filter((number) => shown.includes(number));
  const asShown = JSON.stringify(inOrderSpoken(transcript)) === JSON.stringify(shown);
  const found = {
    unexplained,
    undeclared,
    repeated,
    backwards,
    engineLost,
    tooMany: missing.length > kills.length,
    transcript: asShown,
  };
  if (JSON.stringify(found) !== JSON.stringify(onlyKills))
    await keepEvidence(talk, name, { found, missing, declared, kills, beganMs });
  return found;
}

/** How much before each kill was lost, in ms; 0 where all was kept. */
export function losses(kills: readonly Kill[], talk: Talk): number[] {
  const beganMs = beginningOf(talk.parts.reader.captions());
  const missing = gaps(talk.shown(), talk.numbers);
  return kills.map(({ atMs, restartedMs }) => {
    const gap = missing.find(
      ([first, end]) => beganMs + first * 100 < restartedMs && beganMs + end * 100 > atMs - maxLossMs,
    );
    return gap ? Math.max(0, Math.round(atMs - (beganMs + gap[0] * 100))) : 0;
  });
}
