import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type OpenPage, type OpenPageOptions, TestBrowser } from './harness/browser.ts';
import { contentSecurityPolicy, FakeCaptions } from './harness/fake-captions.ts';

let browser: TestBrowser;
let server: FakeCaptions;
let opened: OpenPage[] = [];

beforeAll(async () => {
  browser = await TestBrowser.launch();
});

afterAll(() => browser.close());

beforeEach(async () => {
  server = new FakeCaptions();
  await server.start();
});

afterEach(async () => {
  for (const each of opened) await each.close();
  opened = [];
  await server.stop();
});

async function open(url: string, options?: OpenPageOptions): Promise<OpenPage> {
  const page = await browser.openPage(url, options);
  opened.push(page);
  return page;
}

/** Waits until `read` gives `wanted`. */
const eventually = <T>(read: () => Promise<T>, wanted: T) =>
  expect.poll(read, { timeout: 15_000, interval: 50 }).toEqual(wanted);

const rows = ({ page }: OpenPage) => page.locator('#rows p').allTextContents();
const finals = ({ page }: OpenPage) => page.locator('#rows p.final').allTextContents();
const shown = ({ page }: OpenPage, id: string) => page.locator(`#${id}:visible`).allTextContents();

/** Reconnecting is the page's business, but a browser always writes a failed connection to the console. */
const complaints = ({ consoleErrors }: OpenPage) =>
  consoleErrors.filter((each) => !/^WebSocket connection to|^Failed to load resource/.test(each));

describe('words', () => {
  test('appear once each, in the order they were said, with their language', async () => {
    server.say('Good morning.');
    const open1 = await open(server.url());
    await server.connected(1);
    const second = server.say('Benvenuti a tutti.', { language: 'it-IT' });
    server.repeat(second);
    server.say('Let us begin.');
    await eventually(() => rows(open1), ['Good morning.', 'Benvenuti a tutti.', 'Let us begin.']);
    const languages = await open1.page
      .locator('#rows p')
      .evaluateAll((all) => all.map((each) => each.getAttribute('lang')));
    expect(languages).toEqual(['en-US', 'it-IT', 'en-US']);
    expect(open1.consoleErrors).toEqual([]);
    expect(open1.failedRequests).toEqual([]);
  });

  test('that are hostile stay text', async () => {
    const hostile = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>&amp;';
    const page = await open(server.url({ partial: 'true' }));
    await server.connected(1);
    server.say(hostile, { language: '"><script>' });
    server.partial(hostile);
    server.status('fault', hostile);
    await eventually(() => rows(page), [hostile, hostile]);
    expect(await page.page.locator('main img, main script').count()).toBe(0);
    expect(await page.page.title()).toBe(server.title);
    expect(complaints(page)).toEqual([]);
  });

  test('go on after messages that nobody can read', async () => {
    const page = await open(server.url());
    await server.connected(1);
    for (const each of ['', 'not json', 'null', '[]', '{"type":"constructor"}', '{"type":"caption","seq":"1"}'])
      server.raw(each);
    server.raw(JSON.stringify({ type: 'weather', seq: 1, text: 'sunny' }));
    server.say('Still here.');
    await eventually(() => rows(page), ['Still here.']);
    expect(complaints(page)).toEqual([]);
  });

  test('are bounded in the document, and the newest remain after a whole day came in one go', async () => {
    const page = await open(server.url());
    await server.connected(1);
    server.say('From another log.');
    await eventually(() => rows(page), ['From another log.']);
    server.newLog();
    for (let i = 1; i <= 3000; i++) server.say(`Sentence ${i}.`);
    server.cut();
    await server.connected(2);
    await eventually(async () => (await rows(page)).at(-1), 'Sentence 3000.');
    expect(await rows(page)).toEqual(Array.from({ length: 200 }, (_, i) => `Sentence ${2801 + i}.`));
  });
});

