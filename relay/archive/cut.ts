import { intersect, type Range, type RangeSet, sampleRate, subtract, union } from '../protocol.js';

/** A stream as far as a cut needs to know it. */
export interface CutStream {
  readonly id: string;
  readonly channels: 1 | 2;
  /** Positions whose audio is there. */
  readonly audio: RangeSet;
  /** Why it has none elsewhere; what is in neither has not come. */
  readonly holes: readonly { readonly from: number; readonly to: number; readonly reason: string }[];
  /** The newest position that is known to exist. */
  readonly edge: number;
  /** Room time of a position, ms; never falls. */
  msAt(position: number): number;
  /** The first position of that room time or a later one; before 0 or past the end where it has none. */
  positionAt(ms: number): number;
}

/** Captured samples and their place in the recording. */
export interface CutPiece {
  readonly stream: string;
  readonly channels: 1 | 2;
  /** Of its first sample in the stream. */
  readonly position: number;
  readonly samples: number;
  /** Of its first sample in the recording. */
  readonly at: number;
  /** Room time of that. */
  readonly ms: number;
}

export interface CutHole {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** What a recording is made of. Samples of the recording lie in exactly one piece or one hole. */
export interface CutPlan {
  readonly fromMs: number;
  readonly samples: number;
  /** Of the recording: two as soon as one of its streams has two; mono is the same on both then. */
  readonly channels: 1 | 2;
  /** In order. */
  readonly pieces: readonly CutPiece[];
  /** In order. */
  readonly holes: readonly CutHole[];
}

const samplesPerMs = sampleRate / 1000;
/** Clocks of two streams agree no better: within this nothing is heard twice, and every sample is kept. */
const toleranceSamples = sampleRate / 5;

interface Run {
  readonly stream: CutStream;
  readonly from: number;
  readonly to: number;
  readonly ms: number;
}

/**
 * What the audio of a stretch of room time is made of. Within a stream its own clock places the samples, so that none is
 * put in or left out however much the sound card drifts; room time places a stream after another. Where two have audio of
 * the same time, whichever was there already goes on to its end.
 * @param streams of one room
 */
export function planOf(fromMs: number, toMs: number, streams: readonly CutStream[]): CutPlan {
  const runs = streams.flatMap((stream) => runsOf(stream, fromMs, toMs)).sort((a, b) => a.ms - b.ms);
  const pieces: CutPiece[] = [];
  let end = 0;
  let last: Run | null = null;
  for (const run of runs) {
    const at = last?.stream === run.stream ? end + run.from - last.to : placeOf(run.ms - fromMs, end);
    const heard = Math.max(0, end - at);
    const samples = run.to - run.from - heard;
    if (samples <= 0) continue;
    const position = run.from + heard;
    const { id, channels } = run.stream;
    pieces.push({ stream: id, channels, position, samples, at: at + heard, ms: run.stream.msAt(position) });
    end = at + heard + samples;
    last = run;
  }
  const whole = Math.max(0, Math.round((toMs - fromMs) * samplesPerMs));
  // Its own clock may be a little ahead or behind at the end: no sample is missing for that.
  const isCovered = last !== null && last.stream.msAt(last.to) >= toMs - 1 / samplesPerMs;
  const samples = isCovered ? end : Math.max(end, whole);
  const channels = pieces.some((piece) => piece.channels === 2) ? 2 : 1;
  return { fromMs, samples, channels, pieces, holes: holesOf(pieces, samples, fromMs, streams) };
}

/** Where audio of another stream begins, after `end`: rounding makes no hole, and clocks that do not agree lose nothing. */
function placeOf(ms: number, end: number): number {
  const wanted = Math.max(0, Math.round(ms * samplesPerMs));
  return wanted - end <= 1 && end - wanted <= toleranceSamples ? end : wanted;
}

function runsOf(stream: CutStream, fromMs: number, toMs: number): Run[] {
  const first = Math.max(0, stream.positionAt(fromMs));
  const end = Math.max(first, stream.positionAt(toMs));
  return within(stream.audio, first, end).map(([from, to]) => ({ stream, from, to, ms: stream.msAt(from) }));
}

const within = (set: RangeSet, first: number, end: number): Range[] =>
  set.map(([from, to]): Range => [Math.max(from, first), Math.min(to, end)]).filter(([from, to]) => from < to);

/** What no piece covers, told apart by its reason. */
function holesOf(
  pieces: readonly CutPiece[],
  samples: number,
  fromMs: number,
  streams: readonly CutStream[],
): CutHole[] {
  const ends = [{ at: samples, stream: '', position: 0, ms: fromMs + samples / samplesPerMs }];
  const silences = new Map(streams.map((stream) => [stream, silencesOf(stream)]));
  let from = 0;
  let before: CutPiece | null = null;
  const holes: CutHole[] = [];
  for (const next of [...pieces, ...ends]) {
    if (from < next.at) {
      const stream = streams.find(({ id }) => id === before?.stream);
      if (stream && before && next.stream === stream.id)
        holes.push(...ownHoles(silences.get(stream) ?? [], before, next));
      else
        holes.push(...otherHoles(from, next.at, before ? before.ms + before.samples / samplesPerMs : fromMs, silences));
    }
    before = 'samples' in next ? next : null;
    from = before ? before.at + before.samples : next.at;
  }
  return holes;
}

/** Between two pieces of one stream. */
function ownHoles(silences: readonly CutHole[], before: CutPiece, next: Pick<CutPiece, 'at' | 'position'>): CutHole[] {
  const first = before.position + before.samples;
  const shift = before.at - before.position;
  return between(silences, first, next.position).map((hole) => ({
    ...hole,
    from: hole.from + shift,
    to: hole.to + shift,
  }));
}

/** Between two streams, or before the first and after the last: what any of them says of that time. */
function otherHoles(
  from: number,
  to: number,
  ms: number,
  silences: ReadonlyMap<CutStream, readonly CutHole[]>,
): CutHole[] {
  const toMs = ms + (to - from) / samplesPerMs;
  let left: RangeSet = [[from, to]];
  const holes: CutHole[] = [];
  for (const [stream, its] of silences) {
    const first = Math.max(0, stream.positionAt(ms));
    const end = Math.min(stream.edge, stream.positionAt(toMs));
    for (const hole of between(its, first, end)) {
      // Somebody else was in charge, and yet nothing of it is here.
      if (hole.reason === 'other-source') continue;
      const at = (position: number) => from + Math.round((stream.msAt(position) - ms) * samplesPerMs);
      const told: RangeSet = [[Math.max(from, at(hole.from)), Math.min(to, at(hole.to))]];
      for (const [begin, over] of subtract(told, subtract(told, left)))
        holes.push({ from: begin, to: over, reason: hole.reason });
      left = subtract(left, told);
    }
  }
  for (const [begin, over] of left) holes.push({ from: begin, to: over, reason: 'no-source' });
  return holes.sort((a, b) => a.from - b.from);
}

/** Why a stream has no audio, in order; nothing of what it has. Found once: ten hours of a bad source have thousands. */
function silencesOf({ audio, edge, holes }: CutStream): CutHole[] {
  let left = subtract([[0, edge]], audio);
  const silences: CutHole[] = [];
  const take = (set: RangeSet, reason: string) => {
    for (const [from, to] of intersect(left, set)) silences.push({ from, to, reason });
    left = subtract(left, set);
  };
  for (const [reason, those] of Map.groupBy(holes, (hole) => hole.reason)) {
    const ranges = those.map(({ from, to }): Range => [from, to]);
    take(union(ranges, []), reason);
  }
  take(left, 'not-received');
  return silences.sort((a, b) => a.from - b.from);
}

/** Those in `[first, end)`. */
function between(silences: readonly CutHole[], first: number, end: number): CutHole[] {
  let [low, high] = [0, silences.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((silences[middle]?.to ?? 0) <= first) low = middle + 1;
    else high = middle;
  }
  const found: CutHole[] = [];
  for (let hole = silences[low]; hole && hole.from < end; hole = silences[++low])
    found.push({ ...hole, from: Math.max(hole.from, first), to: Math.min(hole.to, end) });
  return found;
}

/**
 * Where a position of a stream lies in the recording; null where it is in none of its pieces, or more than a second beside.
 */
export function sampleOf({ pieces }: CutPlan, stream: string, position: number): number | null {
  let nearest: { readonly sample: number; readonly away: number } | null = null;
  for (const piece of pieces) {
    if (piece.stream !== stream) continue;
    const away = Math.max(piece.position - position, position - (piece.position + piece.samples), 0);
    if (!nearest || away < nearest.away) nearest = { sample: piece.at + position - piece.position, away };
  }
  return nearest && nearest.away <= sampleRate ? nearest.sample : null;
}

/** The sample of a room time, within the recording. */
export function sampleAt({ pieces, fromMs, samples }: CutPlan, ms: number): number {
  const piece = pieces.findLast((each) => each.ms <= ms);
  const sample = piece ? piece.at + (ms - piece.ms) * samplesPerMs : (ms - fromMs) * samplesPerMs;
  return Math.max(0, Math.min(samples, Math.round(sample)));
}
