import type { LiveTranscript, Manifest } from '../canonical/contract.ts';
import { recordingFolder } from '../canonical/contract.ts';
import { redactInTurns } from '../canonical/redaction/in-turns.ts';
import type { CaptionLog } from '../captions.ts';
import { sampleRate } from '../protocol.js';
import type { Assignment } from '../rooms.ts';
import type { TextRules } from '../text-rules.ts';
import { type CutPlan, sampleAt, sampleOf } from './cut.ts';
import type { MadeFile } from './flac.ts';
import type { Recording } from './recordings.ts';

const samplesPerMs = sampleRate / 1000;

/** A part of the audio, or the live transcript, as it lies on the disk. */
export interface PartFile extends MadeFile {
  readonly name: string;
}
export interface AudioPart extends PartFile {
  readonly fromSample: number;
  readonly toSample: number;
}

export interface ManifestParts {
  readonly event: string;
  readonly recording: Recording;
  readonly plan: CutPlan;
  readonly parts: readonly AudioPart[];
  readonly live: PartFile & Pick<LiveTranscript, 'log' | 'revision'>;
  /** Of the room, in order of time. */
  readonly assignments: readonly Assignment[];
  readonly vocabulary: readonly string[];
  readonly textRules: { readonly room: TextRules; readonly event: TextRules };
}

/** Where the recording is in the store; ends with a slash. */
export const folderOf = (event: string, { room, talk, revision }: Recording): string =>
  recordingFolder({ event, room, talk }, revision);

/** The live captions of the stretch as they stand now, by samples of the recording; `redact`: without private data. */
export async function liveOf(
  plan: CutPlan,
  log: Pick<CaptionLog, 'id' | 'seq' | 'spoken'>,
  redact: boolean,
  step: () => Promise<void>,
): Promise<LiveTranscript> {
  const revision = log.seq;
  const captions: LiveTranscript['captions'] = [];
  for (const page of log.spoken.pages({ from: plan.fromMs, to: plan.fromMs + plan.samples / samplesPerMs })) {
    for (const { caption } of page) {
      const { seq, text, language, speaker, stream, from, to, start, end } = caption;
      const startMs = msOf(plan, stream, from) ?? Math.round(start - plan.fromMs);
      const endMs = msOf(plan, stream, to) ?? Math.round(end - plan.fromMs);
      captions.push({ seq, start_ms: startMs, end_ms: Math.max(startMs, endMs), text, language, speaker });
    }
    await step();
  }
  if (redact) {
    const texts = await redactInTurns(captions, step);
    for (const [i, caption] of captions.entries()) caption.text = texts[i] ?? '';
  }
  return { schema: 'sala.live.v1', log: log.id, revision, captions };
}

function msOf(plan: CutPlan, stream: string, position: number): number | null {
  const sample = sampleOf(plan, stream, position);
  return sample === null ? null : Math.round(sample / samplesPerMs);
}

export function manifestOf({ event, recording, plan, parts, live, assignments, ...rest }: ManifestParts): Manifest {
  const folder = folderOf(event, recording);
  const stored = ({ name, sha256, bytes }: PartFile) => ({ key: `${folder}${name}`, sha256, bytes });
  return {
    ...{ schema: 'sala.recording.v1', event, room: recording.room, room_title: recording.roomTitle },
    ...{ talk: recording.talk, revision: recording.revision, title: recording.title },
    speakers: [...recording.speakers],
    started_at: new Date(Math.round(plan.fromMs)).toISOString(),
    duration_ms: Math.round(plan.samples / samplesPerMs),
    ...{ sample_rate: sampleRate, channels: plan.channels, samples: plan.samples },
    parts: parts.map((part) => ({ ...stored(part), from_sample: part.fromSample, to_sample: part.toSample })),
    holes: plan.holes.map(({ from, to, reason }) => ({ from_sample: from, to_sample: to, reason })),
    pauses: pausesIn(plan, assignments),
    languages: languagesIn(plan, assignments),
    live: { ...stored(live), log: live.log, revision: live.revision },
    ...{ redact: recording.redact, engine: recording.engine },
    vocabulary: [...rest.vocabulary],
    text_rules: rest.textRules,
  };
}

/** What governed, from which sample on; in order, the first from 0. */
function governing(plan: CutPlan, assignments: readonly Assignment[]) {
  const at = assignments.map(({ fromMs }) => sampleAt(plan, fromMs));
  // Of several from before the beginning the last one counts, and the first of all governs what is before it.
  return assignments.flatMap((assignment, i) => {
    const [from, to] = [i === 0 ? 0 : (at[i] ?? 0), at[i + 1] ?? plan.samples];
    return from < to ? [{ assignment, from, to }] : [];
  });
}

function pausesIn(plan: CutPlan, assignments: readonly Assignment[]): Manifest['pauses'] {
  const pauses: Manifest['pauses'] = [];
  for (const { assignment, from, to } of governing(plan, assignments)) {
    if (!assignment.paused) continue;
    const last = pauses.at(-1);
    if (last?.to_sample === from) last.to_sample = to;
    else pauses.push({ from_sample: from, to_sample: to });
  }
  return pauses;
}

function languagesIn(plan: CutPlan, assignments: readonly Assignment[]): Manifest['languages'] {
  const languages: Manifest['languages'] = [];
  for (const { assignment, from } of governing(plan, assignments))
    if (languages.at(-1)?.language !== assignment.language)
      languages.push({ from_ms: Math.round(from / samplesPerMs), language: assignment.language });
  const [present] = assignments.slice(-1);
  return languages.length > 0 ? languages : [{ from_ms: 0, language: present?.language ?? 'en-US' }];
}
