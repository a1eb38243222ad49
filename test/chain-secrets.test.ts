import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findPrivate } from '../relay/canonical/redaction/recognition.ts';
import { aLiveCaption, aSegment, chained } from './harness/chain-input.ts';
import { seeded } from './harness/random.ts';
import { secretsIn } from './harness/secret-search.ts';

interface Item {
  readonly text: string;
  readonly secret: string;
}

/** Sentences of the corpus whose private data the recognisers find: how many those are is told by their own test. */
function corpus(name: string): { language: string; items: Item[] } {
  const file: { language: string; private: string[] } = JSON.parse(
    readFileSync(join(import.meta.dirname, `redaction/${name}.json`), 'utf8'),
  );
  const items = file.private.flatMap((marked): Item[] => {
    const [, secret = ''] = /\{\w+\|([^}]*)\}/.exec(marked) ?? [];
    const text = marked.replaceAll(/\{\w+\|([^}]*)\}/g, '$1');
    const at = text.indexOf(secret);
    const isWhole = findPrivate(text, file.language).some(({ start, end }) => start <= at && end >= at + secret.length);
    return isWhole && secret.replaceAll(/[^\p{L}\p{N}]/gu, '').length >= 6 ? [{ text, secret }] : [];
  });
  return { language: file.language, items };
}

/** Every text in an output; not its times, which hold many digits. */
const textsIn = (part: unknown): string[] =>
  typeof part === 'string'
    ? [part]
    : typeof part === 'object' && part !== null
      ? Object.values(part).flatMap(textsIn)
      : [];

test.each(['en', 'it', 'de', 'fr', 'es'])('no secret of the corpus comes out of the chain anywhere: %s', (name) => {
  const { language, items } = corpus(name);
  expect(items.length).toBeGreaterThan(40);
  const random = seeded(11);
  const segments: ReturnType<typeof aSegment>[] = [];
  const turns: { speaker: string; start_ms: number; end_ms: number }[] = [];
  let at = 0;
  const say = (text: string, speaker: string) => {
    const segment = aSegment(text, at);
    segments.push(segment);
    turns.push({ speaker, start_ms: at, end_ms: segment.end_ms });
    at = segment.end_ms;
  };
  for (const { text } of items) {
    // A breath, or another's word, in the midst of it; a long silence before the next.
    const words = text.split(' ');
    const cut = Math.floor(random() * words.length);
    say(words.slice(0, cut).join(' ') || 'so', 'A');
    if (random() < 0.3) say('okay', 'B');
    else at += Math.round(random() * 1400);
    say(words.slice(cut).join(' '), 'A');
    at += 20_000;
  }
  // Some are also a part of what only looks like a secret.
  const others = items.map(({ text, secret }) => text.replaceAll(secret, '')).join('\n');
  const secrets = items.map(({ secret }) => secret).filter((secret) => secretsIn(others, [secret]).length === 0);
  expect(secrets.length).toBeGreaterThan(0.9 * items.length);
  const dropped = items.map(({ text }, i) => ({
    start_ms: i * 1000,
    end_ms: i * 1000 + 900,
    text,
    confidence: 0,
    no_speech: 1,
  }));
  const fields = {
    result: { turns, dropped },
    live: segments.map(({ text, start_ms, end_ms }) =>
      aLiveCaption(text.replace('e', 'ee'), start_ms, end_ms, { language }),
    ),
  };
  const manifest = { duration_ms: at, languages: [{ from_ms: 0, language }] };
  const plain = chained(segments, { manifest, ...fields });
  expect(secretsIn(textsIn(plain).join('\n'), secrets).length).toBeGreaterThan(items.length / 2);
  const output = chained(segments, { manifest: { ...manifest, redact: true }, ...fields });
  const { transcript, vtt, srt } = output;
  const words = transcript.segments.map((segment) => segment.words.map(({ w }) => w).join(' '));
  const texts = [...textsIn(transcript.segments), ...textsIn(output.report), ...words, vtt, srt];
  expect(secretsIn(texts.join('\n'), secrets)).toEqual([]);
  for (const { segment, start, end } of transcript.redactions)
    expect(transcript.segments[segment]?.text.slice(start, end)).toMatch(/^\[(card|iban|mail|phone|ip|mac|id)\]$/);
});
