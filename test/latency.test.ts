import { expect, test } from 'vitest';
import { CaptionLatency, latencyBuckets } from '../relay/latency.ts';
import type { LiveRoom } from '../relay/live.ts';
import type { LogMessage } from '../relay/protocol.js';

/** A room that hands what is logged to whoever listens. */
const makeRoom = () => {
  let logged: (message: LogMessage) => void = () => {};
  const listen: LiveRoom['listen'] = (listener) => {
    logged = listener.logged;
    return () => {};
  };
  return { room: { listen } as LiveRoom, log: (message: LogMessage) => logged(message) };
};

const caption = (end: number, late = false): LogMessage => ({
  ...{ type: 'caption', final: true, seq: 1, rev: 0, stream: 's', start: end - 1000, end, from: 0, to: 16_000 },
  ...{ text: 'words', language: 'en-US', speaker: null, late },
});

test('a caption is as late as its end is ago, in seconds', () => {
  const latency = new CaptionLatency(() => 100_000);
  const { room, log } = makeRoom();
  latency.watch(room);
  log(caption(99_600));
  log(caption(98_000));
  log(caption(70_000));
  expect(latency.of(room)).toMatchObject({ count: 3, sumSeconds: expect.closeTo(32.4) });
  expect(latency.of(room).counts).toEqual(latencyBuckets.map((end) => (end < 2 ? 1 : 2)));
});

test('what comes late by design does not count, and a clock that was set back makes nothing early', () => {
  const latency = new CaptionLatency(() => 100_000);
  const { room, log } = makeRoom();
  latency.watch(room);
  log(caption(10_000, true));
  expect(latency.of(room)).toMatchObject({ count: 0, sumSeconds: 0 });
  log(caption(100_003));
  expect(latency.of(room)).toMatchObject({ count: 1, sumSeconds: 0 });
});
