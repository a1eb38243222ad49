import type { Archiving } from './archiving.ts';
import { recordingStates } from './recordings.ts';

export interface RecordingFigure {
  readonly type: 'gauge' | 'counter';
  readonly name: string;
  readonly help: string;
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** How recordings are; nothing where the relay has no store. */
export function recordingFigures({ recordings, archiver }: Archiving, nowMs: number): RecordingFigure[] {
  if (!archiver) return [];
  const { archive, uploads, erasure } = archiver;
  const { waitingBytes, waitingFiles, maxBacklogBytes, oldestMs } = uploads.state;
  const gauge = (name: string, help: string, value: number, labels?: Record<string, string>): RecordingFigure => ({
    ...{ type: 'gauge', name: `sala_${name}`, help, value, ...(labels && { labels }) },
  });
  const counter = (name: string, help: string, value: number): RecordingFigure => ({
    ...{ type: 'counter', name: `sala_${name}_total`, help, value },
  });
  const all = recordings.all();
  return [
    ...recordingStates.map((state) =>
      gauge(
        'recordings',
        'Recordings of talks, by how far they are',
        all.filter((each) => each.state === state).length,
        {
          state,
        },
      ),
    ),
    gauge('recordings_failing', 'Whether a recording cannot be made', archive.fault ? 1 : 0),
    gauge('recording_backlog_bytes', 'Files that wait for the store', waitingBytes),
    gauge('recording_backlog_max_bytes', 'How much may wait', maxBacklogBytes),
    gauge('recording_backlog_files', 'Files that wait for the store, counted', waitingFiles),
    gauge(
      'recording_backlog_age_seconds',
      'How long the oldest waits',
      oldestMs === null ? 0 : (nowMs - oldestMs) / 1000,
    ),
    gauge('recording_erasures', 'What the store has not confirmed to be deleted', erasure.state.waiting),
    counter('recording_made_seconds', 'Sound made into files', archive.madeSeconds),
    counter('recording_uploaded_files', 'Files that the store has confirmed', uploads.storedFiles),
    counter('recording_uploaded_bytes', 'Bytes that the store has confirmed', uploads.storedBytes),
    counter('recording_upload_failures', 'Attempts to upload that failed', uploads.failures),
    counter('recording_erased_objects', 'Objects deleted from the store', erasure.deletedObjects),
  ];
}
