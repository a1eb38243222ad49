import type { RecordingFigure } from '../archive/figures.ts';
import type { RecordingTrouble } from '../archive/troubles.ts';
import type { Sink } from './sink.ts';

/** What ClickHouse does not take for a while is nobody's work yet. */
const patienceMs = 10 * 60_000;

/** How the sink is; nothing where there is none. */
export function sinkFigures(
  sink: Pick<Sink, 'state' | 'sentTalks' | 'failures'> | null,
  nowMs: number,
): RecordingFigure[] {
  if (!sink) return [];
  const { waiting, oldestMs } = sink.state;
  const age = oldestMs === null ? 0 : Math.max(0, nowMs - oldestMs) / 1000;
  return [
    { type: 'gauge', name: 'sala_sink_waiting', help: 'Talks that wait for ClickHouse', value: waiting },
    { type: 'gauge', name: 'sala_sink_age_seconds', help: 'How long the oldest of them waits', value: age },
    { type: 'counter', name: 'sala_sink_talks_total', help: 'Talks that ClickHouse has taken', value: sink.sentTalks },
    { type: 'counter', name: 'sala_sink_failures_total', help: 'Attempts that failed', value: sink.failures },
  ];
}

/** What is wrong with the sink that somebody has to know of; null: nothing. */
export function sinkTroubleOf(sink: Pick<Sink, 'state'> | null, nowMs: number): RecordingTrouble | null {
  const { waiting, oldestMs, error } = sink?.state ?? { waiting: 0, oldestMs: null, error: null };
  if (!error || oldestMs === null || nowMs - oldestMs < patienceMs) return null;
  const talks = waiting === 1 ? 'A transcript waits' : `${waiting} transcripts wait`;
  return { severity: 'warning', message: `${talks} to be sent to ClickHouse. ${error.message}`, hint: error.hint };
}
