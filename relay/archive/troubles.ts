import type { Alarm } from '../protocol.js';
import type { Archive } from './archive.ts';
import type { Erasure } from './erasure.ts';
import type { Recording } from './recordings.ts';
import type { UploadQueue } from './uploads.ts';

export type RecordingTrouble = Pick<Alarm, 'severity' | 'message' | 'hint'>;

/** What troubles follow from: `Archiving`. */
export interface RecordingFacts {
  readonly recordings: { of(room: string): readonly Recording[] };
  readonly archiver: {
    readonly archive: Pick<Archive, 'fault'>;
    readonly uploads: Pick<UploadQueue, 'state'>;
    readonly erasure: Pick<Erasure, 'state'>;
  } | null;
}
type Archiver = NonNullable<RecordingFacts['archiver']>;

/** What the store does not take for a while is nobody's work yet. */
const patienceMs = 10 * 60_000;
const erasurePatienceMs = 3_600_000;
/** Of what waits for the store: from here on somebody should look. */
const fullShare = 0.8;
/** A recording that will never be is told for so long. */
const toldMs = 24 * 3_600_000;

/** What is wrong with recordings as a whole; null where nothing is. */
export function troubleOf(archiving: Pick<RecordingFacts, 'archiver'>, nowMs: number): RecordingTrouble | null {
  const { archiver } = archiving;
  if (!archiver) return null;
  const { fault } = archiver.archive;
  if (fault)
    return { severity: 'fault', message: `A recording cannot be made: ${sentence(fault.message)}`, hint: fault.hint };
  return backlogTrouble(archiver, nowMs) ?? erasureTrouble(archiver, nowMs);
}

/** What became of a room's recordings that somebody has to know of. */
export function roomTroubleOf(
  { recordings, archiver }: RecordingFacts,
  room: string,
  nowMs: number,
): RecordingTrouble | null {
  const isNew = (toMs: number | null) => toMs !== null && nowMs - toMs < toldMs;
  const failed = recordings.of(room).findLast(({ state, toMs }) => state === 'failed' && isNew(toMs));
  if (!failed || !archiver) return null;
  const name = failed.title === '' ? failed.talk : failed.title;
  return {
    severity: 'warning',
    message: `The recording of “${name}” failed: ${sentence(failed.message)}`,
    hint: failed.hint,
  };
}

function backlogTrouble({ uploads }: Pick<Archiver, 'uploads'>, nowMs: number): RecordingTrouble | null {
  const { waitingBytes, maxBacklogBytes, oldestMs, error } = uploads.state;
  const isFull = waitingBytes >= fullShare * maxBacklogBytes;
  const isLate = oldestMs !== null && nowMs - oldestMs >= patienceMs;
  if (!isFull && !(isLate && error)) return null;
  const waiting = `Recordings wait for their store: ${(waitingBytes / 1e9).toFixed(1)} GB`;
  return {
    severity: isFull ? 'fault' : 'warning',
    message: error
      ? `${waiting}. ${sentence(error.message)}`
      : `${waiting}, nearly as much as --max-recording-backlog.`,
    hint: error?.hint ?? 'Give the relay a faster line to the store, or raise --max-recording-backlog.',
  };
}

function erasureTrouble({ erasure }: Pick<Archiver, 'erasure'>, nowMs: number): RecordingTrouble | null {
  const { error, oldestMs } = erasure.state;
  if (!error || oldestMs === null || nowMs - oldestMs < erasurePatienceMs) return null;
  const message = `What was to be deleted is still in the store of recordings: ${sentence(error.message)}`;
  return { severity: 'warning', message, hint: error.hint };
}

const sentence = (words: string) => (/[.!?…]$/.test(words) ? words : `${words}.`);
