import type { Logger } from '../../systemd/log.ts';
import type { Recording, Recordings } from '../archive/recordings.ts';
import type { LiveRoom } from '../live.ts';
import type { Caption } from '../protocol.js';
import type { TextRuleBook } from '../text-rule-book.ts';
import { applyRules, type BlockedWord, type CompiledRules, compileRules } from '../text-rules.ts';
import { pageCaptions, type SpokenCaption, type TranscriptQuery } from '../transcript.ts';
import { everywhere, type FetchedTranscripts, type KeptSegment, type SegmentStretch, type Version } from './fetched.ts';

/** Why an organizer's own decision is missing; what the job withheld has its reason in words. */
export const hiddenReason = 'An organizer hid the live caption of this time.';

/** Less than this of a segment beside a hidden caption is the exactness of clocks. */
const toleranceMs = 100;
const sampleRate = 16_000;

export interface ServingParts {
  readonly recordings: Pick<Recordings, 'of'>;
  readonly fetched: FetchedTranscripts;
  readonly textRules: Pick<TextRuleBook, 'rules'>;
  readonly log: Pick<Logger, 'warn'>;
}

type Hidden = readonly { readonly start: number; readonly end: number; readonly at: number }[];

/** A segment as readers have it. */
export interface PresentSegment {
  readonly segment: KeptSegment;
  /** null: nobody reads it. */
  readonly text: string | null;
  /** Why, where no organizer has decided so. */
  readonly withheld: string | null;
}

/**
 * Which transcript of a talk counts, and its words as they may be read now: without what is withheld, hidden or blocked,
 * with what organizers corrected. All of that is decided anew with each reading, so that it holds at once.
 */
export class CanonicalServing {
  readonly #parts: ServingParts;
  /** Blocked words of a room and the event, ready to be applied. */
  readonly #blocked = new Map<string, { readonly of: readonly unknown[]; readonly sets: readonly CompiledRules[] }>();

  constructor(parts: ServingParts) {
    this.#parts = parts;
  }

  /** Of a room, in the order they began, without those that were deleted. */
  recordings(room: string): Recording[] {
    return this.#parts.recordings.of(room).filter(({ state }) => state !== 'deleted');
  }

  /** The recording of a talk, by its id in the schedule or as it stands in keys; null where there is none, or it was deleted. */
  recording(room: string, talk: string): Recording | null {
    const there = this.recordings(room);
    return there.findLast((each) => each.talk === talk) ?? there.findLast(({ talkId }) => talkId === talk) ?? null;
  }

  /** What readers of a talk are to have: of one that was put off after it began the longer recording, not its first minutes. */
  ofTalk(room: string, talk: string): Recording | null {
    const found = this.recording(room, talk);
    if (!found?.talkId) return found;
    const lengthOf = ({ fromMs, toMs }: Recording) => (toMs ?? Number.POSITIVE_INFINITY) - fromMs;
    const all = this.recordings(room).filter(({ talkId }) => talkId === found.talkId);
    return all.reduce((longest, each) => (lengthOf(each) > lengthOf(longest) ? each : longest), found);
  }

  /** The versions of a recording as it is now. */
  versions({ room, talk, revision }: Recording): readonly Version[] {
    return this.#parts.fetched.versions(room, talk).filter(({ about }) => about.recordingRevision === revision);
  }

  /** Whether a version is still there: its talk may be deleted while it is read. */
  stands({ id, room, talk }: Version): boolean {
    const recording = this.recording(room, talk);
    return recording !== null && this.versions(recording).some((each) => each.id === id);
  }

  /** What readers have in place of the live captions; null: those themselves. */
  served(recording: Recording): Version | null {
    const { choice } = this.#parts.fetched.state(recording.room, recording.talk);
    if (choice.kind === 'live') return null;
    const versions = this.versions(recording);
    if (choice.kind === 'version') return versions.find(({ name }) => name === choice.name) ?? null;
    const newest = this.newest(recording);
    return newest?.about.isCanonical ? newest : null;
  }

  /** What the job says counts; else what it wants an organizer to look at; null: nothing has come. */
  newest(recording: Recording): Version | null {
    const { pointer } = this.#parts.fetched.state(recording.room, recording.talk);
    const versions = this.versions(recording);
    const pointed = versions.find(({ sha256, folder }) => sha256 === pointer?.sha256 && folder === pointer.folder);
    return pointed ?? versions[0] ?? null;
  }

  /** The talks of a room that readers have a canonical transcript of, the newest first. */
  talks(room: string): { recording: Recording; version: Version }[] {
    return this.recordings(room)
      .flatMap((recording) => {
        const version = this.served(recording);
        return version ? [{ recording, version }] : [];
      })
      .reverse();
  }

