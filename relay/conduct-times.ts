import type { Talk } from './protocol.js';

/** The next talk's language is assigned so long before its start, or when the talk before it ends, whichever is later. */
export const languageLeadMs = 60_000;
/** A talk that is held, or that overruns, is over after so long at the latest: nobody is there any more. */
export const maxOverrunMs = 3 * 3_600_000;

/** When a talk was in truth, room time in ms; what is left out is as in the schedule. */
export interface MovedTalk {
  /** The organizer had it begin. */
  readonly begun?: number | undefined;
  /** The organizer had the next one begin. */
  readonly ended?: number | undefined;
  /** The organizer had it end later. */
  readonly end?: number | undefined;
  /** It was held then, and is to be held once more: until that begins, this is its stretch. */
  readonly was?: { readonly start: number; readonly end: number } | undefined;
}

/** What organizers decided in a room, and which talk's language was assigned. */
export interface Decisions {
  /** The talk that stays on until the next is called. */
  readonly held: string | null;
  readonly moved: Readonly<Record<string, MovedTalk>>;
  /** `wanted`: by the schedule; `language`: the room's since then. */
  readonly assigned: { readonly talk: string; readonly wanted: string | null; readonly language: string } | null;
}
export const undecided: Decisions = { held: null, moved: {}, assigned: null };

type Timed = Pick<Talk, 'id' | 'start' | 'end'>;

/**
 * The talks as organizers moved them, by start. One that begins late or is extended keeps its length and pushes those that
 * were to follow it, until a break takes up the delay.
 * @param talks by start
 */
export function moved<T extends Timed>(talks: readonly T[], { moved: by }: Decisions): readonly T[] {
  if (Object.keys(by).length === 0) return talks;
  const pushers: { readonly planned: number; readonly end: number }[] = [];
  const all = talks.map((talk) => {
    const { begun, ended, end: extended } = by[talk.id] ?? {};
    const pushed = Math.max(0, ...pushers.flatMap(({ planned, end }) => (planned <= talk.start ? end : [])));
    const start = begun ?? Math.max(talk.start, pushed);
    const delayed = talk.end + Math.max(0, start - talk.start);
    const end = Math.max(start, ended ?? Math.max(extended ?? 0, delayed));
    if (end > talk.end) pushers.push({ planned: talk.end, end });
    return start === talk.start && end === talk.end ? talk : { ...talk, start, end };
  });
  return all.sort((a, b) => a.start - b.start);
}

/** The talk that is held; null where none is, or has been for too long. @param talks as moved */
export function heldTalk<T extends Timed>(talks: readonly T[], { held }: Decisions, nowMs: number): T | null {
  if (held === null) return null;
  const talk = talks.find(({ id }) => id === held);
  return talk && talk.start - languageLeadMs <= nowMs && nowMs < talk.end + maxOverrunMs ? talk : null;
}

/**
 * The talk whose language is spoken now: the one that is held; else the one that runs, from a minute before its start
 * unless another still runs; else the one that ended last. @param talks as moved, by start
 */
export function presentTalk<T extends Timed>(talks: readonly T[], decisions: Decisions, nowMs: number): T | null {
  const held = heldTalk(talks, decisions, nowMs);
  if (held) return held;
  let busyUntil = Number.NEGATIVE_INFINITY;
  let running: T | null = null;
  let over: T | null = null;
  for (const talk of talks) {
    const lead = decisions.moved[talk.id]?.begun === undefined ? languageLeadMs : 0;
    const from = Math.min(talk.start, Math.max(talk.start - lead, busyUntil));
    busyUntil = Math.max(busyUntil, talk.end);
    if (nowMs < from) break;
    if (nowMs < talk.end) running = talk;
    else if (nowMs < talk.end + maxOverrunMs && (over === null || talk.end >= over.end)) over = talk;
  }
  return running ?? over;
}

/** The talk that comes after the present one. @param talks as moved, by start */
export function nextTalk<T extends Timed>(talks: readonly T[], present: T | null, nowMs: number): T | null {
  const index = present === null ? -1 : talks.findIndex(({ id }) => id === present.id);
  return (index < 0 ? talks.find(({ start }) => start > nowMs) : talks[index + 1]) ?? null;
}
