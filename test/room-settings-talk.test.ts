import { setTimeout as delay } from 'node:timers/promises';
import { describe, test } from 'vitest';
import type { Caption } from '../relay/protocol.js';
import { Talk } from './harness/talk.ts';
import { finished, verdictOf, whole } from './harness/verdict.ts';

const outageMs = 12_000;
/** A setting governs to half a second. */
const boundaryMs = 500;

const speakers = (talk: Talk, speakerLabels: boolean) =>
  talk.parts.relay.call('PUT', '/api/rooms/hall', { recognition: { speakerLabels } });

/** Captions that were spoken clear of every change, and whose speaker is not as it was set for their time. */
function wronglyNamed(captions: readonly Caption[], changes: readonly { atMs: number; on: boolean }[]): Caption[] {
  return captions.filter(({ start, end, speaker }) => {
    if (changes.some(({ atMs }) => start - boundaryMs < atMs && atMs < end + boundaryMs)) return false;
    const on = changes.findLast(({ atMs }) => atMs <= start)?.on ?? false;
    return speaker !== (on ? '0' : null);
  });
}

describe.concurrent('a setting changed in the running talk', { timeout: 150_000 }, () => {
  test('holds for what is said from then on, and no word is lost', async ({ expect, onTestFinished }) => {
    const talk = new Talk({ numbers: 200, segmentWords: 5, describe: () => ({ speaker: '0' }) });
    onTestFinished(() => talk.stop());
    await talk.start();
    await talk.said(30);
    const changes = [{ atMs: Date.now(), on: true }];
    await speakers(talk, true);
    await talk.said(100);
    changes.push({ atMs: Date.now(), on: false });
    await speakers(talk, false);
    expect(await finished(talk, 60_000)).toBe(0);
    expect(await verdictOf(talk, 'settings in the running talk')).toEqual(whole);
    const captions = await talk.transcript();
    expect(wronglyNamed(captions, changes)).toEqual([]);
    expect(new Set(captions.map(({ speaker }) => speaker))).toEqual(new Set([null, '0']));
    expect(talk.standIn.sessions.map(({ asked }) => asked.speakers)).toEqual([false, true, false]);
  });

  test('during an outage holds for what is spoken after it, also where that is filled in later', async ({
    expect,
    onTestFinished,
  }) => {
    const talk = new Talk({ numbers: 330, segmentWords: 5, describe: () => ({ speaker: '0' }) });
    onTestFinished(() => talk.stop());
    await talk.start();
    await talk.said(30);
    await talk.parts.proxy.refuse(true);
    talk.parts.proxy.cut();
    await delay(outageMs / 2);
    const changes = [{ atMs: Date.now(), on: true }];
    await speakers(talk, true);
    await delay(outageMs / 2);
    await talk.parts.proxy.refuse(false);
    expect(await finished(talk, 90_000)).toBe(0);
    expect(await verdictOf(talk, 'settings in an outage')).toEqual(whole);
    const captions = await talk.transcript();
    expect(wronglyNamed(captions, changes)).toEqual([]);
    const late = captions.filter((caption) => caption.late);
    expect(new Set(late.map(({ speaker }) => speaker))).toEqual(new Set([null, '0']));
  });

  test('to the identification of languages labels each word with the one it is said in', async ({
    expect,
    onTestFinished,
  }) => {
    const italian = (number: number) => number % 40 >= 20;
    const talk = new Talk({
      numbers: 200,
      segmentWords: 5,
      describe: ({ text }) => ({ language: italian(Number(text.slice(1))) ? 'it-IT' : 'en-US' }),
    });
    onTestFinished(() => talk.stop());
    await talk.start();
    await talk.said(30);
    const changedMs = Date.now();
    await talk.parts.relay.call('PUT', '/api/rooms/hall', {
      recognition: { identification: 'multiple', languageOptions: ['en-US', 'it-IT'] },
    });
    expect(await finished(talk, 60_000)).toBe(0);
    expect(await verdictOf(talk, 'identification')).toEqual(whole);
    for (const { text, language, start } of await talk.transcript()) {
      if (start < changedMs - boundaryMs) expect(language).toBe('en-US');
      if (start < changedMs + boundaryMs) continue;
      for (const word of text.split(' '))
        expect([word, language]).toEqual([word, italian(Number(word.slice(1))) ? 'it-IT' : 'en-US']);
    }
  });
});