describe('the unfinished tail', () => {
  test('is not shown unless the address asks for it', async () => {
    const page = await open(server.url());
    await server.connected(1);
    expect(server.requests[0]?.partial).toBe(false);
    server.partial('not yet');
    server.say('Settled.');
    await eventually(() => rows(page), ['Settled.']);
  });

  test('is dimmed, replaced as a whole, and gone when its final comes', async () => {
    const page = await open(server.url({ partial: 'true' }));
    await server.connected(1);
    server.say('Settled.');
    server.partial('one too');
    await eventually(() => rows(page), ['Settled.', 'one too']);
    server.partial('one, two, three');
    await eventually(() => rows(page), ['Settled.', 'one, two, three']);
    const colour = (name: string) =>
      page.page.locator(`#rows p.${name}`).evaluate((each) => getComputedStyle(each).color);
    expect(await colour('tail')).not.toBe(await colour('final'));
    server.say('One, two, three.');
    await eventually(() => rows(page), ['Settled.', 'One, two, three.']);
    server.partial('four');
    await eventually(() => rows(page), ['Settled.', 'One, two, three.', 'four']);
    server.partial('');
    await eventually(() => rows(page), ['Settled.', 'One, two, three.']);
  });

  test('stays when the final of an earlier stretch comes', async () => {
    const page = await open(server.url({ partial: 'true', late: 'true' }));
    await server.connected(1);
    const first = server.say('First.');
    server.partial('being said now');
    server.say('Said much earlier.', { late: true, start: first.start - 60_000 });
    await eventually(() => rows(page), ['Said much earlier.', 'First.', 'being said now']);
  });

  test('is withdrawn when the line is lost for long', async () => {
    const page = await open(server.url({ partial: 'true' }));
    await server.connected(1);
    server.say('Settled.');
    server.partial('nobody will finish th');
    await eventually(() => rows(page), ['Settled.', 'nobody will finish th']);
    await server.stop();
    await eventually(() => rows(page), ['Settled.']);
  });
});

