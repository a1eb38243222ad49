import { describe, test } from 'vitest';
import { type Part, paidTalk } from './harness/paid-talk.ts';
import { whole } from './harness/verdict.ts';

const rotating = ['--max-session-seconds', '20', '--rest-after', '0'];
const pauses: Part[] = Array.from({ length: 12 }, (): Part[] => [
  ['speech', 4],
  ['silence', 1],
]).flat();
const minutes: [name: string, parts: readonly Part[], least: number][] = [
  ['with pauses', pauses, 4],
  ['whose pause never comes', [['speech', 60]], 4],
  [
    'whose silence does not end',
    [
      ['speech', 5],
      ['silence', 48],
      ['speech', 7],
    ],
    4,
  ],
];

describe.concurrent('a minute', { timeout: 150_000 }, () => {
  test.for(minutes)(
    '%s, in sessions of 20 s, is whole, each word once and in its place',
    async ([name, parts, least], { expect, onTestFinished }) => {
      const talk = await paidTalk({ name: `rotation ${name}`, parts, relayArgs: rotating, cleanUp: onTestFinished });
      expect(talk.verdict).toEqual(whole);
      expect(talk.misplaced).toEqual([]);
      expect(talk.failures).toBe(0);
      expect(talk.sessions.length).toBeGreaterThanOrEqual(least);
      expect(Math.max(...talk.sessions)).toBeLessThan(20 + 0.5);
    },
  );

  test('of two talks and their breaks costs little more than what is spoken, and no first word is missing', async ({
    expect,
    onTestFinished,
  }) => {
    const parts: Part[] = [
      ['speech', 14],
      ['silence', 14],
      ['speech', 16],
      ['silence', 14],
      ['speech', 4],
    ];
    const restSeconds = 4;
    const relayArgs = ['--rest-after', String(restSeconds)];
    const talk = await paidTalk({ name: 'rest', parts, relayArgs, cleanUp: onTestFinished });
    expect(talk.verdict).toEqual(whole);
    expect(talk.misplaced).toEqual([]);
    expect(talk.sessions).toHaveLength(3);
    const most = 34 * 1.05 + 2 * (restSeconds + 1 + 15);
    expect(talk.billedSeconds).toBeLessThanOrEqual(most);
    expect(talk.spentSeconds).toBeLessThanOrEqual(most);
    expect(Math.abs(talk.spentSeconds - talk.billedSeconds)).toBeLessThanOrEqual(talk.sessions.length);
  });
});
