import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestBrowser } from './harness/browser.ts';
import { root, startDevice, TestRelay, temporaryFolder } from './harness/programs.ts';
import { PulseRig } from './harness/pulse.ts';
import { until } from './harness/until.ts';
import { welcome } from './harness/welcome.ts';
import { wordErrorRate, wordsOf } from './harness/words.ts';

const folder = temporaryFolder();
const wav = join(root, 'provisioning/speech/welcome.wav');
const screenshot = join(root, '.cache/screenshots/caption-page.png');
let relay: TestRelay;
let browser: TestBrowser;
let rig: PulseRig;

beforeAll(async () => {
  relay = await TestRelay.start({ dataDir: join(folder.path, 'relay'), engine: 'pocketsphinx' });
  browser = await TestBrowser.launch();
  rig = await PulseRig.start(process.env);
});

afterAll(async () => {
  await browser.close();
  await relay.stop();
  await rig.stop();
  folder.remove();
});

/** Opens the room's page as an attendee without a token does, so small that the whole speech stays on it. */
async function page(room: string) {
  const open = await browser.openPage(`${relay.url}/rooms/${room}?size=0.25`);
  const words = async () => (await open.page.locator('.row > .final').allTextContents()).join(' ');
  return { ...open, words };
}

async function device(room: string, source: string, args: string[] = [], env: NodeJS.ProcessEnv = {}) {
  const { publish } = await relay.room(room, { name: 'Sala demo', language: 'en-US', public: true });
  return startDevice({
    relay: relay.url.replace('http', 'ws'),
    room,
    token: publish,
    dataDir: join(folder.path, room),
    source,
    args,
    env,
  });
}

const whole = (words: () => Promise<string>) => {
  const expected = wordsOf(welcome.text()).length;
  const [last] = wordsOf(welcome.text()).slice(-1);
  return until(
    async () => (wordsOf(await words()).length > expected * 0.8 && (await words()).includes(last ?? '')) || undefined,
    {
      timeoutMs: 200_000,
      everyMs: 250,
      what: 'the last word of the speech',
    },
  );
};

test('the bundled speech appears on the page by PocketSphinx, from a file and from a mixer alike', {
  timeout: 420_000,
}, async () => {
  const fromFile = await device('file', `wav:${wav}`);
  const fromMixer = await device('mixer', 'mixer:mixer', ['--source-rate', '16000', '--source-channels', '1'], rig.env);
  const filePage = await page('file');
  const mixerPage = await page('mixer');
  await until(
    async () => {
      const room = await relay.call<{ live: { lastAudioMs: number | null } }>('GET', '/api/rooms/mixer');
      return room.live.lastAudioMs !== null || undefined;
    },
    { what: 'audio from the mixer' },
  );
  const played = rig.playToEnd(wav);
  const { page: screen, close } = await browser.openPage(`${relay.url}/rooms/file`);
  await screen.waitForFunction(() => document.querySelectorAll('.row > .final').length >= 4, null, {
    timeout: 120_000,
  });
  await screen.screenshot({ path: screenshot });
  await close();
  await played;
  await Promise.all([whole(filePage.words), whole(mixerPage.words)]);
  const [file, mixer] = [await filePage.words(), await mixerPage.words()];
  const errors = {
    file: wordErrorRate(welcome.text(), file),
    mixer: wordErrorRate(welcome.text(), mixer),
    between: wordErrorRate(file, mixer),
  };
  process.stdout.write(`word errors: ${JSON.stringify(errors)}\n`);
  expect(errors.file).toBeLessThanOrEqual(0.2);
  expect(errors.mixer).toBeLessThanOrEqual(0.2);
  expect(filePage.consoleErrors).toEqual([]);
  expect(await fromFile.stop()).toBe(0);
  expect(await fromMixer.stop()).toBe(0);
});
