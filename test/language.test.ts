import { afterEach, expect, test } from 'vitest';
import { judge, Talk } from './harness/talk.ts';

let talk: Talk | undefined;

afterEach(async () => {
  await talk?.stop();
  talk = undefined;
});

test('a language assigned in mid-talk holds for what is said from then on, over the same uplink connection', {
  timeout: 90_000,
}, async () => {
  talk = await new Talk({ numbers: 200, language: 'en-US' }).start();
  await talk.said(30);
  const { relay, proxy, reader } = talk.parts;
  const connections = proxy.accepted;
  const assignedMs = Date.now();
  await relay.call('PUT', '/api/rooms/hall/language', { language: 'it-IT' });
  expect(await talk.played(60_000)).toBe(0);
  await talk.captioned();

  expect(judge(talk.shown(), talk.numbers)).toEqual({ lost: [], repeated: [], backwards: [] });
  expect(proxy.accepted).toBe(connections);
  const captions = reader.captions().toSorted((a, b) => a.start - b.start);
  const firstItalian = captions.findIndex(({ language }) => language === 'it-IT');
  expect(firstItalian).toBeGreaterThan(0);
  expect(captions.slice(0, firstItalian).every(({ language }) => language === 'en-US')).toBe(true);
  expect(captions.slice(firstItalian).every(({ language }) => language === 'it-IT')).toBe(true);
  expect(Math.abs((captions[firstItalian]?.start ?? 0) - assignedMs)).toBeLessThan(500);
  expect(talk.standIn.sessions.map(({ language }) => language)).toEqual(['en-US', 'it-IT']);
});
