import { beforeEach, describe, expect, test } from 'vitest';
import { captionPages, complaints, eventually, rows, shown } from './harness/caption-page.ts';
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
    server.say('Second.', { late: true, start: first.start + 1 });
    server.say('Second and a half.', { late: true, start: first.start + 1 });
    await eventually(() => rows(page), ['First.', 'Second.', 'Second and a half.', 'Third.']);
    expect(await shown(page, 'note')).toEqual([]);
  });
});
