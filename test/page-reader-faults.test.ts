import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { CaptionLog } from '../relay/captions.ts';
import { openDatabase } from '../relay/database.ts';
import { Rooms } from '../relay/rooms.ts';
import { type OpenPage, TestBrowser } from './harness/browser.ts';
import { TestRelay, temporaryFolder } from './harness/programs.ts';
import { FaultyProxy } from './harness/proxy.ts';
import { goButton, inSight, patient, phone, scrollBy, sentence, topOf } from './harness/reader-page.ts';

const room = 'aula';
const saidBefore = 400;
const saidNow = 12;
const frame = Buffer.alloc(3200, Buffer.from([0, 16, 0, 240])); // a loud 8 kHz tone, 100 ms
const folder = temporaryFolder();
const dataDir = join(folder.path, 'data');
const engine = 'script:now';
let relay: TestRelay;
let proxy: FaultyProxy;
let browser: TestBrowser;
let tokens: { publish: string; read: string };

/** A morning of captions, in the log of a room whose relay is not running yet. */
function sayBefore(): void {
  mkdirSync(join(dataDir, 'scripts'), { recursive: true });
  const db = openDatabase(dataDir);
  const { logId } = new Rooms(db, { language: 'en-US', engine }).put(room, {});
  const log = new CaptionLog(db, room, logId);
  const begin = Date.now() - 2 * 3_600_000;
  for (let i = 1; i <= saidBefore; i++) {
    const start = begin + i * 4000;
    const place = { stream: '00000000-0000-4000-8000-000000000001', from: 0, to: 0 };
    log.append({
      ...place,
      text: sentence(i),
      language: 'en-US',
      start,
      end: start + 3800,
      speaker: null,
      late: false,
    });
  }
  db.close();
  const lines = Array.from({ length: saidNow }, (_, i) => `${i / 4} ${i / 4 + 0.2} ${sentence(saidBefore + 1 + i)}`);
  writeFileSync(join(dataDir, 'scripts/now.txt'), lines.join('\n'));
}

/** Plays sound into the room in real time; the script says what is heard. */
async function play(): Promise<void> {
  const socket = new WebSocket(`${relay.url.replace('http', 'ws')}/ws/audio/${room}?token=${tokens.publish}`);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const begun = performance.now();
  for (let n = 0; n < saidNow * 2.5 + 15; n++) {
    socket.send(frame);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, begun + (n + 1) * 100 - performance.now())));
  }
  socket.close();
}

beforeAll(async () => {
  sayBefore();
  [relay, browser] = await Promise.all([TestRelay.start({ dataDir, engine }), TestBrowser.launch()]);
  tokens = await relay.room(room, { engine });
  proxy = await new FaultyProxy({ host: '127.0.0.1', port: relay.port }).start();
}, 60_000);

afterAll(async () => {
  await browser.close();
  await proxy.stop();
  await relay.stop();
  folder.remove();
});

const seqs = ({ page }: OpenPage) =>
  page
    .locator('#read .said')
    .evaluateAll((all) => all.map((each) => Number(each instanceof HTMLElement && each.dataset.seq)));

async function transcript(): Promise<number[]> {
  const headers = { authorization: `Bearer ${tokens.read}` };
  const answer = await fetch(`${relay.url}/api/rooms/${room}/transcript.json`, { headers });
  const { captions }: { captions: { seq: number }[] } = JSON.parse(await answer.text());
  return captions.map(({ seq }) => seq);
}

test('a cut line and a relay that restarts move nothing, lose nothing and repeat nothing for who reads the past', async () => {
  const page = await browser.openPage(
    `http://127.0.0.1:${proxy.port}/rooms/${room}?view=reader#token=${tokens.read}`,
    phone,
  );
  const views: number[][] = [];
  const look = async () => {
    views.push(await seqs(page));
  };
  await expect.poll(() => inSight(page).then((all) => all.at(-1)), { timeout: 15_000 }).toBe(sentence(saidBefore));
  // So far up that the live end is no longer in the document.
  await expect
    .poll(
      async () => {
        await scrollBy(page, -1500);
        await look();
        return (views.at(-1)?.at(-1) ?? saidBefore) < saidBefore;
      },
      { timeout: 20_000, interval: 30 },
    )
    .toBe(true);
  await expect.poll(() => goButton(page), patient).toMatch(/^Jump to live/);
  await expect
    .poll(async () => (await page.page.locator('#top p').textContent()) ?? '', patient)
    .not.toMatch(/Loading/);
  const before = await inSight(page);
  const tops = await Promise.all(before.map((each) => topOf(page.page, each)));
  const isUnmoved = async () => {
    expect(await inSight(page)).toEqual(before);
    for (const [i, each] of before.entries()) expect(await topOf(page.page, each)).toBeCloseTo(tops[i] ?? 0, 1);
    await look();
  };

  await proxy.refuse(true);
  await play();
  await expect.poll(() => page.page.locator('#notice').textContent(), patient).toMatch(/Connection lost/);
  await isUnmoved();
  await proxy.refuse(false);
  await expect.poll(() => goButton(page), { timeout: 15_000 }).toBe(`Jump to live${saidNow} new`);
  await isUnmoved();

  await relay.stop();
  relay = await TestRelay.start({ dataDir, engine, port: relay.port });
  await play();
  await expect.poll(() => goButton(page), { timeout: 20_000 }).toBe(`Jump to live${saidNow * 2} new`);
  await isUnmoved();

  // Down to the live end by hand, then up to the first.
  await expect
    .poll(
      async () => {
        await scrollBy(page, 1500);
        await look();
        return goButton(page);
      },
      { timeout: 20_000, interval: 30 },
    )
    .toBe('Pause');
  await expect
    .poll(
      async () => {
        await scrollBy(page, -1500);
        await look();
        return page.page.locator('#top p').textContent();
      },
      { timeout: 20_000, interval: 30 },
    )
    .toBe('This is where it begins.');
  await look();

  const all = await transcript();
  expect(all.length).toBe(saidBefore + 2 * saidNow);
  for (const view of views) {
    const from = all.indexOf(view[0] ?? -1);
    expect(view).toEqual(all.slice(from, from + view.length));
  }
  expect(new Set(views.flat()).size).toBe(all.length);
}, 90_000);
