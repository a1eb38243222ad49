import { describe, test } from 'vitest';
import { worstLag } from './harness/lag.ts';
import { Talk } from './harness/talk.ts';
import { finished, verdictOf, whole } from './harness/verdict.ts';
import type { Fault } from './stand-ins/transcribe-faults.ts';

/** From the failure on: noticing it, another session, and what was not answered in order again. */
const maxLagMs = 5000;

const faults: [string, Fault][] = [
  [
    'with an exception',
    { kind: 'exception', name: 'InternalFailureException', message: 'A problem occurred.', when: 'start' },
  ],
  ['with a reset', { kind: 'reset', when: 'start' }],
  ['with its connection', { kind: 'destroy', when: 'start' }],
  ['by an end nobody asked for', { kind: 'end', when: 'start' }],
  ['by taking no more audio', { kind: 'stop-reading', when: 'start' }],
  ['by saying nothing more', { kind: 'silent', when: 'start' }],
];

describe.concurrent('a talk whose engine session fails', { timeout: 150_000 }, () => {
  test.for(faults)(
    '%s is whole, each word once, and captions are back',
    async ([name, fault], { expect, onTestFinished }) => {
      const talk = new Talk({ numbers: 250, segmentWords: 5 });
      onTestFinished(() => talk.stop());
      await talk.start();
      await talk.said(40);
      talk.standIn.sessions.findLast(({ over }) => !over)?.strike(fault);
      const failedAtMs = performance.now();
      expect(await finished(talk, 60_000)).toBe(0);
      expect(await verdictOf(talk, `engine ${name}`)).toEqual(whole);
      expect(talk.standIn.sessions.length).toBeGreaterThan(1);
      expect(worstLag(talk.lags(), failedAtMs + 10_000)).toBeLessThan(maxLagMs);
    },
  );
});
