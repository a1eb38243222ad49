import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { accessibilityFaults, contrasts } from './harness/axe.ts';
import { type OpenPage, type OpenPageOptions, TestBrowser } from './harness/browser.ts';
import { fakeMicrophone } from './harness/microphone-room.ts';
import { TestRelay, temporaryFolder } from './harness/programs.ts';
import { keepScreenshot } from './harness/screenshots.ts';
import { tonedNumbers } from './harness/toned-numbers.ts';
import { writeWav } from './harness/wav.ts';

const phone = { width: 390, height: 844 };
const folder = temporaryFolder();
let relay: TestRelay;
let browser: TestBrowser;
let opened: OpenPage;
/** Each test has a room of its own: no source of one stands in the way of another's. */
let room = '';
let rooms = 0;
let publish = '';

beforeAll(async () => {
  const wav = join(folder.path, 'speech.wav');
  writeWav(wav, tonedNumbers(0, 600));
  [relay, browser] = await Promise.all([
    TestRelay.start({ dataDir: join(folder.path, 'relay') }),
    TestBrowser.launch({ more: [...fakeMicrophone(wav), '--host-resolver-rules=MAP relay.example 127.0.0.1'] }),
  ]);
});
beforeEach(async () => {
  room = `hall-${++rooms}`;
  ({ publish } = await relay.room(room, { name: 'Sala Verdi', language: 'it-IT' }));
});
afterAll(async () => {
  await browser.close();
  await relay.stop();
  folder.remove();
});
afterEach(() => opened.close());

const says = (page: Page, words: string | RegExp, timeoutMs = 10_000) =>
  page.locator('#state').getByText(words).waitFor({ timeout: timeoutMs });
const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();

async function open(options: OpenPageOptions & { token?: string; host?: string; with?: TestBrowser } = {}) {
  const { token = publish, host = '127.0.0.1', with: other = browser, ...rest } = options;
  const url = `http://${host}:${relay.port}/rooms/${room}/microphone${token ? `#token=${token}` : ''}`;
  opened = await other.openPage(url, { viewport: phone, ...rest });
  return opened.page;
}

/** Everything on the page is whole, readable and in reach, on a phone in both colours. */
async function looksRight(page: Page, name: string) {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    expect(await accessibilityFaults(page)).toEqual([]);
    expect((await contrasts(page))[0]?.ratio).toBeGreaterThan(4.5);
    await keepScreenshot(page, `microphone ${name} ${colorScheme}`);
  }
  const { width, small } = await page.evaluate(() => ({
    width: document.documentElement.scrollWidth,
    small: [...document.querySelectorAll('button:not([hidden])')].filter(
      (each) => each.getBoundingClientRect().height < 44,
    ).length,
  }));
  expect([width, small]).toEqual([phone.width, 0]);
}