describe('a lost line', () => {
  test('is opened again where it broke: nothing twice, nothing missing', async () => {
    const page = await open(server.url());
    await server.connected(1);
    const said: string[] = [];
    const say = (text: string) => {
      said.push(text);
      return server.say(text);
    };
    say('Before the cut.');
    const last = say('The last one before it.');
    await eventually(() => finals(page), said);
    for (let round = 1; round <= 3; round++) {
      const newest = round === 1 ? last.seq : said.length;
      server.cut();
      for (let i = 0; i < 30; i++) say(`Said during cut ${round}, sentence ${i}.`);
      await server.connected(1 + round);
      expect(server.requests[round]).toMatchObject({ since: newest, log: 'log-1' });
      say(`Back again ${round}.`);
      await eventually(() => finals(page), said);
    }
    expect(complaints(page)).toEqual([]);
  });

  test('is noticed when the relay falls silent without a word', async () => {
    server.heartbeatMs = 0;
    const page = await open(server.url(), { virtualTime: true });
    await server.connected(1);
    server.say('Before.');
    await eventually(() => rows(page), ['Before.']);
    await page.page.clock.fastForward(20_000);
    expect(server.requests.length).toBe(1);
    await page.page.clock.fastForward(6000);
    await page.page.clock.fastForward(5000);
    await server.connected(2);
    server.say('After.');
    await eventually(() => rows(page), ['Before.', 'After.']);
  });

  test('is opened at once when the network returns', async () => {
    const page = await open(server.url(), { virtualTime: true });
    await server.connected(1);
    // From here on no timer of the page can fire.
    await page.page.clock.pauseAt((await page.page.evaluate(() => Date.now())) + 2000);
    server.cut();
    await expect
      .poll(
        async () => {
          await page.page.evaluate(() => window.dispatchEvent(new Event('online')));
          return server.requests.length;
        },
        { timeout: 15_000, interval: 100 },
      )
      .toBe(2);
  });

  test('that died while the page was hidden is opened at once when it is shown again', async () => {
    server.heartbeatMs = 0;
    const page = await open(server.url(), { virtualTime: true });
    await server.connected(1);
    // Longer than a heartbeat, shorter than the page would wait by itself.
    await page.page.clock.fastForward(14_000);
    expect(server.requests.length).toBe(1);
    await page.page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await server.connected(2, 5000);
  });

  test('is told after two seconds, not before, and no longer when it is back', async () => {
    server.status('listening');
    server.say('Hello.');
    const page = await open(server.url(), { virtualTime: true });
    await server.connected(1);
    await eventually(() => rows(page), ['Hello.']);
    const { port } = server;
    await server.stop();
    const closed = createServer().listen(port, '127.0.0.1');
    closed.on('connection', (socket) => socket.destroy());
    try {
      expect(await shown(page, 'notice')).toEqual([]);
      await eventually(() => shown(page, 'notice'), ['Connection lost. Reconnecting…']);
    } finally {
      closed.close();
      await once(closed, 'close');
    }
    await server.start(port);
    await page.page.clock.fastForward(6000);
    await server.connected(2);
    await eventually(() => shown(page, 'notice'), []);
    expect(await rows(page)).toEqual(['Hello.']);
  });

  test('that breaks for less than two seconds is never told', async () => {
    server.status('listening');
    server.say('Hello.');
    const page = await open(server.url(), { virtualTime: true });
    await server.connected(1);
    await eventually(() => rows(page), ['Hello.']);
    const told = page.page.evaluate(async () => {
      const notice = document.getElementById('notice');
      const words: string[] = [];
      const note = () => {
        if (notice && !notice.hidden) words.push(notice.textContent);
      };
      if (notice) new MutationObserver(note).observe(notice, { attributes: true, childList: true });
      await new Promise((resolve) => window.addEventListener('told', resolve));
      return words;
    });
    for (const round of [1, 2]) {
      server.cut();
      await expect
        .poll(async () => {
          await page.page.evaluate(() => window.dispatchEvent(new Event('online')));
          return server.requests.length;
        })
        .toBe(1 + round);
      server.say('And on.');
      await eventually(async () => (await rows(page)).length, 1 + round);
      await page.page.clock.fastForward(5000);
    }
    await page.page.evaluate(() => window.dispatchEvent(new Event('told')));
    expect(await told).toEqual([]);
  });
});

describe('the log', () => {
  test('that is another one replaces everything', async () => {
    server.say('Old one.');
    server.say('Old two.');
    const page = await open(server.url());
    await eventually(() => rows(page), ['Old one.', 'Old two.']);
    server.newLog();
    server.say('New one.');
    server.cut();
    await server.connected(2);
    server.say('New two.');
    await eventually(() => rows(page), ['New one.', 'New two.']);
  });

  test('that came back shorter under its own name is begun anew', async () => {
    for (const each of ['One.', 'Two.', 'Three.']) server.say(each);
    const page = await open(server.url());
    await eventually(() => rows(page), ['One.', 'Two.', 'Three.']);
    server.rewind(1);
    server.cut();
    await server.connected(3);
    server.say('Another two.');
    await eventually(() => rows(page), ['One.', 'Another two.']);
  });

  test('amends and removes what it says to amend and remove', async () => {
    const page = await open(server.url());
    const first = server.say('We met in 1957.');
    const second = server.say('Something that should not stand here.');
    server.say('Third.');
    await eventually(() => rows(page), ['We met in 1957.', 'Something that should not stand here.', 'Third.']);
    server.amend(first.seq, 'We met in 1975.');
    server.amend(second.seq, null);
    server.amend(9999, 'nobody has this one');
    await eventually(() => rows(page), ['We met in 1975.', 'Third.']);
  });

  test('clears the screen, and what was spoken before stays away', async () => {
    const page = await open(server.url({ partial: 'true', late: 'true' }));
    await server.connected(1);
    const first = server.say('A private word.');
    server.partial('and one mo');
    await eventually(() => rows(page), ['A private word.', 'and one mo']);
    server.clear();
    await eventually(() => rows(page), []);
    server.say('A late private word.', { late: true, start: first.start - 5000 });
    server.say('In public.');
    await eventually(() => rows(page), ['In public.']);
  });
});

