import { beforeEach, expect, test } from 'vitest';
import { SourceJournal } from '../device/source-journal.ts';
import type { SourceState } from '../device/sources/source.ts';

let nowMs = 0;
let lines: { level: string; code: unknown; changes: unknown }[] = [];
let journal: SourceJournal;

const writer = (level: string) => (fields: unknown) => {
  const { code, changes } = Object(fields);
  lines.push({ level, code, changes });
};
const codes = () => lines.map(({ code }) => code);

beforeEach(() => {
  nowMs = 0;
  lines = [];
  const log = { error: writer('error'), warn: writer('warn'), info: writer('info'), debug: writer('debug') };
  journal = new SourceJournal(log, () => nowMs);
});

const capturing: SourceState = { state: 'capturing', name: 'm', format: { rateHz: 48_000, channels: 2 } };
const fault = (code: string, message = 'It is not there.'): SourceState => ({
  state: 'fault',
  name: 'm',
  fault: { code, message, hint: 'Plug it in.' },
});

/** Lets `seconds` pass, with a state in each as `stateAt` gives it. */
function pass(seconds: number, stateAt: (second: number) => SourceState | undefined = () => undefined): void {
  for (let i = 0; i < seconds; i++) {
    nowMs += 1000;
    const state = stateAt(i);
    if (state) journal.state(state);
    journal.look();
  }
}

test('a fault is written once as a warning, however often it is found again, and its end once', () => {
  journal.state(capturing);
  pass(600, (second) => fault('capture-failed', `try ${second}`));
  pass(600, () => capturing);
  expect(lines.map(({ level, code }) => [level, code])).toEqual([
    ['info', 'capturing'],
    ['warn', 'capture-failed'],
    ['info', 'capturing'],
  ]);
  journal.state(fault('mixer-silent'));
  nowMs += 2000;
  journal.state(capturing);
  expect(codes().slice(-2)).toEqual(['mixer-silent', 'capturing']);
});

test('an hour of a loose plug is a few lines a minute, and what stands in the end is written last', () => {
  const stages = [fault('mixer-silent'), fault('mixer-absent'), capturing];
  pass(3600, (second) => stages[second % 3]);
  expect(lines.length).toBeLessThanOrEqual(4 * 61);
  expect(lines.length).toBeGreaterThanOrEqual(2 * 58);
  expect(Math.max(...lines.map(({ changes }) => Number(changes ?? 0)))).toBeGreaterThan(10);
  journal.state(fault('mixer-absent'));
  pass(60);
  expect(codes().at(-1)).toBe('mixer-absent');
  const written = lines.length;
  pass(3600);
  expect(lines).toHaveLength(written);
  journal.state(capturing);
  expect(codes().at(-1)).toBe('capturing');
});
