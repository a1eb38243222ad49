import { once } from 'node:events';
import type { Caption } from '../../relay/protocol.js';
import { numbersOf } from './lag.ts';
import { kitEnvironment, type OtherKit } from './other-kit.ts';
import { PulseRig } from './pulse.ts';
import { Talk, type TalkOptions } from './talk.ts';
import { until } from './until.ts';

export interface MixerTalk {
  readonly talk: Talk;
  readonly rig: PulseRig;
  /** The talk is over: the file has been played into the mixer. */
  readonly over: Promise<unknown>;
}

export const mixerArgs = ['--source-rate', '16000', '--source-channels', '1'];

/** A talk that is played into a mixer: time goes on while the device is down. It begins once the room listens. */
export async function startMixerTalk(
  options: TalkOptions & { readonly kit?: OtherKit },
  cleanUp: (step: () => Promise<void>) => void,
): Promise<MixerTalk> {
  const rig = await PulseRig.start(process.env);
  cleanUp(() => rig.stop());
  const deviceEnv = { ...rig.env, ...(options.kit ? kitEnvironment(options.kit) : {}) };
  const talk = new Talk({
    ...options,
    source: 'mixer:mixer',
    deviceArgs: [...mixerArgs, ...(options.deviceArgs ?? [])],
    deviceEnv,
  });
  cleanUp(() => talk.stop());
  await talk.start();
  await until(async () => (await talk.room()).live.state === 'listening' || undefined, { what: 'state listening' });
  return { talk, rig, over: once(rig.play(talk.path('talk.wav')), 'exit') };
}

/** Runs of missing numbers: `[first, end)`. */
export function gaps(numbers: readonly number[], count: number): [first: number, end: number][] {
  const seen = new Set(numbers);
  const out: [number, number][] = [];
  for (let number = 0; number < count; number++) {
    if (seen.has(number)) continue;
    const last = out.at(-1);
    if (last && last[1] === number) last[1]++;
    else out.push([number, number + 1]);
  }
  return out;
}

/** The room time at which number 0 began, by the median of what the captions say. */
export function beginningOf(captions: readonly Caption[]): number {
  const all = captions.flatMap((caption) =>
    numbersOf(caption)
      .slice(0, 1)
      .map((number) => caption.start - number * 100),
  );
  return all.sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;
}
