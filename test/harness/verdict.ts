import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { root } from './programs.ts';
import { inOrderSpoken, judge, type Talk } from './talk.ts';

const keptDir = join(root, '.cache/faults');

/** What a talk with nothing wrong comes to. */
export const whole = {
  reader: { lost: '', repeated: '', backwards: '' },
  transcript: { lost: '', repeated: '', backwards: '' },
  engine: { lost: '' },
};

/** Numbers as their runs: `40-52 61`. */
function runs(numbers: readonly number[]): string {
  const out: [number, number][] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = out.at(-1);
    if (last && last[1] === number - 1) last[1] = number;
    else out.push([number, number]);
  }
  return out.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(' ');
}

function inWords(judged: ReturnType<typeof judge>): typeof whole.reader {
  return { lost: runs(judged.lost), repeated: runs(judged.repeated), backwards: runs(judged.backwards) };
}

/** Plays a talk to its end: the device ends by itself once all is stored, and all that was said is captioned. */
export async function finished(talk: Talk, timeoutMs: number): Promise<number | null> {
  const status = await talk.played(timeoutMs);
  await talk.captioned();
  return status;
}

/**
 * What was lost, repeated or out of order of a talk: at the engine's input (over all sessions; a part of it is heard twice
 * by design, where sessions overlap), at the reader's end and in the transcript. What is not whole is kept as evidence.
 */
export async function verdictOf(talk: Talk, name: string): Promise<typeof whole> {
  const transcript = await talk.transcript();
  const verdict = {
    reader: inWords(judge(talk.shown(), talk.numbers)),
    transcript: inWords(judge(inOrderSpoken(transcript), talk.numbers)),
    engine: { lost: runs(judge(talk.heard(), talk.numbers).lost) },
  };
  if (JSON.stringify(verdict) !== JSON.stringify(whole)) await keepEvidence(talk, name, verdict);
  return verdict;
}

/** Writes down all that the programs, the engine and the reader said, for whoever looks into a red test. */
export async function keepEvidence(talk: Talk, name: string, found: unknown): Promise<void> {
  const { relay, device, reader } = talk.parts;
  const file = join(keptDir, `${name.replace(/\W+/g, '-')}.json`);
  mkdirSync(keptDir, { recursive: true });
  const evidence = {
    found,
    transcript: await talk.transcript(),
    spool: spoolOf(talk),
    messages: reader.messages,
    sessions: talk.standIn.sessions.map((session) => session.report()),
    relay: relay.program.lines,
    device: device.lines,
  };
  writeFileSync(file, JSON.stringify(evidence, null, 1));
  process.stderr.write(`kept: ${file}\n`);
}

/** The relay's own book of its streams. */
function spoolOf(talk: Talk): unknown {
  const db = new Database(join(talk.relayDir, 'relay.db'), { readonly: true });
  try {
    return ['streams', 'holes', 'anchors'].map((table) => db.prepare(`SELECT * FROM ${table}`).all());
  } finally {
    db.close();
  }
}

/** One line of figures about a fault, printed at the end of its long form. */
export function figuresOf(talk: Talk, name: string): string {
  const captions = talk.parts.reader.shown();
  const late = captions.filter(({ caption }) => caption.late).length;
  const again = talk.heard().length - new Set(talk.heard()).size;
  const counts = judge(talk.shown(), talk.numbers);
  return `${name}: ${talk.numbers} numbers, ${counts.lost.length} lost, ${counts.repeated.length} repeated, ${counts.backwards.length} out of order; ${late} of ${captions.length} captions late; ${talk.standIn.sessions.length} engine sessions, ${again} numbers heard twice by the engine`;
}
