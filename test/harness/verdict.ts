import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { worstLag } from './lag.ts';
import { evidenceDir } from './programs.ts';
import { inOrderSpoken, judge, type Talk } from './talk.ts';

/** What a talk with nothing wrong comes to. */
export const whole = {
  reader: { lost: [], repeated: [], backwards: [] },
  transcript: { lost: [], repeated: [], backwards: [] },
  engine: { lost: [] },
};

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
export async function verdictOf(talk: Talk, name: string): Promise<typeof whole | object> {
  const transcript = await talk.transcript();
  const verdict = {
    reader: judge(talk.shown(), talk.numbers),
    transcript: judge(inOrderSpoken(transcript), talk.numbers),
    engine: { lost: judge(talk.heard(), talk.numbers).lost },
  };
  if (JSON.stringify(verdict) !== JSON.stringify(whole)) {
    const file = join(evidenceDir, `${name.replace(/\W+/g, '-')}.json`);
    mkdirSync(evidenceDir, { recursive: true });
    const sessions = talk.standIn.sessions.map((session) => session.report());
    writeFileSync(
      file,
      JSON.stringify(
        {
          verdict,
          messages: talk.parts.reader.messages,
          transcript,
          sessions,
          relay: talk.parts.relay.program.lines,
          device: talk.parts.device.lines,
        },
        null,
        1,
      ),
    );
    process.stderr.write(`kept: ${file}\n`);
  }
  return verdict;
}

/** One line of figures about a fault, printed at the end of its long form. */
export function figuresOf(talk: Talk, name: string): string {
  const captions = talk.parts.reader.shown();
  const lags = talk.lags().filter(({ late }) => !late);
  const late = captions.filter(({ caption }) => caption.late).length;
  const again = talk.heard().length - new Set(talk.heard()).size;
  const counts = judge(talk.shown(), talk.numbers);
  return `${name}: ${talk.numbers} numbers, ${counts.lost.length} lost, ${counts.repeated.length} repeated, ${counts.backwards.length} out of order; ${late} of ${captions.length} captions late; ${talk.standIn.sessions.length} engine sessions, ${again} numbers heard twice by the engine; worst lag of a live number ${(worstLag(lags, 0) / 1000).toFixed(1)} s`;
}
