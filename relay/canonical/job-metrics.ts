import type { Report } from './chain/report.ts';
import type { JobIdentity } from './contract.ts';
import type { PointerState } from './publishing.ts';

export interface JobFigures {
  readonly run: JobIdentity;
  readonly pointer: PointerState;
  readonly report: Report;
  readonly steps: readonly { readonly step: string; readonly ms: number }[];
  readonly totalMs: number;
  /** Wall clock time. */
  readonly atMs: number;
  readonly attempt: number;
}

const units: Readonly<Record<string, string>> = {
  AudioSeconds: 'Seconds',
  EngineSeconds: 'Seconds',
  TotalSeconds: 'Seconds',
  RealTimeFactor: 'None',
  SpeechRatio: 'None',
  MeanConfidence: 'None',
  Words: 'Count',
  Attempt: 'Count',
};

const rounded = (value: number) => Math.round(value * 10_000) / 10_000;

/** A job's figures as one line of the log, in CloudWatch's embedded metric format: there they become metrics by themselves. */
export function jobMetrics({ run, pointer, report, steps, totalMs, atMs, attempt }: JobFigures): object {
  const { duration_ms: audioMs, words, speech_ms: speechMs, confidence, dropped } = report;
  const engineMs = steps.find(({ step }) => step === 'engine')?.ms ?? 0;
  const figures: Record<string, number> = {
    AudioSeconds: audioMs / 1000,
    EngineSeconds: engineMs / 1000,
    TotalSeconds: totalMs / 1000,
    Words: words,
    Attempt: attempt,
    ...(audioMs > 0 && { RealTimeFactor: engineMs / audioMs, SpeechRatio: speechMs / audioMs }),
    ...(confidence.mean !== null && { MeanConfidence: confidence.mean }),
  };
  const Metrics = Object.keys(figures).map((Name) => ({ Name, Unit: units[Name] ?? 'None' }));
  return {
    _aws: { Timestamp: atMs, CloudWatchMetrics: [{ Namespace: 'Sala/Canonical', Dimensions: [['Engine']], Metrics }] },
    event: 'published',
    Engine: run.engine,
    ...Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, rounded(value)])),
    talk: `${run.event}/${run.room}/${run.talk}`,
    revision: run.revision,
    pointer,
    dropped: dropped.count,
    steps: Object.fromEntries(steps.map(({ step, ms }) => [step, Math.round(ms)])),
  };
}
