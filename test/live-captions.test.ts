import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OpenPage, TestBrowser } from './harness/browser.ts';
import { judge, Talk } from './harness/talk.ts';
import { until } from './harness/until.ts';

const clean = { lost: [], repeated: [], backwards: [] };
let browser: TestBrowser;
const talks: Talk[] = [];

beforeAll(async () => {
  browser = await TestBrowser.launch();
});

afterAll(async () => {
  await Promise.all(talks.map((talk) => talk.stop()));
  await browser.close();
});

/** Starts a talk and opens its page with the reader's token in the fragment, so small that the whole talk stays on it. */
async function begin(numbers: number): Promise<{ talk: Talk; page: OpenPage }> {
  const talk = new Talk({ numbers });
  talks.push(talk);
  await talk.start();
  const address = `${talk.parts.relay.url}/rooms/hall?late=true&size=0.25#token=${talk.parts.read}`;
  return { talk, page: await browser.openPage(address) };
}

/** Numbers as they stand on the page, from top to bottom. */
async function onThePage({ page }: OpenPage): Promise<number[]> {
  const rows = await page.locator('.row > .final').allTextContents();
  return rows
    .join(' ')
    .trim()
    .split(/\s+/)
    .map((word) => Number(word.slice(1)));
}

/** Plays the talk to its end; everything that was captured must be at the engine, in the log and on the page. */
async function expectNothingLost({ talk, page }: { talk: Talk; page: OpenPage }): Promise<void> {
  expect(await talk.played(60_000)).toBe(0);
  await talk.captioned();
  expect(judge(talk.shown(), talk.numbers)).toEqual(clean);
  expect(judge(talk.heard(), talk.numbers).lost).toEqual([]);
  await until(async () => (await onThePage(page)).length >= talk.numbers || undefined, { what: 'the page' }).catch(
    () => {},
  );
  expect(judge(await onThePage(page), talk.numbers)).toEqual(clean);
}

// They wait for most of their time: all at once.
describe.concurrent('a talk through device, relay, SDK and the stand-in for the service', { timeout: 120_000 }, () => {
  test('is captioned whole, once, in order, and at the right times', async () => {
    const { talk, page } = await begin(150);
    await expectNothingLost({ talk, page });
    const captions = talk.parts.reader.captions();
    expect(captions.every(({ late }) => !late)).toBe(true);
    // Ten numbers a second: each caption's time against the first one's tells whether positions became times.
    const first = captions[0];
    for (const caption of captions) {
      const number = Number(caption.text.split(' ')[0]?.slice(1));
      expect(Math.abs(caption.start - (first?.start ?? 0) - number * 100)).toBeLessThan(100);
      expect(caption.from).toBe(number * 1600);
    }
    expect(talk.standIn.sessions.every(({ badSignatures }) => badSignatures === 0)).toBe(true);
    expect(page.consoleErrors).toEqual([]);
  });

  test.each(['SIGKILL', 'SIGTERM'] as const)(
    'loses nothing when the relay is ended by %s and comes back',
    async (signal) => {
      const begun = await begin(200);
      await begun.talk.said(40);
      await begun.talk.restartRelay(signal);
      await expectNothingLost(begun);
    },
  );

  test('loses nothing when the network is gone for three seconds', async () => {
    const begun = await begin(200);
    await begun.talk.said(40);
    await begun.talk.parts.proxy.refuse(true);
    await new Promise((resolve) => setTimeout(resolve, 3000)); // the fault's own length
    await begun.talk.parts.proxy.refuse(false);
    await expectNothingLost(begun);
  });
});
