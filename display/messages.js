// @ts-check
/**
 * What a relay says to a page, read leniently: a kit's page may be older than the relay, so unknown types are no
 * error, unknown states keep their message, and unknown fields are not looked at.
 */

/** @import { Amend, Caption, CaptionsReset, Clear, Partial } from '../relay/protocol.js' */

/**
 * @typedef {{ type: 'hello', log: string, seq: number, title: string }} Hello
 * @typedef {Pick<Caption, 'type' | 'seq' | 'text' | 'language' | 'start' | 'end' | 'late'>} ShownCaption
 * @typedef {{ type: 'status', state: string, message: string }} RoomStatus
 * @typedef {ShownCaption | Amend | Clear} Durable
 * @typedef {Hello | CaptionsReset | Durable | Partial | RoomStatus} PageMessage
 */

/** Far beyond any spoken sentence; what is longer is cut, so that one message cannot fill a screen's memory. */
export const maxTextLength = 4000;

/** @param {unknown} value @returns {string} */
const text = (value) => (typeof value === 'string' ? value.slice(0, maxTextLength) : '');
/** @param {unknown} value @returns {number} */
const number = (value) => (typeof value === 'number' && Number.isFinite(value) ? value : Number.NaN);
/** @param {unknown} value @returns {value is number} */
const isSeq = (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** @param {unknown} value @returns {Map<string, unknown>} */
const fieldsOf = (value) => new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);

/** @type {Record<string, (fields: Map<string, unknown>) => PageMessage | null>} */
const readers = {
  hello(fields) {
    const [log, seq, room] = [fields.get('log'), fields.get('seq'), fieldsOf(fields.get('room'))];
    if (typeof log !== 'string' || !isSeq(seq)) return null;
    return { type: 'hello', log, seq, title: text(room.get('title')) || text(room.get('name')) };
  },
  reset: () => ({ type: 'reset' }),
  caption(fields) {
    const [seq, start, end] = [fields.get('seq'), number(fields.get('start')), number(fields.get('end'))];
    if (!isSeq(seq) || Number.isNaN(start)) return null;
    return {
      type: 'caption',
      seq,
      text: text(fields.get('text')),
      language: text(fields.get('language')),
      start,
      end: Number.isNaN(end) ? start : end,
      late: fields.get('late') === true,
    };
  },
  amend(fields) {
    const [seq, of, words] = [fields.get('seq'), fields.get('of'), fields.get('text')];
    if (!isSeq(seq) || !isSeq(of)) return null;
    return { type: 'amend', seq, of, text: typeof words === 'string' ? text(words) : null };
  },
  clear(fields) {
    const seq = fields.get('seq');
    return isSeq(seq) ? { type: 'clear', seq } : null;
  },
  partial(fields) {
    const start = number(fields.get('start'));
    return {
      type: 'partial',
      text: text(fields.get('text')),
      language: text(fields.get('language')),
      start: Number.isNaN(start) ? 0 : start,
    };
  },
  status: (fields) => ({ type: 'status', state: text(fields.get('state')), message: text(fields.get('message')) }),
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
