import { afterEach, describe, expect, test } from 'vitest';
import { judge, Talk } from './harness/talk.ts';

const clean = { lost: [], repeated: [], backwards: [] };
let talk: Talk | undefined;

afterEach(async () => {
  await talk?.stop();
  talk = undefined;
});

describe('a talk through device, relay, SDK and the stand-in for the service', { timeout: 90_000 }, () => {
  test('is captioned whole, once, in order, and at the right times', async () => {
    talk = await new Talk({ numbers: 150 }).start();
    await talk.said(0);
    expect(await talk.played(40_000)).toBe(0);
    await talk.captioned();
    expect(judge(talk.shown(), talk.numbers)).toEqual(clean);
    const captions = talk.parts.reader.captions();
    expect(captions.every(({ late }) => !late)).toBe(true);
    // Ten numbers a second: each caption's time against the first one's tells whether positions became times.
    const first = captions[0];
    for (const caption of captions) {
      const number = Number(caption.text.split(' ')[0]?.slice(1));
      expect(Math.abs(caption.start - (first?.start ?? 0) - number * 100)).toBeLessThan(100);
      expect(caption.from).toBe(number * 1600);
    }
    expect(Math.abs(Date.now() - (captions.at(-1)?.end ?? 0))).toBeLessThan(20_000);
    expect(talk.standIn.sessions.every(({ badSignatures }) => badSignatures === 0)).toBe(true);
  });

  test('loses nothing when the relay is killed and comes back', async () => {
    talk = await new Talk({ numbers: 200 }).start();
    await talk.said(40);
    await talk.restartRelay('SIGKILL');
    expect(await talk.played(60_000)).toBe(0);
    await talk.captioned();
    expect(judge(talk.shown(), talk.numbers)).toEqual(clean);
    expect(judge(talk.heard(), talk.numbers).lost).toEqual([]);
  });

  test('loses nothing when the relay is stopped and started', async () => {
    talk = await new Talk({ numbers: 200 }).start();
    await talk.said(40);
    await talk.restartRelay('SIGTERM');
    expect(await talk.played(60_000)).toBe(0);
    await talk.captioned();
    expect(judge(talk.shown(), talk.numbers)).toEqual(clean);
  });

  test('loses nothing when the network is cut for three seconds', async () => {
    talk = await new Talk({ numbers: 200 }).start();
    await talk.said(40);
    await talk.parts.proxy.refuse(true);
    await new Promise((resolve) => setTimeout(resolve, 3000)); // the fault's own length
    await talk.parts.proxy.refuse(false);
    expect(await talk.played(60_000)).toBe(0);
    await talk.captioned();
    expect(judge(talk.shown(), talk.numbers)).toEqual(clean);
  });
});
