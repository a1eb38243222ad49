import { describe, test } from 'vitest';
import { numbersOf } from './harness/lag.ts';
import { judge, Talk } from './harness/talk.ts';
import { finished, verdictOf, whole } from './harness/verdict.ts';

/** A setting governs to half a second. */
const boundaryMs = 500;

const assign = (talk: Talk, language: string) => talk.parts.relay.call('PUT', '/api/rooms/hall/language', { language });

describe.concurrent('a language', { timeout: 120_000 }, () => {
  test('assigned in mid-talk holds for what is said from then on, over the same uplink connection', async ({
    expect,
    onTestFinished,
  }) => {
    const talk = new Talk({ numbers: 200, language: 'en-US' });
    onTestFinished(() => talk.stop());
    await talk.start();
    await talk.said(30);
    const { proxy, reader } = talk.parts;
    const connections = proxy.accepted;
    const assignedMs = Date.now();
    await assign(talk, 'it-IT');
    expect(await talk.played(60_000)).toBe(0);
    await talk.captioned();

    expect(judge(talk.shown(), talk.numbers)).toEqual({ lost: [], repeated: [], backwards: [] });
    expect(proxy.accepted).toBe(connections);
    const captions = reader.captions().toSorted((a, b) => a.start - b.start);
    const firstItalian = captions.findIndex(({ language }) => language === 'it-IT');
    expect(firstItalian).toBeGreaterThan(0);
    expect(captions.slice(0, firstItalian).every(({ language }) => language === 'en-US')).toBe(true);
    expect(captions.slice(firstItalian).every(({ language }) => language === 'it-IT')).toBe(true);
    expect(Math.abs((captions[firstItalian]?.start ?? 0) - assignedMs)).toBeLessThan(boundaryMs);
    expect(talk.standIn.sessions.map(({ language }) => language)).toEqual(['en-US', 'it-IT']);
  });

  test('changed three times in a minute is the one in force when each number was spoken; none is lost or split', async ({
    expect,
    onTestFinished,
  }) => {
    const talk = new Talk({ numbers: 360, language: 'en-US', segmentWords: 5 });
    onTestFinished(() => talk.stop());
    await talk.start();
    const changes = [{ fromMs: 0, language: 'en-US' }];
    for (const [number, language] of [
      [100, 'it-IT'],
      [200, 'de-DE'],
      [300, 'en-US'],
    ] as const) {
      await talk.said(number);
      changes.push({ fromMs: Date.now(), language });
      await assign(talk, language);
    }
    expect(await finished(talk, 90_000)).toBe(0);
    expect(await verdictOf(talk, 'three languages')).toEqual(whole);

    const captions = await talk.transcript();
    const zeroMs = captions[0]?.start ?? 0;
    const inForce = (ms: number) => changes.findLast(({ fromMs }) => fromMs <= ms)?.language;
    const wrong = captions.flatMap((caption) =>
      numbersOf(caption).filter((number) => {
        const spokenMs = zeroMs + number * 100 + 50;
        return ![-boundaryMs, 0, boundaryMs].some((ms) => inForce(spokenMs + ms) === caption.language);
      }),
    );
    expect(wrong).toEqual([]);
    expect(talk.standIn.sessions.map(({ language }) => language)).toEqual(changes.map(({ language }) => language));
  });
});