describe('a message that comes twice', () => {
  test('counts once', async () => {
    const page = await open(server.url());
    await server.connected(1);
    const first = server.say('Before the break.');
    const clear = server.clear();
    server.say('After the break.');
    server.repeat(first);
    server.repeat(clear);
    server.say('And on.');
    await eventually(() => rows(page), ['After the break.', 'And on.']);
  });
});

describe('late captions', () => {
  test('are not shown unasked; the page tells once that they are in the transcript', async () => {
    const page = await open(server.url(), { virtualTime: true });
    await server.connected(1);
    const first = server.say('First.');
    await eventually(() => rows(page), ['First.']);
    expect(await shown(page, 'note')).toEqual([]);
    server.say('Late.', { late: true, start: first.start + 1 });
    server.say('Second.');
    await eventually(() => rows(page), ['First.', 'Second.']);
    expect(await shown(page, 'note')).toEqual(['Some words are missing here; they are in the transcript.']);
    await page.page.clock.fastForward(16_000);
    await eventually(() => shown(page, 'note'), []);
    server.say('Late again.', { late: true, start: first.start + 2 });
    server.say('Third.');
    await eventually(() => rows(page), ['First.', 'Second.', 'Third.']);
    expect(await shown(page, 'note')).toEqual([]);
  });

  test('take their place among the others with ?late=true', async () => {
    const page = await open(server.url({ late: 'true' }));
    await server.connected(1);
    const first = server.say('First.');
    server.say('Third.');
    server.say('Second.', { late: true, start: first.start + 1 });
    server.say('Second and a half.', { late: true, start: first.start + 1 });
    await eventually(() => rows(page), ['First.', 'Second.', 'Second and a half.', 'Third.']);
    expect(await shown(page, 'note')).toEqual([]);
  });
});

describe('the state', () => {
  test('stands in plain words under the room’s title before the first caption', async () => {
    const page = await open(server.url());
    await eventually(() => shown(page, 'title'), ['Aula Magna']);
    await eventually(() => shown(page, 'state'), ['Captions will appear here']);
    server.status('listening');
    await eventually(() => shown(page, 'state'), ['Listening']);
    server.status('no-audio', 'The mixer is not plugged in.');
    await eventually(() => shown(page, 'state'), ['No sound from this room']);
    expect(await shown(page, 'detail')).toEqual(['The mixer is not plugged in.']);
    server.raw('{"type":"status","state":"tuning","message":"The piano is being tuned."}');
    await eventually(() => shown(page, 'state'), ['The piano is being tuned.']);
    server.say('Good evening.');
    await eventually(() => shown(page, 'title'), []);
    expect(page.consoleErrors).toEqual([]);
  });

  test('is small at the edge during a talk, and silent while listening', async () => {
    server.say('Good evening.');
    server.status('listening');
    const page = await open(server.url());
    await eventually(() => rows(page), ['Good evening.']);
    expect(await shown(page, 'notice')).toEqual([]);
    server.status('paused');
    await eventually(() => shown(page, 'notice'), ['Captions are paused']);
    server.status('listening');
    await eventually(() => shown(page, 'notice'), []);
  });

  test('is told in Italian to an Italian browser', async () => {
    server.status('fault');
    const page = await open(server.url(), { locale: 'it-IT' });
    await eventually(() => shown(page, 'state'), ['Sottotitoli interrotti']);
    expect(await page.page.locator('html').getAttribute('lang')).toBe('it');
  });
});

