import type { Caption } from '../../relay/protocol.js';
import { numbersOf } from './lag.ts';
import { blockSamples, numberedBlocks } from './numbered-signal.ts';
import { Talk } from './talk.ts';
import { finished, verdictOf, type whole } from './verdict.ts';
import { writeWav } from './wav.ts';

/** Seconds of numbers, or of silence. */
export type Part = readonly [what: 'speech' | 'silence', seconds: number];

const sampleRate = 16_000;
/** The service rounds to milliseconds. */
const toleranceSamples = 16;
/** Room time rests on anchors that came over a real line. */
const toleranceMs = 200;
/** Of each session: the service's billing minimum. */
const minBilledSeconds = 15;

/** Numbers with silence between them, and where in it each of them begins. */
function arranged(parts: readonly Part[]): { audio: Int16Array; placeOf: readonly number[] } {
  const blocksOf = (seconds: number) => Math.round(seconds * 10);
  const audio = new Int16Array(parts.reduce((sum, [, seconds]) => sum + blocksOf(seconds), 0) * blockSamples);
  const placeOf: number[] = [];
  let at = 0;
  for (const [what, seconds] of parts) {
    const blocks = blocksOf(seconds);
    if (what === 'speech') {
      audio.set(numberedBlocks(placeOf.length, blocks), at);
      for (let i = 0; i < blocks; i++) placeOf.push(at + i * blockSamples);
    }
    at += blocks * blockSamples;
  }
  return { audio, placeOf };
}

export interface PaidTalkOptions {
  readonly name: string;
  readonly parts: readonly Part[];
  readonly relayArgs: readonly string[];
  readonly cleanUp: (work: () => Promise<void>) => void;
}

export interface PaidTalk {
  readonly verdict: typeof whole;
  /** Captions that are not where, or not when, their numbers were spoken. */
  readonly misplaced: readonly string[];
  readonly failures: number;
  /** Billed seconds by the relay's own account, and as the stand-in saw its sessions. */
  readonly spentSeconds: number;
  readonly billedSeconds: number;
  /** How long each session lasted at the stand-in, s. */
  readonly sessions: readonly number[];
}

/** A talk of such parts on the real path, from the device to the reader; what came of it, and what it cost. */
export async function paidTalk({ name, parts, relayArgs, cleanUp }: PaidTalkOptions): Promise<PaidTalk> {
  const { audio, placeOf } = arranged(parts);
  const talk: Talk = new Talk({ numbers: placeOf.length, segmentWords: 5, relayArgs, sourceIn: 'parts.wav' });
  cleanUp(() => talk.stop());
  writeWav(talk.path('parts.wav'), audio);
  await talk.start();
  await finished(talk, (audio.length / sampleRate) * 1000 + 60_000);
  const { live } = await talk.room<{ live: { spent: { seconds: number }; counters: { failures: number } } }>();
  const sessions = talk.standIn.sessions.map(
    ({ startedAt, endedAt }) => ((endedAt ?? performance.now()) - startedAt) / 1000,
  );
  return {
    verdict: await verdictOf(talk, name),
    misplaced: misplaced(await talk.transcript(), placeOf),
    failures: live.counters.failures,
    spentSeconds: live.spent.seconds,
    billedSeconds: sessions.reduce((sum, seconds) => sum + Math.max(minBilledSeconds, Math.ceil(seconds)), 0),
    sessions,
  };
}

function misplaced(captions: readonly Caption[], placeOf: readonly number[]): string[] {
  const began = captions.toSorted((a, b) => a.from - b.from)[0];
  const zeroMs = began ? began.start - began.from / 16 : 0;
  return captions.flatMap(({ text, from, to, start, end }) => {
    const numbers = numbersOf({ text });
    const first = placeOf[numbers[0] ?? -1] ?? Number.NaN;
    const last = (placeOf[numbers.at(-1) ?? -1] ?? Number.NaN) + blockSamples;
    const isInPlace = Math.abs(from - first) <= toleranceSamples && Math.abs(to - last) <= toleranceSamples;
    const isInTime =
      Math.abs(start - zeroMs - first / 16) <= toleranceMs && Math.abs(end - zeroMs - last / 16) <= toleranceMs;
    return isInPlace && isInTime ? [] : [`${text}: ${from}-${to}, ${Math.round(start - zeroMs)} ms`];
  });
}
