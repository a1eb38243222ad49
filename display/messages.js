// @ts-check
/**
 * What a relay says to a page, read leniently: a kit's page may be older than the relay, so unknown types are no
 * error, unknown states keep their message, and unknown fields are not looked at.
 */

/** @import { Amend, Caption, CaptionsReset, Clear, InputLevel, Partial, Pause, RecordingChange, Resume, Talk, TalkChange } from '../relay/protocol.js' */

/**
 * @typedef {{ type: 'hello', log: string, seq: number, title: string, talk: Talk | null, at: number }} Hello `at`: room time
 * @typedef {Pick<Caption, 'type' | 'seq' | 'text' | 'language' | 'start' | 'end' | 'speaker' | 'late'>} ShownCaption
 * @typedef {Required<Partial>} Tail what may still change
 * @typedef {{ type: 'status', state: string, message: string, kit: string[] }} RoomStatus `kit`: what the room's kit lacks
 * @typedef {ShownCaption | Amend | Clear | Pause | Resume} Durable
 * @typedef {Hello | CaptionsReset | Durable | Tail | RoomStatus | TalkChange | RecordingChange | InputLevel} PageMessage
 */

/** Far beyond any spoken sentence; what is longer is cut, so that one message cannot fill a screen's memory. */
export const maxTextLength = 4000;
const maxNameLength = 64;
const maxSpeakers = 20;

/** @param {unknown} value @returns {string} */
const text = (value) => (typeof value === 'string' ? value.slice(0, maxTextLength) : '');
/** @param {unknown} value @returns {number} */
const number = (value) => (typeof value === 'number' && Number.isFinite(value) ? value : Number.NaN);
/** @param {unknown} value @returns {value is number} */
const isSeq = (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** @param {unknown} value @returns {Map<string, unknown>} */
const fieldsOf = (value) => new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);

/** @param {unknown} value */
const speakerIn = (value) => (typeof value === 'string' && value !== '' ? value.slice(0, maxNameLength) : null);

/** @param {unknown} value @returns {Talk | null} */
function talkIn(value) {
  const fields = fieldsOf(value);
  const [title, speakers] = [text(fields.get('title')), fields.get('speakers')];
  if (!title) return null;
  return {
    id: text(fields.get('id')),
    title,
    speakers: Array.isArray(speakers) ? speakers.slice(0, maxSpeakers).map(text).filter(Boolean) : [],
    start: number(fields.get('start')),
    end: number(fields.get('end')),
  };
}

/** @param {Map<string, unknown>} fields @returns {ShownCaption | null} */
function captionIn(fields) {
  const [seq, start, end] = [fields.get('seq'), number(fields.get('start')), number(fields.get('end'))];
  if (!isSeq(seq) || Number.isNaN(start)) return null;
  return {
    type: 'caption',
    seq,
    text: text(fields.get('text')),
    language: text(fields.get('language')),
    start,
    end: Number.isNaN(end) ? start : end,
    speaker: speakerIn(fields.get('speaker')),
    late: fields.get('late') === true,
  };
}

/** A page of a transcript; null for what is none. Captions that this page does not understand are left out.
 * @param {unknown} value */
export function readPage(value) {
  const fields = fieldsOf(value);
  const captions = fields.get('captions');
  if (!Array.isArray(captions)) return null;
  return {
    captions: captions.flatMap((each) => captionIn(fieldsOf(each)) ?? []),
    truncated: fields.get('truncated') === true,
  };
}

/** @typedef {{ talk: string, title: string, start: number, language: string }} PublishedTalk */

const maxPublished = 200;

/** Talks with a transcript made from their recording. @param {unknown} value @returns {PublishedTalk[]} */
export function readPublished(value) {
  const talks = fieldsOf(value).get('talks');
  if (!Array.isArray(talks)) return [];
  return talks.slice(0, maxPublished).flatMap((each) => {
    const fields = fieldsOf(each);
    const [talk, start] = [text(fields.get('talk')), number(fields.get('start'))];
    if (!talk || Number.isNaN(start)) return [];
    return { talk, start, title: text(fields.get('title')) || talk, language: text(fields.get('language')) };
  });
}

/** @type {Record<string, (fields: Map<string, unknown>) => PageMessage | null>} */
const readers = {
  hello(fields) {
    const [log, seq, room] = [fields.get('log'), fields.get('seq'), fieldsOf(fields.get('room'))];
    if (typeof log !== 'string' || !isSeq(seq)) return null;
    return {
      type: 'hello',
      log,
      seq,
      title: text(room.get('title')) || text(room.get('name')),
      talk: talkIn(fields.get('talk')),
      at: number(fields.get('at')),
    };
  },
  reset: () => ({ type: 'reset' }),
  caption: captionIn,
  amend(fields) {
    const [seq, of, words] = [fields.get('seq'), fields.get('of'), fields.get('text')];
    if (!isSeq(seq) || !isSeq(of)) return null;
    return { type: 'amend', seq, of, text: typeof words === 'string' ? text(words) : null };
  },
  clear(fields) {
    const [seq, at] = [fields.get('seq'), number(fields.get('at'))];
    return isSeq(seq) ? { type: 'clear', seq, ...(Number.isNaN(at) ? {} : { at }) } : null;
  },
  pause(fields) {
    const [seq, at] = [fields.get('seq'), number(fields.get('at'))];
    return isSeq(seq) ? { type: 'pause', seq, at } : null;
  },
  resume(fields) {
    const [seq, at] = [fields.get('seq'), number(fields.get('at'))];
    return isSeq(seq) ? { type: 'resume', seq, at } : null;
  },
  partial(fields) {
    const [words, start, stable] = [text(fields.get('text')), number(fields.get('start')), fields.get('stable')];
    return {
      type: 'partial',
      text: words,
      language: text(fields.get('language')),
      start: Number.isNaN(start) ? 0 : start,
      speaker: speakerIn(fields.get('speaker')),
      stable: isSeq(stable) ? Math.min(stable, words.length) : 0,
    };
  },
  talk: (fields) => ({ type: 'talk', talk: talkIn(fields.get('talk')) }),
  recording: (fields) => ({ type: 'recording', on: fields.get('on') === true }),
  level(fields) {
    const rmsDbfs = number(fields.get('rmsDbfs'));
    return Number.isNaN(rmsDbfs) ? null : { type: 'level', rmsDbfs };
  },
  status(fields) {
    const kit = fields.get('kit');
    const lacks = Array.isArray(kit) ? kit.slice(0, 4).map(text) : [];
    return { type: 'status', state: text(fields.get('state')), message: text(fields.get('message')), kit: lacks };
  },
};

/** The message in one text frame; null for what this page does not understand.
 * @param {unknown} data @returns {PageMessage | null} */
export function readMessage(data) {
  if (typeof data !== 'string') return null;
  try {
    const fields = fieldsOf(JSON.parse(data));
    const type = text(fields.get('type'));
    return Object.hasOwn(readers, type) ? (readers[type]?.(fields) ?? null) : null;
  } catch {
    return null;
  }
}
