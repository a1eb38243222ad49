import type { LevelMeter } from './level.ts';

/** Which channels of the card to take, counted from 1; `mix` is the mean of all. */
export type Take = 'mix' | readonly number[];

export interface Mix {
  readonly take: Take;
  /** Channels given out. With 2 and exactly two taken, the first is left and the second right; else both are the mean. */
  readonly channels: 1 | 2;
}

/** The first channel of `take` that a card of `available` channels does not have. */
export function missingChannel(take: Take, available: number): number | undefined {
  return take === 'mix' ? undefined : take.find((channel) => channel > available);
}

/**
 * Takes and mixes interleaved s16le sample frames of `channels` channels; returns interleaved samples in units of s16.
 * A single channel comes out unchanged, bit by bit.
 */
export function mixChannels(bytes: Uint8Array, channels: number, mix: Mix, meter: LevelMeter): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames = Math.floor(bytes.byteLength / 2 / channels);
  const taken =
    mix.take === 'mix' || mix.take.length === 0
      ? Array.from({ length: channels }, (_, i) => i)
      : mix.take.map((channel) => channel - 1);
  const apart = mix.channels === 2 && taken.length === 2;
  const out = new Float32Array(frames * mix.channels);
  let at = 0;
  for (let frame = 0; frame < frames; frame++) {
    let sum = 0;
    for (const channel of taken) {
      const sample = view.getInt16((frame * channels + channel) * 2, true);
      meter.captured(sample);
      sum += sample;
      if (apart) {
        meter.mixed(sample);
        out[at++] = sample;
      }
    }
    if (apart) continue;
    const mean = sum / taken.length;
    meter.mixed(mean);
    for (let i = 0; i < mix.channels; i++) out[at++] = mean;
  }
  return out;
}
