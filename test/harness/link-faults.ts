import { setTimeout as delay } from 'node:timers/promises';
import type { FaultyProxy } from './proxy.ts';
import { Talk, type TalkOptions } from './talk.ts';

/** Something that happens to the link between kit and relay for that long; resolves when the link is back for good. */
export type LinkFault = (proxy: FaultyProxy, lengthMs: number) => Promise<void>;

/** A pulled cable: connections stand, nothing passes. After 12 s both ends give theirs up. */
export const silent: LinkFault = async (proxy, lengthMs) => {
  proxy.hold(true);
  await delay(lengthMs);
  proxy.hold(false);
};

/** Nobody answers at the relay's address. */
export const refused: LinkFault = async (proxy, lengthMs) => {
  await proxy.refuse(true);
  await delay(lengthMs);
  await proxy.refuse(false);
};

/** How long a single break is when the link flaps. */
export const flapMs = 1500;

/** Every 3 s all connections are reset, and half of the time none can be made. */
export const flapping: LinkFault = async (proxy, lengthMs) => {
  const endMs = performance.now() + lengthMs;
  for (;;) {
    await refused(proxy, flapMs);
    if (performance.now() + flapMs > endMs) return;
    await delay(flapMs);
  }
};

export interface FaultyTalk {
  readonly talk: Talk;
  /** The link was gone from, and is back since; monotonic. */
  readonly failedAtMs: number;
  readonly returnedAtMs: number;
}

export interface TalkThroughOptions {
  /** So much of the talk follows. */
  readonly afterMs: number;
  readonly cleanUp: (step: () => Promise<void>) => void;
  readonly line?: NonNullable<TalkOptions['line']>;
}

/** Starts a talk and, once it is captioned, has that happen to its link. */
export async function talkThrough(
  fault: LinkFault,
  lengthMs: number,
  { afterMs, cleanUp, line }: TalkThroughOptions,
): Promise<FaultyTalk> {
  // Two words a final: what is spoken is final within 0.2 s, so the finals' arrivals are the lag.
  const talk = new Talk({
    numbers: Math.ceil((5000 + lengthMs + afterMs) / 100),
    segmentWords: 2,
    ...(line && { line }),
  });
  cleanUp(() => talk.stop());
  await talk.start();
  await talk.said(30);
  const failedAtMs = performance.now();
  await fault(talk.parts.proxy, lengthMs);
  return { talk, failedAtMs, returnedAtMs: performance.now() };
}
