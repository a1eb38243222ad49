import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import SrtParser from 'srt-parser-2';
import { expect } from 'vitest';
import webvtt, { type WebVttNode } from 'webvtt-parser';

const entities: Record<string, string> = JSON.parse(
  readFileSync(
    createRequire(import.meta.url)
      .resolve('webvtt-parser')
      .replace('parser.js', 'html-entities.json'),
    'utf8',
  ),
);

/** By W3C's own validator. @throws where the file is not valid, with every error */
export function parseVtt(text: string) {
  const { cues, errors } = new webvtt.WebVTTParser(entities).parse(text);
  expect(errors).toEqual([]);
  return cues;
}

/** The parser is lenient: what it writes from what it read has to be the file again. */
export function parseSrt(text: string) {
  const parser = new SrtParser();
  const blocks = parser.fromSrt(text);
  expect(parser.toSrt(blocks).replaceAll('\r', '').trimEnd()).toBe(text.trimEnd());
  expect(blocks.map(({ id }) => Number(id))).toEqual(blocks.map((_, i) => i + 1));
  return blocks;
}

/** What a cue's tree shows. */
export const shownIn = (node: WebVttNode): string =>
  node.type === 'text' ? (node.value ?? '') : (node.children ?? []).map(shownIn).join('');