describe('the link', () => {
  test('carries the token in its fragment, and only subprotocols carry it on', async () => {
    server.say('For readers.');
    const page = await open(server.url({}, 'Zm9v-_1'));
    await eventually(() => rows(page), ['For readers.']);
    expect(server.requests[0]).toMatchObject({ protocols: ['sala.captions.v1', 'bearer.Zm9v-_1'], token: 'Zm9v-_1' });
    expect(page.consoleErrors).toEqual([]);
  });

  test('cannot name another relay', async () => {
    const other = new FakeCaptions();
    await other.start();
    try {
      other.say('Words of a stranger.');
      server.say('Words of this room.');
      const page = await open(server.url({ relay: other.origin, config: other.origin }, `x&relay=${other.origin}`));
      await eventually(() => rows(page), ['Words of this room.']);
      expect(other.requests).toEqual([]);
    } finally {
      await other.stop();
    }
  });

  test.for([401, 403, 404])('that is answered with %i is called invalid, and heals by itself', async (status) => {
    server.refusal = status;
    const page = await open(server.url(), { virtualTime: true });
    await eventually(() => shown(page, 'state'), ['This page’s link is no longer valid']);
    server.refusal = null;
    await page.page.clock.fastForward(20_000);
    expect(server.requests).toEqual([]);
    await page.page.clock.fastForward(15_000);
    await eventually(() => shown(page, 'state'), ['Captions will appear here']);
    expect(complaints(page)).toEqual([]);
  });

  test.for([4401, 4403, 4404])('that is closed with %i during a talk is called invalid', async (code) => {
    server.say('Hello.');
    const page = await open(server.url());
    await eventually(() => rows(page), ['Hello.']);
    server.close(code);
    await eventually(() => shown(page, 'notice'), ['This page’s link is no longer valid']);
    expect(await rows(page)).toEqual(['Hello.']);
  });

  test('of a relay that is only down is not called invalid', async () => {
    server.refusal = 503;
    const page = await open(server.url());
    await eventually(() => shown(page, 'state'), ['Connection lost. Reconnecting…']);
    server.refusal = null;
    await eventually(() => shown(page, 'state'), ['Captions will appear here']);
  });
});

describe('a kit’s own page', () => {
  test('takes relay, room and token from its launcher', async () => {
    const kit = new FakeCaptions();
    await kit.start();
    try {
      server.say('From the relay.');
      const page = await open(`${kit.origin}/`, { virtualTime: true });
      await eventually(() => shown(page, 'state'), ['This screen has no room yet']);
      kit.config = { relay: server.origin.replace('http', 'ws'), room: server.room, token: 'kit-token' };
      await page.page.clock.fastForward(6000);
      await eventually(() => rows(page), ['From the relay.']);
      expect(server.requests[0]).toMatchObject({ room: server.room, token: 'kit-token' });
      expect(kit.requests).toEqual([]);
      expect(complaints(page)).toEqual([]);
    } finally {
      await kit.stop();
    }
  });
});

