import { setTimeout as wait } from 'node:timers/promises';
import type { CDPSession } from 'playwright-core';
import { type OpenPage, TestBrowser } from '../harness/browser.ts';
import { FakeCaptions } from '../harness/fake-captions.ts';
import type { Bench, BenchSettings } from './bench.ts';
import { percentiles, quantile } from './figures.ts';
import { stampPage } from './page-stamps.ts';

/** 170 words a minute in captions of 12 words, as engines give them. */
const wordsPerCaption = 12;
const captionIntervalMs = (wordsPerCaption / 170) * 60_000;
/** A shorter run has too few captions for a percentile. */
const leastPaceSeconds = 40;
const burstWords = 60;
/** What is said in the long run, and after how many captions the page is looked at. */
const marks = [1000, 10_000, 50_000] as const;
const captionsPerTurn = 100;
const framesMs = 5000;

const vocabulary =
  'the question is whether words arrive in time and what becomes of those that were spoken meanwhile'.split(' ');
const sentence = (n: number, words = wordsPerCaption) =>
  Array.from({ length: words }, (_, i) => vocabulary[(n * 7 + i) % vocabulary.length]).join(' ');

/** The least a page can do: a paragraph for each caption, 200 kept, nothing else. Given to `addInitScript`: stands alone. */
function bareView(): void {
  const socket = new WebSocket(`ws://${location.host}/api/rooms/aula-magna/captions`, ['sala.captions.v1']);
  socket.onmessage = ({ data }) => {
    const { type, seq, text } = JSON.parse(data);
    if (type !== 'caption') return;
    const line = document.createElement('p');
    line.dataset.seq = seq;
    line.textContent = text;
    document.body.append(line);
    if (document.body.childElementCount > 200) document.body.firstElementChild?.remove();
  };
}

const views = ['bare page', 'screen', 'reader'] as const;
type View = (typeof views)[number];

interface Opened {
  readonly server: FakeCaptions;
  readonly open: OpenPage;
}

async function opened<T>(browser: TestBrowser, view: View, work: (opened: Opened) => Promise<T>): Promise<T> {
  const server = new FakeCaptions();
  await server.start();
  const bare = view === 'bare page';
  // Any address of the server's own will do for a page that makes itself.
  const open = await browser.openPage(bare ? `${server.origin}/display/icon.svg.none` : server.url({ view }), {
    prepare: async (page) => {
      await page.addInitScript(stampPage);
      if (bare) await page.addInitScript(bareView);
    },
  });
  try {
    await server.connected(1);
    return await work({ server, open });
  } finally {
    await open.close();
    await server.stop();
  }
}

/** How long after its arrival each caption is painted, at a normal pace; ms. */
const normalPace = (browser: TestBrowser, view: View, seconds: number) =>
  opened(browser, view, async ({ server, open }) => {
    for (let n = 0; n * captionIntervalMs < Math.max(seconds, leastPaceSeconds) * 1000; n++) {
      server.say(sentence(n));
      await wait(captionIntervalMs);
    }
    return delays(open);
  });

async function delays({ page }: OpenPage): Promise<number[]> {
  return page.evaluate(() =>
    [...window.stamps.arrived].map(([seq, at]) => (window.stamps.painted.get(seq) ?? Number.NaN) - at),
  );
}

/** The same for a burst: five captions at once. */
const burst = (browser: TestBrowser, view: View) =>
  opened(browser, view, async ({ server, open }) => {
    for (let n = 0; n < burstWords / wordsPerCaption; n++) server.say(sentence(n));
    await open.page.waitForFunction((count) => window.stamps.painted.size === count, burstWords / wordsPerCaption);
    return Math.max(...(await delays(open)));
  });

interface Mark {
  readonly captions: number;
  readonly heapMiB: number;
  readonly nodes: number;
  readonly frames: readonly number[];
}

async function look(open: OpenPage, devtools: CDPSession, captions: number): Promise<Mark> {
  await devtools.send('HeapProfiler.collectGarbage');
  const { metrics } = await devtools.send('Performance.getMetrics');
  const metric = (name: string) => metrics.find((each) => each.name === name)?.value ?? Number.NaN;
  const frames = await open.page.evaluate(() => window.stamps.frames);
  return { captions, heapMiB: metric('JSHeapUsedSize') / 2 ** 20, nodes: metric('Nodes'), frames };
}

