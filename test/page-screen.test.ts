import { beforeEach, describe, expect, test } from 'vitest';
import type { OpenPage } from './harness/browser.ts';
import { captionPages, complaints, eventually, rows, shown, still } from './harness/caption-page.ts';
import type { FakeCaptions } from './harness/fake-captions.ts';

const pages = captionPages();
let server: FakeCaptions;

beforeEach(() => {
  server = pages.server;
});

describe('words', () => {
  test('appear once each, in the order they were said, with their language', async () => {
    server.say('Good morning.');
    const open1 = await pages.open(server.url());
    await server.connected(1);
    const second = server.say('Benvenuti a tutti.', { language: 'it-IT' });
    server.repeat(second);
    server.say('Let us begin.');
    await eventually(() => rows(open1), ['Good morning.', 'Benvenuti a tutti.', 'Let us begin.']);
    const languages = await open1.page
      .locator('.row > .final')
      .evaluateAll((all) => all.map((each) => each.getAttribute('lang')));
    expect(languages).toEqual(['en-US', 'it-IT', 'en-US']);
    expect(open1.consoleErrors).toEqual([]);
    expect(open1.failedRequests).toEqual([]);
  });

  test('that are hostile stay text', async () => {
    const hostile = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>&amp;';
    const page = await pages.open(server.url({ partial: 'true' }));
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
    const page = await pages.open(server.url());
    await server.connected(1);
    for (const each of ['', 'not json', 'null', '[]', '{"type":"constructor"}', '{"type":"caption","seq":"1"}'])
      server.raw(each);
    server.raw(JSON.stringify({ type: 'weather', seq: 1, text: 'sunny' }));
    server.say('Still here.');
    await eventually(() => rows(page), ['Still here.']);
    expect(complaints(page)).toEqual([]);
  });

  test('are bounded in the document, and the newest remain after a whole day came in one go', async () => {
    const page = await pages.open(server.url());
    await server.connected(1);
    server.say('From another log.');
    await eventually(() => rows(page), ['From another log.']);
    server.newLog();
    for (let i = 1; i <= 3000; i++) server.say(`Sentence ${i}.`);
    server.cut();
    await server.connected(2);
    await eventually(async () => (await rows(page)).at(-1), 'Sentence 3000.');
    const kept = await rows(page);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => `Sentence ${3001 - kept.length + i}.`));
    expect(await page.page.locator('.row').count()).toBeLessThan(20);
  });
});

describe('the unfinished tail', () => {
  test('is not shown unless the address asks for it', async () => {
    const page = await pages.open(server.url());
    await server.connected(1);
    expect(server.requests[0]?.partial).toBe(false);
    server.partial('not yet');
    server.say('Settled.');
    await eventually(() => rows(page), ['Settled.']);
  });

  test('is dimmed, replaced as a whole, and gone when its final comes', async () => {
    const page = await pages.open(server.url({ partial: 'true' }));
    await server.connected(1);
    server.say('Settled.');
    server.partial('one too');
    await eventually(() => rows(page), ['Settled.', 'one too']);
    server.partial('one, two, three');
    await eventually(() => rows(page), ['Settled.', 'one, two, three']);
    const colour = (name: string) =>
      page.page
        .locator(`.row > .${name}`)
        .first()
        .evaluate((each) => getComputedStyle(each).color);
    expect(await colour('tail')).not.toBe(await colour('final'));
    server.say('One, two, three.');
    await eventually(() => rows(page), ['Settled.', 'One, two, three.']);
    server.partial('four');
    await eventually(() => rows(page), ['Settled.', 'One, two, three.', 'four']);
    server.partial('');
    await eventually(() => rows(page), ['Settled.', 'One, two, three.']);
  });

  test('stays when the final of an earlier stretch comes', async () => {
    const page = await pages.open(server.url({ partial: 'true', late: 'true' }));
    await server.connected(1);
    const first = server.say('First.');
    server.partial('being said now');
    await eventually(() => rows(page), ['First.', 'being said now']);
    server.say('Said much earlier.', { late: true, start: first.start - 60_000 });
    await eventually(() => rows(page), ['Said much earlier.', 'First.', 'being said now']);
  });

  test('is withdrawn when the line is lost for long', async () => {
    const page = await pages.open(server.url({ partial: 'true' }));
    await server.connected(1);
    server.say('Settled.');
    server.partial('nobody will finish th');
    await eventually(() => rows(page), ['Settled.', 'nobody will finish th']);
    await server.stop();
    await eventually(() => rows(page), ['Settled.']);
  });
});

