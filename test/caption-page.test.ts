import { once } from 'node:events';
import { createServer } from 'node:net';
import { beforeEach, describe, expect, test } from 'vitest';
import { pagePolicy } from '../display/page-files.ts';
import { captionPages, complaints, eventually, finals, rows, shown } from './harness/caption-page.ts';
import { FakeCaptions } from './harness/fake-captions.ts';

const pages = captionPages();
let server: FakeCaptions;

beforeEach(() => {
  server = pages.server;
});

describe('a lost line', () => {
  test('is opened again where it broke: nothing twice, nothing missing', async () => {
    const page = await pages.open(server.url({ size: '0.25' }));
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
    const page = await pages.open(server.url(), { virtualTime: true });
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
    const page = await pages.open(server.url(), { virtualTime: true });
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
    const page = await pages.open(server.url(), { virtualTime: true });
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
    const page = await pages.open(server.url(), { virtualTime: true });
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
    const page = await pages.open(server.url(), { virtualTime: true });
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

describe('a message that comes twice', () => {
  test('counts once', async () => {
    const page = await pages.open(server.url());
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

describe('the link', () => {
  test('carries the token in its fragment, and only subprotocols carry it on', async () => {
    server.say('For readers.');
    const page = await pages.open(server.url({}, 'Zm9v-_1'));
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
      const page = await pages.open(
        server.url({ relay: other.origin, config: other.origin }, `x&relay=${other.origin}`),
      );
      await eventually(() => rows(page), ['Words of this room.']);
      expect(other.requests).toEqual([]);
    } finally {
      await other.stop();
    }
  });

  test.for([401, 403, 404])('that is answered with %i is called invalid, and heals by itself', async (status) => {
    server.refusal = status;
    const page = await pages.open(server.url(), { virtualTime: true });
    await eventually(() => shown(page, 'state'), ['This page’s link is no longer valid']);
    server.refusal = null;
    await page.page.clock.fastForward(20_000);
    expect(server.requests).toEqual([]);
    await page.page.clock.fastForward(15_000);
    await eventually(() => shown(page, 'state'), ['Waiting for the talk']);
    expect(complaints(page)).toEqual([]);
  });

  test.for([4401, 4403, 4404])('that is closed with %i during a talk is called invalid', async (code) => {
    server.say('Hello.');
    const page = await pages.open(server.url());
    await eventually(() => rows(page), ['Hello.']);
    server.close(code);
    await eventually(() => shown(page, 'notice'), ['This page’s link is no longer valid']);
    expect(await rows(page)).toEqual(['Hello.']);
  });

  test.for([
    [503, 'too-many-readers'],
    [429, 'too-many-sockets'],
  ] as const)('to a relay that is full (%i %s) is told so, and opens when a place is free', async ([status, code]) => {
    [server.refusal, server.refusalCode] = [status, code];
    const page = await pages.open(server.url(), { virtualTime: true });
    await eventually(() => shown(page, 'state'), ['All places for readers are taken. Trying again…']);
    await page.page.clock.fastForward(25_000);
    await eventually(() => shown(page, 'state'), ['All places for readers are taken. Trying again…']);
    [server.refusal, server.refusalCode] = [null, ''];
    await page.page.clock.fastForward(25_000);
    await eventually(() => shown(page, 'state'), ['Waiting for the talk']);
  });

  test('of a relay that is only down is not called invalid', async () => {
    server.refusal = 503;
    const page = await pages.open(server.url());
    await eventually(() => shown(page, 'state'), ['Connection lost. Reconnecting…']);
    server.refusal = null;
    await eventually(() => shown(page, 'state'), ['Waiting for the talk']);
  });
});

describe('the page', () => {
  test('loads everything from where it came, under the strict header', async () => {
    server.say('Hello.');
    const page = await pages.open(server.url({ partial: 'true', lines: '3', size: '1.5' }));
    await eventually(() => rows(page), ['Hello.']);
    const { headers } = await fetch(server.url());
    expect(headers.get('content-security-policy')).toBe(pagePolicy);
    expect(page.requests.length).toBeGreaterThan(5);
    expect(page.requests.filter((each) => !each.startsWith(server.origin))).toEqual([]);
    expect(page.consoleErrors).toEqual([]);
    expect(page.failedRequests).toEqual([]);
    const markup = page.page.evaluate(() => {
      document.body.innerHTML = '<b>markup</b>';
    });
    await expect(markup).rejects.toThrow('TrustedHTML');
  });

  test('leaves screen readers in peace and names its parts', async () => {
    server.say('Hello.');
    const page = await pages.open(server.url());
    await eventually(() => rows(page), ['Hello.']);
    const captions = page.page.getByRole('main').getByRole('region', { name: 'Captions' });
    expect(await captions.getAttribute('aria-live')).toBe('off');
    expect(await page.page.locator('html').getAttribute('lang')).toBe('en');
  });
});