  /** Segments of a stretch as readers have them, and why the others are not to be read. */
  present(room: LiveRoom, version: Version, segments: readonly KeptSegment[], hidden = hiddenIn(room, version)) {
    const sets = this.#blockedOf(room);
    return segments.map((segment): PresentSegment => {
      const { correction, startMs, endMs } = segment;
      const act = hidden.find(
        ({ start, end, at }) =>
          Math.min(end, endMs) - Math.max(start, startMs) > toleranceMs &&
          at >= (correction?.atMs ?? Number.NEGATIVE_INFINITY),
      );
      if (correction?.text === null) return { segment, text: null, withheld: null };
      if (act) return { segment, text: null, withheld: hiddenReason };
      if (!correction && segment.withheld !== null) return { segment, text: null, withheld: segment.withheld };
      const text = correction?.text ?? segment.text;
      const shown = applyRules(sets, { text, words: [] }, segment.language).text;
      return { segment, text: shown === '' ? null : shown, withheld: null };
    });
  }

  /**
   * A version as the captions of a transcript, page by page as those of a log; `seq` counts its segments from 1, positions
   * are those of the recording.
   * @returns whether `limit` left out captions
   */
  *pages(room: LiveRoom, version: Version, query: TranscriptQuery): Generator<readonly SpokenCaption[], boolean> {
    const { limit = Number.POSITIVE_INFINITY } = query;
    const hidden = hiddenIn(room, version);
    const isForwards = limit === Number.POSITIVE_INFINITY || (query.spokenAfter !== undefined && !query.spokenBefore);
    const gathered: SpokenCaption[] = [];
    for (let stretch = stretchOf(query); ; ) {
      const segments = this.#parts.fetched.segments(version, stretch, pageCaptions, isForwards);
      const captions = this.present(room, version, segments, hidden)
        .flatMap((each) => captionOf(version, each))
        .filter(({ caption }) => isAsked(caption, query));
      const last = segments.at(-1);
      const isOver = segments.length < pageCaptions || !last;
      if (limit === Number.POSITIVE_INFINITY) yield captions;
      else {
        gathered.push(...captions);
        // Between two looks into the database everyone else has a turn.
        if (!isOver && gathered.length <= limit) yield [];
      }
      if (isOver || gathered.length > limit) break;
      const place = [last.startMs, last.id] as const;
      stretch = isForwards ? { ...stretch, after: place } : { ...stretch, before: place };
    }
    if (limit === Number.POSITIVE_INFINITY) return false;
    const shown = gathered.slice(0, limit);
    yield isForwards ? shown : shown.reverse();
    return gathered.length > limit;
  }

  /** What was blocked since the job ran is not to be read either. Replacements are the job's: twice, they would do harm. */
  #blockedOf({ record }: LiveRoom): readonly CompiledRules[] {
    const ofEvent = this.#parts.textRules.rules.blocked;
    const ofRoom = record.settings.textRules?.blocked ?? [];
    const known = this.#blocked.get(record.name);
    if (known?.of[0] === ofEvent && known.of[1] === ofRoom) return known.sets;
    const compiled = (scope: 'event' | 'room', blocked: readonly BlockedWord[]) =>
      compileRules(scope, { replacements: [], blocked }, (rule, reason) =>
        this.#parts.log.warn({ event: 'text-rule', scope, rule, reason }, 'A text rule cannot be used and is left out'),
      );
    const sets = [compiled('event', ofEvent), compiled('room', ofRoom)];
    this.#blocked.set(record.name, { of: [ofEvent, ofRoom], sets });
    return sets;
  }
}

const hiddenIn = (room: LiveRoom, { about: { startMs, endMs } }: Version): Hidden =>
  room.log.history.hidden(startMs, endMs);

function stretchOf({ spokenAfter, spokenBefore }: TranscriptQuery): SegmentStretch {
  return {
    after: spokenAfter ? [spokenAfter.start, spokenAfter.seq - 1] : everywhere.after,
    before: spokenBefore ? [spokenBefore.start, spokenBefore.seq - 1] : everywhere.before,
  };
}

const isAsked = ({ start, end, seq }: Caption, { from, to, before }: TranscriptQuery) =>
  (from === undefined || end > from) && (to === undefined || start < to) && (before === undefined || seq < before);

function captionOf({ talk, about }: Version, { segment, text }: PresentSegment): SpokenCaption[] {
  if (text === null) return [];
  const { id, startMs, endMs, speaker, language, words } = segment;
  const position = (ms: number) => Math.max(0, Math.round(((ms - about.startMs) * sampleRate) / 1000));
  const caption: Caption = {
    ...{ type: 'caption', seq: id + 1, final: true, text, language, start: startMs, end: endMs, speaker, late: false },
    ...{ stream: `recording/${talk}`, from: position(startMs), to: position(endMs) },
  };
  return [{ caption, words, isAmended: text !== segment.text }];
}
