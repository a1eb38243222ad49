import { describe, test } from 'vitest';
import { worstLag } from './harness/lag.ts';
import { Talk } from './harness/talk.ts';
import { finished, verdictOf, whole } from './harness/verdict.ts';
import type { Fault } from './stand-ins/transcribe-faults.ts';

/** A live caption comes no later than this once the failure has been noticed. */
const maxLagMs = 5000;

const failure = { kind: 'exception', name: 'InternalFailureException', message: 'A problem occurred.' } as const;
/** A fault, and how long it may take to be noticed. */
const faults: [name: string, fault: Fault, maxNoticeMs: number][] = [
  // Nothing but words that do not come tells either: 5 s of them, and the opening of the session that does say them.
  ['by saying nothing more', { kind: 'silent', when: 'start' }, 8000],
  ['with an exception', { ...failure, when: 'start' }, 2000],
  ['with a reset', { kind: 'reset', when: 'start' }, 2000],
  ['with its connection', { kind: 'destroy', when: 'start' }, 2000],
  ['by an end nobody asked for', { kind: 'end', when: 'start' }, 2000],
  ['by taking no more audio', { kind: 'stop-reading', when: 'start' }, 8000],
];

describe.concurrent('a talk whose engine session fails', { timeout: 150_000 }, () => {
  test.for(faults)(
    '%s is whole, each word once, and captions are back',
    async ([name, fault, maxNoticeMs], { expect, onTestFinished }) => {
      const talk = new Talk({ numbers: fault.kind === 'stop-reading' ? 280 : 180, segmentWords: 5 });
      onTestFinished(() => talk.stop());
      await talk.start();
      await talk.said(40);
      talk.standIn.sessions.findLast(({ over }) => !over)?.strike(fault);
      const failedAtMs = performance.now();
      expect(await finished(talk, 60_000)).toBe(0);
      expect(await verdictOf(talk, `engine ${name}`)).toEqual(whole);
      expect(talk.standIn.sessions.length).toBeGreaterThan(1);
      expect(worstLag(talk.lags(), failedAtMs + maxNoticeMs)).toBeLessThan(maxLagMs);
    },
  );
});
