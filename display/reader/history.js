// @ts-check
/**
 * The captions that were said before this page came, in pages, and the whole transcript as a file. Only where the page
 * belongs to the relay that served it: another relay is out of a page's reach.
 */
import { readPage } from '../messages.js';

/** @import { Place } from '../place.js' */
/** @import { Page, PageQuery } from './window.js' */
/** @import { Spot } from './stretch.js' */

export const historyLimits = Object.freeze({
  pageTimeoutMs: 15_000,
  /** A long day's file over a slow line. */
  fileTimeoutMs: 120_000,
});

export class History {
  #place;
  #fetch;
  /** Whether there is any. */
  isThere;

  /** @param {Place} place @param {string} origin the page's own @param {typeof fetch} fetcher */
  constructor(place, origin, fetcher) {
    this.#place = place;
    this.#fetch = fetcher;
    this.isThere = place.relay === origin;
  }

  /** @param {PageQuery} query @returns {Promise<Page>} @throws when there is no answer, or none that can be read */
  async page({ limit, before, after }) {
    const search = new URLSearchParams({ limit: String(limit) });
    if (before) search.set('spokenBefore', spoken(before));
    if (after) search.set('spokenAfter', spoken(after));
    const answer = await this.#get(`transcript.json?${search}`, historyLimits.pageTimeoutMs);
    const body = readPage(await answer.json());
    if (!body) throw new Error('an answer without captions');
    return { ...body, captions: body.captions.slice(0, limit) };
  }

  /** The transcript as plain text. @returns {Promise<Blob>} @throws when it cannot be had */
  async file() {
    return (await this.#get('transcript.txt', historyLimits.fileTimeoutMs)).blob();
  }

  /** @param {string} path @param {number} timeoutMs */
  async #get(path, timeoutMs) {
    const { relay, room, token } = this.#place;
    const answer = await this.#fetch(new URL(`/api/rooms/${room}/${path}`, relay), {
      cache: 'no-store',
      credentials: 'omit',
      headers: token ? { authorization: `Bearer ${token}` } : {},
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!answer.ok) throw new Error(`the relay answered ${answer.status}`);
    return answer;
  }
}

/** @param {Spot} spot */
const spoken = ({ start, seq }) => `${start},${seq}`;
