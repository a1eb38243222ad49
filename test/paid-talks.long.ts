import { describe, test } from 'vitest';
import { type Part, paidTalk } from './harness/paid-talk.ts';
import { whole } from './harness/verdict.ts';

const rotating = ['--max-session-seconds', '20', '--rest-after', '0'];
/** A lively talk: words for 4 s, a breath. */
const lively = (seconds: number): Part[] =>
  Array.from({ length: seconds / 5 }, (): Part[] => [
    ['speech', 4],
    ['silence', 1],
  ]).flat();
const stretches: [name: string, parts: readonly Part[]][] = [
  ['with pauses', lively(600)],
  ['whose pause never comes', [['speech', 600]]],
  [
    'whose silence does not end',
    [
      ['speech', 10],
      ['silence', 580],
      ['speech', 10],
    ],
  ],
];
/** A day, sixty times as fast: talks, breaks, a lunch. */
const day = [60, 20, 60, 40, 50, 90, 60, 20, 60, 40, 60, 40];

describe.concurrent('ten minutes', () => {
  test.for(stretches)(
    '%s, in sessions of 20 s, are whole, each word once and in its place',
    async ([name, parts], { expect, onTestFinished }) => {
      const talk = await paidTalk({
        name: `long rotation ${name}`,
        parts,
        relayArgs: rotating,
        cleanUp: onTestFinished,
      });
      process.stdout.write(
        `${name}: ${talk.sessions.length} sessions, ${Math.max(...talk.sessions).toFixed(1)} s at most\n`,
      );
      expect(talk.verdict).toEqual(whole);
      expect(talk.misplaced).toEqual([]);
      expect(talk.failures).toBe(0);
      expect(talk.sessions.length).toBeGreaterThan(600 / 20);
      expect(Math.max(...talk.sessions)).toBeLessThan(20 + 0.5);
    },
  );

  test('of talks and breaks cost little more than what is spoken, and no first word is missing', async ({
    expect,
    onTestFinished,
  }) => {
    const restSeconds = 5;
    const relayArgs = ['--rest-after', String(restSeconds)];
    const parts = day.flatMap((seconds, i): Part[] => (i % 2 === 0 ? lively(seconds) : [['silence', seconds]]));
    const talk = await paidTalk({ name: 'long rest', parts, relayArgs, cleanUp: onTestFinished });
    const spokenSeconds = day.reduce((sum, seconds, i) => sum + (i % 2 === 0 ? seconds : 0), 0);
    const most = spokenSeconds * 1.05 + (day.length / 2) * (restSeconds + 1 + 15);
    process.stdout.write(
      `${spokenSeconds} s of talks: ${talk.spentSeconds} s paid by the relay's account, ${talk.billedSeconds} s at the stand-in, ${most} s at most\n`,
    );
    expect(talk.verdict).toEqual(whole);
    expect(talk.misplaced).toEqual([]);
    expect(talk.sessions).toHaveLength(day.length / 2);
    expect(talk.billedSeconds).toBeLessThanOrEqual(most);
    expect(talk.spentSeconds).toBeLessThanOrEqual(most);
    expect(Math.abs(talk.spentSeconds - talk.billedSeconds)).toBeLessThanOrEqual(talk.sessions.length);
  });
});