describe('the look', () => {
  const long = 'The question is not whether words arrive, but what happens to those that were spoken meanwhile. ';
  const line = (page: OpenPage) =>
    page.page.locator('#captions').evaluate((each) => {
      const { lineHeight, fontSize } = getComputedStyle(each);
      return { lines: each.clientHeight / Number.parseFloat(lineHeight), font: Number.parseFloat(fontSize) };
    });

  test.for([
    { width: 1920, height: 1080, least: 85 },
    { width: 3840, height: 2160, least: 170 },
    { width: 1280, height: 720, least: 56 },
    { width: 390, height: 844, least: 24 },
    { width: 844, height: 390, least: 36 },
  ])(
    'fills $width × $height with whole lines of large text, the newest at the bottom',
    async ({ width, height, least }) => {
      for (let i = 0; i < 12; i++) server.say(long);
      server.say('The newest words.');
      const page = await open(server.url({ view: 'screen' }), { viewport: { width, height } });
      await eventually(async () => (await rows(page)).length, 13);
      const { lines, font } = await line(page);
      expect(lines).toBeGreaterThanOrEqual(4);
      expect(lines % 1).toBeCloseTo(0, 3);
      expect(font).toBeGreaterThan(least);
      const box = await page.page.locator('#rows p').last().boundingBox();
      const bottom = (box?.y ?? 0) + (box?.height ?? 0);
      expect(bottom).toBeLessThanOrEqual(height);
      expect(bottom).toBeGreaterThan(height * 0.9);
      expect(await page.page.evaluate(() => document.documentElement.scrollHeight - innerHeight)).toBe(0);
      expect(await page.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
    },
  );

  test('follows ?lines, ?size and ?theme, and makes sense of nonsense', async () => {
    for (let i = 0; i < 12; i++) server.say(long);
    const plain = await line(await open(server.url()));
    expect((await line(await open(server.url({ lines: '2' })))).lines).toBeCloseTo(2, 3);
    const ten = await line(await open(server.url({ lines: '10' })));
    expect(ten.lines).toBeCloseTo(10, 3);
    expect(ten.font).toBeLessThan(plain.font);
    expect((await line(await open(server.url({ size: '0.5' })))).font).toBeCloseTo(plain.font / 2, 1);
    const nonsense = await open(server.url({ lines: 'many', size: '-3', theme: '"><b>' }));
    expect(await line(nonsense)).toEqual(plain);
    expect(nonsense.consoleErrors).toEqual([]);
    const light = await open(server.url({ theme: 'light' }));
    const [red = 0] = await browser.pixel(await light.page.screenshot(), 2, 1078);
    expect(red).toBeGreaterThan(240);
  });

  test('as an overlay is words on nothing', async () => {
    server.status('fault', 'Something is wrong.');
    const page = await open(server.url({ overlay: '1' }));
    await server.connected(1);
    const empty = await page.page.screenshot({ omitBackground: true });
    expect(await browser.pixel(empty, 960, 540)).toEqual([0, 0, 0, 0]);
    for (let i = 0; i < 12; i++) server.say(long);
    await eventually(async () => (await rows(page)).length, 12);
    const full = await page.page.screenshot({ omitBackground: true });
    expect(await browser.pixel(full, 960, 300)).toEqual([0, 0, 0, 0]);
    for (const id of ['notice', 'note', 'title', 'state', 'detail']) expect(await shown(page, id)).toEqual([]);
    const style = await page.page.locator('body').evaluate((each) => {
      const { cursor, overflow } = getComputedStyle(each);
      return { cursor, overflow };
    });
    expect(style).toEqual({ cursor: 'none', overflow: 'hidden' });
    expect(page.consoleErrors).toEqual([]);
  });
});

describe('the page', () => {
  test('loads everything from where it came, under the strict header', async () => {
    server.say('Hello.');
    const page = await open(server.url({ partial: 'true', lines: '3', size: '1.5' }));
    await eventually(() => rows(page), ['Hello.']);
    const { headers } = await fetch(server.url());
    expect(headers.get('content-security-policy')).toBe(contentSecurityPolicy);
    expect(page.requests.length).toBeGreaterThan(5);
    expect(page.requests.filter((each) => !each.startsWith(server.origin))).toEqual([]);
    expect(page.consoleErrors).toEqual([]);
    expect(page.failedRequests).toEqual([]);
  });

  test('leaves screen readers in peace and names its parts', async () => {
    server.say('Hello.');
    const page = await open(server.url());
    await eventually(() => rows(page), ['Hello.']);
    const captions = page.page.getByRole('main').getByRole('region', { name: 'Captions' });
    expect(await captions.getAttribute('aria-live')).toBe('off');
    expect(await page.page.locator('html').getAttribute('lang')).toBe('en');
  });
});
