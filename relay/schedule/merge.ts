import type { Decisions } from '../conduct-times.ts';
import type { RoomRecord } from '../rooms.ts';
import { type KeptTalk, maxTalks, type TalkImport, type Talks } from '../talks.ts';
import { matchRooms, type RoomMatch } from './room-names.ts';
import type { FileTalk, Mistake, ScheduleFile } from './schedule-file.ts';

export interface MergeParts {
  readonly talks: Pick<Talks, 'of' | 'moved' | 'decisions'>;
  readonly rooms: readonly Pick<RoomRecord, 'name' | 'settings'>[];
  /** Rooms by their name in the schedule. */
  readonly mapping: ReadonlyMap<string, string>;
  readonly nowMs: number;
}

/** What becomes of the rooms' talks by a schedule. With mistakes nothing may come of it. */
export interface Merge {
  readonly match: RoomMatch;
  readonly imports: readonly TalkImport[];
  readonly decisions: readonly { readonly room: string; readonly decisions: Decisions }[];
  readonly mistakes: readonly Mistake[];
  readonly notes: readonly string[];
}

/**
 * A talk keeps its id, and with it its transcript, wherever it moves. What is gone from the schedule goes here, unless it
 * is on or over: then its transcript remains a unit. Talks by hand are left alone.
 */
export function mergeSchedule(file: ScheduleFile, { talks, rooms, mapping, nowMs }: MergeParts): Merge {
  const known = new Map(rooms.flatMap(({ name }) => scheduledIn(talks, name).map(({ id }) => [id, name] as const)));
  const match = matchRooms(file, rooms, mapping, known);
  // What is wrong in rooms that nobody captions is nobody's trouble here.
  const mistakes = file.mistakes.filter(({ room }) => room === null || match.rooms.has(room));
  const whole = (message: string) => mistakes.push({ place: 'schedule', message, room: null });
  if (file.talks.length === 0 && mistakes.length === 0) whole('has no talks');
  else if (match.rooms.size === 0 && known.size > 0)
    whole('names no room that is known here any more; map its rooms, or delete the schedule first if that is right');
  const notes = [...file.notes];
  for (const [name, room] of match.renamed) notes.push(`"${name}" is taken for the room ${room}, by its talks.`);
  const inRooms = Map.groupBy(file.talks, ({ room }) => match.rooms.get(room) ?? '');
  const merged = rooms.map(({ name }) => {
    const { put, gone, decisions, note, count } = inRoom(name, inRooms.get(name) ?? [], talks, nowMs);
    notes.push(...note);
    if (count > maxTalks)
      mistakes.push({
        place: `room ${name}`,
        message: `would have ${count} talks, and takes ${maxTalks}: delete talks of days that are over`,
        room: name,
      });
    return { room: name, put, gone, decisions };
  });
  return {
    match,
    imports: merged.filter(({ put, gone }) => put.length + gone.length > 0),
    decisions: merged.flatMap(({ room, decisions }) => (decisions ? { room, decisions } : [])),
    mistakes,
    notes,
  };
}

const scheduledIn = (talks: Pick<Talks, 'of'>, room: string) =>
  talks.of(room).filter(({ source }) => source === 'schedule');

const maxNotes = 10;

function inRoom(room: string, wanted: readonly FileTalk[], talks: MergeParts['talks'], nowMs: number) {
  const before = new Map(talks.of(room).map((talk) => [talk.id, talk]));
  const actual = new Map(talks.moved(room).map((talk) => [talk.id, talk]));
  const byHand = wanted.filter(({ id }) => before.get(id)?.source === 'hand');
  const note = byHand
    .slice(0, maxNotes)
    .map(({ id, title }) => `The talk ${id} ("${title.slice(0, 60)}") of ${room} was set by hand and stays as it is.`);
  const ours = wanted.filter((talk) => !byHand.includes(talk));
  const wantedIds = new Set(wanted.map(({ id }) => id));
  const gone = scheduledIn(talks, room)
    .filter(({ id, start }) => !wantedIds.has(id) && (actual.get(id)?.start ?? start) > nowMs)
    .map(({ id }) => id);
  const after: KeptTalk[] = ours.map(({ room: _, speakers, ...talk }) => ({
    ...talk,
    speakers: [...speakers],
    source: 'schedule',
  }));
  const put = after.filter((talk) => !isSame(talk, before.get(talk.id)));
  const added = after.filter(({ id }) => !before.has(id)).length;
  const decisions = talks.decisions(room);
  const changed = put.flatMap(({ id, start, end }) => {
    const old = before.get(id);
    const held = actual.get(id);
    if (!old || !held || (old.start === start && old.end === end)) return [];
    const kept = decisions.moved[id];
    // It has been on, and is to come once more.
    if (held.start <= nowMs && start > nowMs)
      return [[id, { was: { start: held.start, end: Math.max(held.start, Math.min(held.end, nowMs)) } }] as const];
    // New times in the schedule go before what was decided for the old ones, but for what has happened.
    if (!kept) return [];
    const { begun, end: extended, ...rest } = kept;
    const isPast = begun !== undefined && begun <= nowMs;
    return [[id, { ...rest, ...(isPast ? { begun } : {}), ...(old.end === end ? { end: extended } : {}) }] as const];
  });
  return {
    ...{ put, gone, note, count: before.size - gone.length + added },
    decisions:
      changed.length > 0 ? { ...decisions, moved: { ...decisions.moved, ...Object.fromEntries(changed) } } : null,
  };
}

const isSame = (talk: KeptTalk, before: KeptTalk | undefined) =>
  before !== undefined &&
  talk.title === before.title &&
  talk.language === before.language &&
  talk.start === before.start &&
  talk.end === before.end &&
  talk.speakers.join('\n') === before.speakers.join('\n') &&
  talk.names.join('\n') === before.names.join('\n');
