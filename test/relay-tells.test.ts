import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { captionsProtocol } from '../relay/protocol.js';
import { bearer, type Message, Reading } from './harness/doors.ts';
import { TestRelay, temporaryFolder } from './harness/programs.ts';
import { frameAt } from './harness/virtual-feed.ts';

const folder = temporaryFolder();
const sockets: WebSocket[] = [];
let relay: TestRelay;
let tokens: { publish: string; read: string };

beforeAll(async () => {
  mkdirSync(join(folder.path, 'scripts'), { recursive: true });
  writeFileSync(join(folder.path, 'scripts/talk.txt'), '0 2 so we love new york in may\n');
  relay = await TestRelay.start({ dataDir: folder.path, engine: 'script:talk' });
  tokens = await relay.room('hall', { name: 'Sala Verdi', language: 'en-US' });
});
afterAll(async () => {
  for (const socket of sockets) socket.terminate();
  await relay.stop();
  folder.remove();
});

function connect(path: string, protocols: string[], token: string): WebSocket {
  const socket = new WebSocket(`${relay.url.replace('http', 'ws')}${path}`, protocols, bearer(token));
  sockets.push(socket);
  return socket;
}

test('a real relay tells the level of what it hears, what of a partial stays, the talk, and what is on the screen now', {
  timeout: 60_000,
}, async () => {
  await relay.call('PUT', '/api/rooms/hall/text-rules', {
    replacements: [{ find: 'new york', replace: 'NYC' }],
  });
  const talk = { title: 'On cities', speakers: ['Ada'], start: Date.now() - 60_000, end: Date.now() + 3_600_000 };
  await relay.call('PUT', '/api/rooms/hall/talks/t1', talk);
  const asked = '?partial=true&level=true';
  const reading = new Reading(connect(`/api/rooms/hall/captions${asked}`, [captionsProtocol], tokens.read));
  await reading.until((each) => each.of('status').length > 0);
  expect(reading.of('hello')).toMatchObject([{ talk: { id: 't1', title: 'On cities', speakers: ['Ada'] } }]);

  const source = connect('/ws/audio/hall', [], tokens.publish);
  await new Promise((resolve) => source.once('open', resolve));
  const playing = setInterval(() => source.send(frameAt(-20)), 100);
  await reading.until((each) => each.of('caption').length > 0 && each.of('level').length > 8);
  clearInterval(playing);
  await reading.until((each) => each.of('level').at(-1)?.rmsDbfs === -100);
  expect(new Set(reading.of('level').map(({ rmsDbfs }) => rmsDbfs))).toEqual(new Set([-20, -100]));
  expect(reading.of('level').filter(({ rmsDbfs }) => rmsDbfs === -100)).toHaveLength(1);

  const [caption] = reading.of('caption');
  expect(caption?.text).toBe('so we love NYC in may');
  const partials = reading.of('partial').filter(({ text }) => text !== '');
  const kept = ({ text, stable }: Message) => String(text).slice(0, Number(stable));
  for (const partial of partials) expect('so we love NYC in may'.startsWith(kept(partial)), kept(partial)).toBe(true);
  expect(partials.map(kept)).toContain('so we love');
  expect(partials.map(({ speaker }) => speaker)).toEqual(partials.map(() => null));

  const now = await fetch(`${relay.url}/api/rooms/hall/now.json?token=${tokens.read}&letters=12&hold=0`);
  expect(await now.json()).toMatchObject({
    lines: ['so we love', 'NYC in may'],
    talk: { id: 't1' },
    title: 'Sala Verdi',
    language: 'en-US',
  });
  await relay.call('DELETE', '/api/rooms/hall/talks/t1');
  await reading.until((each) => each.of('talk').length > 0);
  expect(reading.of('talk')).toEqual([{ type: 'talk', talk: null }]);
});
