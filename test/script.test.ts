import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ScriptEngine } from '../relay/engines/script.ts';
import { EngineRecorder } from './harness/engine-recorder.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sala-script-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function open(text: string | null, name = 'talk') {
  const path = join(folder, `${name}.txt`);
  if (text !== null) writeFileSync(path, text);
  const recorder = new EngineRecorder();
  const session = new ScriptEngine({ name, path }).open({ room: 'a-room', language: 'lij' }, recorder);
  /** Audio of the seconds [from, to) of a stream; null for silence without position. */
  const write = (from: number | null, seconds: number, stream = 'one') => {
    for (let i = 0; i < Math.round(seconds * 10); i++)
      session.write(
        new Uint8Array(3200),
        from === null ? null : { stream, position: Math.round(from * 16_000) + i * 1600 },
      );
  };
  const finish = async () => {
    session.end(1000);
    await recorder.over();
    return recorder.results('final').map((final) => final.text);
  };
  return { recorder, session, write, finish };
}

const greeting = '0 4 one two three four\n5 6 five\n';

test('what a stream has from its beginning is said whole, each word when its time has passed', async () => {
  const { recorder, write, finish } = open(greeting);
  write(0, 7);
  expect(await finish()).toEqual(['one two three four', 'five']);
  expect(recorder.results('partial').map(({ text }) => text)).toEqual([
    'one',
    'one two',
    'one two three',
    'one two three four',
    'five',
  ]);
  expect(recorder.results('final').every(({ language }) => language === 'lij')).toBe(true);
});

test('a stream picked up in the middle says only the words it has the middle of, in engine time', async () => {
  const { recorder, write, finish } = open(greeting);
  write(1.6, 2.4);
  expect(await finish()).toEqual(['three four']);
  const [final] = recorder.results('final');
  expect(final?.start).toBe(Math.round(0.4 * 16_000));
  expect(final?.end).toBe(Math.round(2.4 * 16_000));
});

test('a gap swallows the words in it', async () => {
  const { write, finish } = open(greeting);
  write(0, 1);
  write(3, 4);
  expect((await finish()).join(' ')).toBe('one four five');
});

test('silence without position says nothing, and a second of it ends the open segment', async () => {
  const { recorder, write, finish } = open(greeting);
  write(null, 6);
  write(0, 2);
  write(null, 1);
  write(2, 2);
  expect(await finish()).toEqual(['one two', 'three four']);
  expect(recorder.results('final')[0]?.start).toBe(6 * 16_000);
});

test('two sessions that meet in the middle of a line say each word once', async () => {
  const first = open(greeting);
  const second = open(null);
  first.write(0, 1.7);
  second.write(1.7, 4.3);
  expect([...(await first.finish()), ...(await second.finish())].join(' ')).toBe('one two three four five');
});

test('with a period the script goes on for ever', async () => {
  const { write, finish } = open('period 2\n0 1 hello world\n');
  write(3600, 4);
  expect(await finish()).toEqual(['hello world', 'hello world']);
});

test('the built-in load counts by position and needs no file', async () => {
  const { recorder, write, finish } = open(null, 'load');
  write(6, 6);
  expect(await finish()).toEqual(['w16 w17 w18 w19 w20 w21 w22 w23', 'w24 w25 w26 w27 w28 w29 w30 w31']);
  expect(recorder.results('partial')).toHaveLength(16);
});

test.each([
  ['no times', '0 1 fine\nhello\n', 'line 2'],
  ['an end before its start', '2 1 backwards\n', 'line 1'],
  ['a line within another', '0 5 long\n# note\n3 6 early\n', 'line 3'],
  ['a line beyond the period', 'period 2\n1 3 late\n', 'line 2'],
  ['a late period', '0 1 a\nperiod 2\n', 'line 2'],
])('a script with %s fails, naming the line', async (_title, text, where) => {
  const { recorder } = open(text, 'wrong');
  await recorder.over();
  expect(recorder.names).toEqual(['failed']);
  expect(recorder.failures[0]).toMatchObject({ kind: 'configuration', code: 'script-malformed' });
  expect(recorder.failures[0]?.message).toContain(where);
});

test('a script that is not there fails, and the next session works once it is', async () => {
  const { recorder, session, write } = open(null, 'absent');
  write(0, 1);
  await recorder.over();
  session.end(1000);
  expect(recorder.names).toEqual(['failed']);
  expect(recorder.failures[0]).toMatchObject({ kind: 'configuration', code: 'script-missing' });
  const next = open('0 1 here\n', 'absent');
  next.write(0, 1);
  expect(await next.finish()).toEqual(['here']);
});