describe('the log', () => {
  test('that is another one replaces everything', async () => {
    server.say('Old one.');
    server.say('Old two.');
    const page = await pages.open(server.url());
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
    const page = await pages.open(server.url());
    await eventually(() => rows(page), ['One.', 'Two.', 'Three.']);
    server.rewind(1);
    server.cut();
    await server.connected(3);
    server.say('Another two.');
    await eventually(() => rows(page), ['One.', 'Another two.']);
  });

  test('amends and removes what it says to amend and remove', async () => {
    const page = await pages.open(server.url());
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
    const page = await pages.open(server.url({ partial: 'true', late: 'true' }));
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

describe('late captions', () => {
  test('are not shown unasked; the page tells once that they are in the transcript', async () => {
    const page = await pages.open(server.url(), { virtualTime: true });
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
    const page = await pages.open(server.url({ late: 'true' }));
    await server.connected(1);
    const first = server.say('First.');
    server.say('Third.');
    await eventually(() => rows(page), ['First.', 'Third.']);
    server.say('Second.', { late: true, start: first.start + 1 });
    server.say('Second and a half.', { late: true, start: first.start + 1 });
    await eventually(() => rows(page), ['First.', 'Second.', 'Second and a half.', 'Third.']);
    expect(await shown(page, 'note')).toEqual([]);
  });
});

/** Each row as it stands, its mark of another speaker included. */
const rowTexts = ({ page }: OpenPage) =>
  page.locator('.row').evaluateAll((all) => all.map(({ textContent }) => textContent.trim()));

describe('rows', () => {
  test('are broken at pauses, before another speaker, and where captions were paused', async () => {
    const page = await pages.open(server.url());
    await server.connected(1);
    const at = 1_000_000;
    server.say('One.', { start: at, end: at + 500, speaker: 'a' });
    server.say('Two.', { start: at + 600, end: at + 1000, speaker: 'a' });
    server.say('Three.', { start: at + 2500, end: at + 3000, speaker: 'a' });
    server.say('Four.', { start: at + 3000, end: at + 3500, speaker: 'b' });
    server.pause();
    server.resume();
    server.say('Five.', { start: at + 3600, end: at + 4000, speaker: 'b' });
    await eventually(() => rowTexts(page), ['One. Two.', 'Three.', '– Four.', 'Five.']);
  });

  test('stay through any silence, and the page moves by a pixel only when nobody reads', async () => {
    const page = await pages.open(server.url(), { virtualTime: true });
    await server.connected(1);
    server.say('The last words.');
    await eventually(() => rowTexts(page), ['The last words.']);
    const moved = () =>
      page.page.evaluate(() =>
        (document.body.style.getPropertyValue('translate') || '0px 0px')
          .split(' ')
          .map((each) => Math.abs(Number.parseFloat(each))),
      );
    await page.page.clock.runFor(28_000);
    expect(await moved()).toEqual([0, 0]);
    await page.page.clock.runFor(100_000);
    const offset = await moved();
    expect(Math.max(...offset)).toBeGreaterThan(0);
    expect(Math.max(...offset)).toBeLessThanOrEqual(4);
    expect(await rowTexts(page)).toEqual(['The last words.']);
    server.say('New ones.');
    await eventually(async () => (await rows(page)).at(-1), 'New ones.');
    const here = await moved();
    await page.page.clock.runFor(28_000);
    expect(await moved()).toEqual(here);
  });

  test('push the old ones up smoothly, and without any movement for who wants none', async () => {
    for (const reducedMotion of ['no-preference', 'reduce'] as const) {
      const page = await pages.open(server.url({ lines: '3' }), { context: { reducedMotion } });
      await server.connected(server.requests.length || 1);
      await page.page.evaluate(() => {
        const animate = Element.prototype.animate;
        Reflect.set(window, 'animated', []);
        Element.prototype.animate = function (...given) {
          Reflect.get(window, 'animated').push(
            Object.keys(Object.assign({}, ...(Array.isArray(given[0]) ? given[0] : []))).join(),
          );
          return animate.apply(this, given);
        };
      });
      server.say('words '.repeat(30));
      await eventually(async () => (await page.page.locator('.row').count()) > 3, true);
      await still(page);
      const animated = await page.page.evaluate(() => [...new Set(Reflect.get(window, 'animated'))]);
      expect(animated).toEqual(reducedMotion === 'reduce' ? [] : ['transform']);
    }
  });

  test('are set anew when the screen is turned', async () => {
    const page = await pages.open(server.url());
    await server.connected(1);
    for (let n = 0; n < 6; n++) server.say(`Sentence number ${n} of those that are said.`);
    await eventually(async () => (await rows(page)).length > 4, true);
    await page.page.setViewportSize({ width: 1080, height: 1920 });
    await eventually(
      () => rows(page),
      Array.from({ length: 6 }, (_, n) => `Sentence number ${n} of those that are said.`),
    );
    const widths = await page.page.locator('.row').evaluateAll((all) =>
      all.map((row) => {
        const range = document.createRange();
        range.selectNodeContents(row);
        const last = row.lastElementChild?.firstChild;
        if (last) range.setEnd(last, last.textContent?.trimEnd().length ?? 0);
        return range.getBoundingClientRect().width;
      }),
    );
    for (const width of widths) expect(width).toBeLessThanOrEqual(972);
    expect(Math.max(...widths)).toBeGreaterThan(500);
  });
});

describe('an organizer’s act', () => {
  test('changes that caption alone: what stands before it is not touched, and nothing moves by itself', async () => {
    const page = await pages.open(server.url());
    await server.connected(1);
    const said = ['First, a sentence that fills more than one row of it.', 'We met in 1957.', 'Third.'].map((text) =>
      server.say(text),
    );
    await eventually(async () => (await rows(page)).length, 3);
    await still(page);
    await page.page.evaluate(() => Reflect.set(window, 'firstRow', document.querySelector('.row')));
    server.amend(said[1]?.seq ?? 0, null);
    await eventually(() => rows(page), [said[0]?.text, 'Third.']);
    server.amend(said[1]?.seq ?? 0, 'We met in 1975.');
    await eventually(() => rows(page), [said[0]?.text, 'We met in 1975.', 'Third.']);
    expect(await page.page.evaluate(() => document.querySelector('.row') === Reflect.get(window, 'firstRow'))).toBe(
      true,
    );
    expect(await page.page.evaluate(() => document.getAnimations().length)).toBe(0);
  });

  test('that clears the screen keeps what was spoken before away, late or not', async () => {
    const page = await pages.open(server.url({ late: 'true' }));
    await server.connected(1);
    const first = server.say('A private word.');
    await eventually(() => rows(page), ['A private word.']);
    server.clear();
    server.say('Said before it, recognised after it.', { start: first.start + 10, end: first.start + 20 });
    server.say('In public.');
    await eventually(() => rows(page), ['In public.']);
    server.amend(first.seq, 'A private word again.');
    server.say('And on.');
    await eventually(() => rows(page), ['In public.', 'And on.']);
  });
});
