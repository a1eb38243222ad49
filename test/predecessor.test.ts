import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { numberedBlocks } from './harness/numbered-signal.ts';
import { TestRelay, temporaryFolder } from './harness/programs.ts';
import { judge } from './harness/talk.ts';
import { until } from './harness/until.ts';
import { writeWav } from './harness/wav.ts';
import { TranscribeStandIn } from './stand-ins/transcribe.ts';
import { standInEnvironment } from './stand-ins/transcribe-environment.ts';

const folder = temporaryFolder();
let standIn: TranscribeStandIn;
let relay: TestRelay;

beforeEach(async () => {
  standIn = new TranscribeStandIn();
  const { url } = await standIn.start();
  relay = await TestRelay.start({
    dataDir: join(folder.path, 'relay'),
    engine: 'transcribe',
    env: standInEnvironment(url),
  });
});

afterEach(async () => {
  await relay.stop();
  await standIn.stop();
  folder.remove();
});

interface Said {
  readonly text: string;
  readonly is_partial: boolean;
}

function listen(path: string): Said[] {
  const said: Said[] = [];
  const socket = new WebSocket(`${relay.url.replace('http', 'ws')}${path}`);
  socket.on('message', (data) => said.push(JSON.parse(String(data))));
  return said;
}

const words = (said: readonly Said[]) =>
  said.filter((each) => !each.is_partial).flatMap(({ text }) => text.split(' ').map((word) => Number(word.slice(1))));

test('a five-line client of the predecessor captions a room, and its language counts until an organizer chose one', {
  timeout: 60_000,
}, async () => {
  const { publish, read } = await relay.room('hall');
  const finals = listen(`/ws/transcript/hall?token=${read}`);
  const all = listen(`/t/${read}/ws/transcript/hall?partial=true`);

  const audio = Buffer.from(numberedBlocks(0, 60).buffer);
  const socket = new WebSocket(`${relay.url.replace('http', 'ws')}/ws/audio/hall?lang=it-IT&token=${publish}`);
  await new Promise((resolve) => socket.once('open', resolve));
  for (let at = 0; at < audio.length; at += 5000) socket.send(audio.subarray(at, at + 5000)); // any size, as fast as it goes
  await until(() => words(finals).length >= 60 || undefined, { timeoutMs: 30_000, what: 'all finals' });
  socket.close();

  expect(judge(words(finals), 60)).toEqual({ lost: [], repeated: [], backwards: [] });
  expect(finals.every((each) => !each.is_partial && Object.keys(each).sort().join() === 'is_partial,text')).toBe(true);
  expect(all.some((each) => each.is_partial)).toBe(true);
  expect(standIn.sessions[0]?.language).toBe('it-IT');
});

test('ffmpeg into a small WebSocket pipe captions a room', { timeout: 60_000 }, async () => {
  const { publish, read } = await relay.room('hall', { language: 'en-US' });
  const finals = listen(`/t/${read}/ws/transcript/hall`);
  const wav = join(folder.path, 'talk.wav');
  writeWav(wav, numberedBlocks(0, 60));
  const pipe = join(folder.path, 'pipe.mjs');
  writeFileSync(
    pipe,
    `import { WebSocket } from '${join(import.meta.dirname, '../node_modules/ws/wrapper.mjs')}';
const socket = new WebSocket(process.argv[2]);
await new Promise((resolve) => socket.once('open', resolve));
for await (const chunk of process.stdin) socket.send(chunk);
socket.close();`,
  );
  const ffmpeg = spawn(
    'ffmpeg',
    ['-loglevel', 'error', '-re', '-i', wav, '-f', 's16le', '-ac', '1', '-ar', '16000', '-'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const sender = spawn(
    process.execPath,
    [pipe, `${relay.url.replace('http', 'ws')}/t/${publish}/ws/audio/hall?lang=it-IT`],
    { stdio: ['pipe', 'inherit', 'inherit'] },
  );
  ffmpeg.stdout.pipe(sender.stdin);
  await until(() => words(finals).length >= 60 || undefined, { timeoutMs: 40_000, what: 'all finals' });
  await new Promise((resolve) => sender.once('close', resolve));
  expect(judge(words(finals), 60)).toEqual({ lost: [], repeated: [], backwards: [] });
  expect(standIn.sessions[0]?.language).toBe('en-US');
});