describe('the page of the stand-in microphone', () => {
  test('is one big button, says who it speaks for, and works by the strictest policy', async () => {
    const page = await open();
    await says(page, 'Ready.');
    expect(await page.locator('h1').textContent()).toBe('Sala Verdi');
    const power = await page.locator('#power').boundingBox();
    expect(power && power.height >= 100 && power.width > 300).toBe(true);
    await looksRight(page, 'ready');
    await press(page, 'Start');
    await says(page, 'This device is the room’s microphone');
    await page.locator('#facts').getByText('it-IT').waitFor();
    await expect
      .poll(() => page.locator('#level').evaluate((meter: HTMLMeterElement) => meter.value))
      .toBeGreaterThan(-40);
    const { live } = await relay.call<{ live: { source: { device: string; health: { source: { name: string } } } } }>(
      'GET',
      `/api/rooms/${room}`,
    );
    expect(live.source.device).toMatch(/^microphone-[0-9a-f]{8}$/);
    expect(live.source.health.source.name).toContain('Fake');
    await looksRight(page, 'in charge');
    await press(page, 'Stop');
    await says(page, 'All that was said has arrived');
    await looksRight(page, 'finished');
    expect(opened.consoleErrors).toEqual([]);
    expect(opened.requests.every((url) => new URL(url).port === String(relay.port))).toBe(true);
  });

  test('can be used by keys alone and tells a screen reader each new state once', async () => {
    const page = await open();
    await says(page, 'Ready.');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('power');
    await page.evaluate(() => {
      const told: string[] = [];
      Object.assign(window, { told });
      const message = document.querySelector('#message');
      if (message)
        new MutationObserver(() => told.push(message.textContent ?? '')).observe(message, { childList: true });
    });
    await page.keyboard.press('Enter');
    await says(page, 'This device is the room’s microphone');
    await page.keyboard.press('Enter');
    await says(page, 'has arrived');
    const told = await page.evaluate(() => (window as unknown as { told: string[] }).told);
    expect(told.length).toBe(new Set(told).size);
  });

  test('resamples where the browser keeps a rate of its own', async () => {
    const page = await open({
      prepare: async (each) => {
        await each.addInitScript(() => {
          const Real = window.AudioContext;
          window.AudioContext = class extends Real {
            constructor() {
              super({ sampleRate: 44_100 });
            }
          };
        });
      },
    });
    await press(page, 'Start');
    await says(page, 'This device is the room’s microphone');
    const rate = async () =>
      (
        await relay.call<{ live: { source: { health: { source: { rateHz: number } } } | null } }>(
          'GET',
          `/api/rooms/${room}`,
        )
      ).live.source?.health.source.rateHz;
    await expect.poll(rate, { timeout: 10_000 }).toBe(44_100);
    await expect
      .poll(() => page.locator('#level').evaluate((meter: HTMLMeterElement) => meter.value))
      .toBeGreaterThan(-40);
  });

  test('asks before it is left with sound that is not stored, and only then', async () => {
    const page = await open();
    const asked: string[] = [];
    page.on('dialog', (dialog) => {
      asked.push(dialog.type());
      void dialog.accept();
    });
    await says(page, 'Ready.');
    await page.reload();
    expect(asked).toEqual([]);
    await press(page, 'Start');
    await says(page, 'This device is the room’s microphone');
    await page.reload();
    expect(asked).toEqual(['beforeunload']);
    // It said goodbye, so it need not wait for itself.
    await press(page, 'Start');
    await says(page, 'This device is the room’s microphone', 5000);
  });

  test('says when the microphone is taken away, and goes on when it is back', async () => {
    const page = await open({
      prepare: async (each) => {
        await each.addInitScript(() => {
          const { mediaDevices } = navigator;
          const real = mediaDevices.getUserMedia.bind(mediaDevices);
          mediaDevices.getUserMedia = async (constraints) => {
            const stream = await real(constraints);
            Object.assign(window, { track: stream.getAudioTracks()[0] });
            return stream;
          };
        });
      },
    });
    await press(page, 'Start');
    await says(page, 'This device is the room’s microphone');
    await page.evaluate(() => {
      const { track } = window as unknown as { track: MediaStreamTrack };
      track.stop();
      track.dispatchEvent(new Event('ended'));
    });
    await says(page, 'The microphone was taken away');
    await says(page, 'This device is the room’s microphone');
    await page.locator('#events').getByText('taken away').waitFor();
    await expect
      .poll(() => page.locator('#level').evaluate((meter: HTMLMeterElement) => meter.value))
      .toBeGreaterThan(-40);
  });

  test('says when the browser stopped the sound, and what to press', async () => {
    const page = await open({
      prepare: async (each) => {
        await each.addInitScript(() => {
          const Real = window.AudioContext;
          window.AudioContext = class extends Real {
            constructor(options?: AudioContextOptions) {
              super(options);
              Object.assign(window, { context: this, heldBack: true });
            }
            override resume() {
              return 'heldBack' in window && window.heldBack ? Promise.resolve() : super.resume();
            }
          };
        });
      },
    });
    await press(page, 'Start');
    await says(page, 'This device is the room’s microphone');
    await page.evaluate(() => (window as unknown as { context: AudioContext }).context.suspend());
    await says(page, 'The browser has stopped the microphone');
    await looksRight(page, 'stopped by the browser');
    // Not before it is pressed: the page tries by itself, too.
    await page.evaluate(() => {
      addEventListener('click', () => Object.assign(window, { heldBack: false }), { capture: true, once: true });
    });
    await press(page, 'Go on');
    await says(page, 'This device is the room’s microphone');
    await page
      .locator('#events')
      .getByText(/gave nothing for \d+\.\d s/)
      .waitFor();
  });

  test('of an organizer’s pause says so', async () => {
    const page = await open();
    await press(page, 'Start');
    await says(page, 'This device is the room’s microphone');
    await relay.call('PUT', `/api/rooms/${room}/paused`, { paused: true });
    await says(page, 'An organizer has paused the captions');
    await relay.call('PUT', `/api/rooms/${room}/paused`, { paused: false });
    await says(page, 'This device is the room’s microphone');
  });

  test('of a link without a token, with a wrong one or with one that was revoked says that it opens nothing', async () => {
    for (const token of ['', `${publish.slice(0, -4)}AAAA`]) {
      const page = await open({ token });
      await says(page, 'This link opens nothing any more');
      expect(await page.locator('#power').isDisabled()).toBe(true);
      await opened.close();
    }
    const { id, token } = await relay.call<{ id: string; token: string }>('POST', `/api/rooms/${room}/tokens`, {
      right: 'publish',
    });
    const page = await open({ token });
    await press(page, 'Start');
    await says(page, 'This device is the room’s microphone');
    await relay.call('DELETE', `/api/rooms/${room}/tokens/${id}`);
    await says(page, 'This link opens nothing any more');
    await looksRight(page, 'revoked');
  });

  test('on a page that did not come safely says in words that browsers give it no microphone', async () => {
    const page = await open({ host: 'relay.example' });
    await says(page, 'only to pages that came by https');
    await says(page, 'https://relay.example');
    expect(await page.locator('#power').isDisabled()).toBe(true);
    await looksRight(page, 'insecure');
  });
});

describe('a browser', () => {
  let other: TestBrowser;
  afterEach(() => other.close());

  test('whose user does not allow the microphone is told how to', async () => {
    other = await TestBrowser.launch({
      more: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream=deny'],
    });
    const page = await open({ with: other });
    await press(page, 'Start');
    await says(page, 'may not use the microphone');
    await says(page, 'Allow the microphone for this page');
    await looksRight(page, 'not allowed');
    expect(await page.locator('#power').textContent()).toBe('Start');
  });

  test('without a microphone is told that there is none', async () => {
    other = await TestBrowser.launch({ more: ['--use-fake-ui-for-media-stream'] });
    const page = await open({ with: other });
    await press(page, 'Start');
    await says(page, 'No microphone was found');
    await looksRight(page, 'none found');
  });
});