/** A page that is given 50,000 captions; at each mark it is watched at a normal pace. */
const longRun = (browser: TestBrowser, view: View) =>
  opened(browser, view, async ({ server, open }) => {
    const devtools = await open.page.context().newCDPSession(open.page);
    await devtools.send('Performance.enable');
    const seen: Mark[] = [];
    let said = 0;
    for (const mark of marks) {
      while (said < mark) {
        for (let n = 0; n < captionsPerTurn; n++) server.say(sentence(said++));
        const last = said;
        await open.page.waitForFunction((seq) => window.stamps.arrived.has(seq), last);
      }
      await open.page.evaluate(() => {
        window.stamps.arrived.clear();
        window.stamps.painted.clear();
      });
      await wait(2000); // what came at once is on the screen
      await open.page.evaluate(() => {
        window.stamps.frames = [];
      });
      for (let ms = 0; ms < framesMs; ms += captionIntervalMs) {
        server.say(sentence(said++));
        await wait(captionIntervalMs);
      }
      seen.push(await look(open, devtools, mark));
    }
    return seen;
  });

/** From the newest caption back to the first by pages of history. */
const scrollBack = (browser: TestBrowser) =>
  opened(browser, 'reader', async ({ server, open }) => {
    for (let n = 0; n < (marks.at(-1) ?? 0); n++) server.say(sentence(n));
    const begun = performance.now();
    const first = open.page.locator('[data-seq="1"]');
    while ((await first.count()) === 0 && performance.now() - begun < 300_000)
      await open.page.evaluate(() => document.scrollingElement?.scrollTo(0, 0));
    return { reached: (await first.count()) > 0, seconds: (performance.now() - begun) / 1000 };
  });

async function run({ seconds, rounds, tell }: BenchSettings) {
  const browser = await TestBrowser.launch();
  try {
    const pace = new Map<View, number[]>(views.map((view) => [view, []]));
    const bursts = new Map<View, number[]>(views.map((view) => [view, []]));
    for (let round = 1; round <= rounds; round++)
      for (const view of views) {
        tell(
          `page: ${view}, normal pace for ${Math.max(seconds, leastPaceSeconds)} s, then ${burstWords} words at once (${round} of ${rounds})`,
        );
        pace.get(view)?.push(...(await normalPace(browser, view, seconds)));
        bursts.get(view)?.push(await burst(browser, view));
      }
    const long = new Map<View, Mark[]>();
    for (const view of views) {
      tell(`page: ${view}, ${marks.at(-1)} captions`);
      long.set(view, await longRun(browser, view));
    }
    tell(`page: back to the first of ${marks.at(-1)} captions`);
    const back = await scrollBack(browser);
    const all = (figures: Map<View, number[]>, view: View) => figures.get(view) ?? [];
    const growth = (view: View) =>
      (long.get(view)?.at(-1)?.heapMiB ?? Number.NaN) - (long.get(view)?.[0]?.heapMiB ?? 0);
    return {
      tables: [
        {
          title: 'From a caption’s arrival at the page until all of it is painted, ms',
          columns: ['', '170 words a minute: p50 / p95 / p99', `${burstWords} words at once, the last`],
          rows: views.map((view) => [view, percentiles(all(pace, view), 0), Math.max(...all(bursts, view)).toFixed(0)]),
        },
        {
          title: `${marks.at(-1)} captions through one page`,
          columns: ['', 'captions', 'heap after collection, MiB', 'nodes', 'time between frames, ms: p50 / p95 / p99'],
          rows: views.flatMap((view) =>
            (long.get(view) ?? []).map(({ captions, heapMiB, nodes, frames }) => [
              view,
              String(captions),
              heapMiB.toFixed(1),
              String(nodes),
              percentiles(frames, 1),
            ]),
          ),
          note: back.reached
            ? `Scrolling back by pages of history reached the first of them after ${back.seconds.toFixed(0)} s.`
            : 'Scrolling back did not reach the first of them.',
        },
      ],
      aims: (['screen', 'reader'] as const).flatMap((view) => [
        {
          what: `${view}: arrival to paint at a normal pace, p95`,
          figure: quantile(all(pace, view), 0.95),
          below: 100,
          unit: 'ms',
        },
        {
          what: `${view}: the last of ${burstWords} words at once`,
          figure: Math.max(...all(bursts, view)),
          below: 2000,
          unit: 'ms',
        },
        {
          what: `${view}: heap gained between ${marks[0]} and ${marks.at(-1)} captions`,
          figure: growth(view),
          below: 2,
          unit: 'MiB',
        },
      ]),
    };
  } finally {
    await browser.close();
  }
}

export const page: Bench = {
  name: 'page',
  summary: 'from arrival to paint, a burst, 50,000 captions through one page',
  run,
};
