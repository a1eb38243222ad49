import { expect } from 'vitest';
import { report } from '../../relay/canonical/chain/report.ts';
import type { EngineResult } from '../../relay/canonical/contract.ts';
import { cleaned } from '../../relay/cue-text.ts';
import { aSegment, type Chained, chained } from './chain-input.ts';
import { longTalk } from './long-talk.ts';
import { visible } from './spoken.ts';
import { parseSrt, parseVtt, shownIn } from './subtitle-files.ts';

/** What holds of every transcript, whatever the engine made. */
export function expectSound({ transcript, report: told, vtt, srt }: Chained): void {
  expect(report.parse(told)).toEqual(told);
  let before = 0;
  transcript.segments.forEach(({ id, start_ms, end_ms, text, words, speaker }, i) => {
    expect(id).toBe(i);
    expect(start_ms).toBeGreaterThanOrEqual(before);
    before = start_ms;
    expect(
      words
        .map(({ w }) => w)
        .join('')
        .replaceAll(' ', ''),
    ).toBe(text.replaceAll(' ', ''));
    const times = words.flatMap((word) => [word.start_ms ?? -1, word.end_ms ?? -1]);
    const inOrder = [start_ms, ...times, end_ms, transcript.talk.duration_ms];
    expect(inOrder).toEqual(inOrder.toSorted((a, b) => a - b));
    if (speaker !== null) expect(Object.keys(transcript.speakers)).toContain(speaker);
  });
  const hidden = new Set(transcript.withheld.map(({ segment }) => segment));
  const read = transcript.segments.filter(({ id }) => !hidden.has(id));
  const letters = (text: string) => [...visible(text)].sort().join('');
  const shown = parseVtt(vtt).map(({ tree }) => shownIn(tree));
  expect(letters(shown.join(''))).toBe(letters(read.map(({ text }) => cleaned(text)).join('')));
  parseSrt(srt);
}

/** A talk in many languages of that length goes through the chain without losing a letter. */
export function expectWhole(durationMs: number, leastSegments: number): void {
  const talk = longTalk(3, durationMs);
  const zeroMs = talk[0]?.caption.start ?? 0;
  const segments = talk.map(({ caption, words }): EngineResult['segments'][number] => ({
    ...aSegment(caption.text, caption.start - zeroMs),
    end_ms: caption.end - zeroMs,
    words: words.map(([w, from, to]) => ({
      ...{ w, start_ms: Math.round(from - zeroMs), end_ms: Math.round(to - zeroMs), conf: 0.9 },
    })),
  }));
  const output = chained(segments, { manifest: { duration_ms: durationMs + 60_000, redact: true } });
  expectSound(output);
  expect(output.transcript.segments.length).toBeGreaterThan(leastSegments);
  const letters = (texts: readonly string[]) => [...visible(texts.join(''))].sort().join('');
  const said = letters(talk.map(({ caption }) => cleaned(caption.text)));
  expect(letters(output.transcript.segments.map(({ text }) => text))).toBe(said);
}
