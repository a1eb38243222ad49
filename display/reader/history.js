// @ts-check
/**
 * The captions that were said before this page came, in pages, and the whole transcript as a file. Only where the page
 * belongs to the relay that served it: another relay is out of a page's reach.
 */
import { readPage, readPublished } from '../messages.js';

/** @import { Place } from '../place.js' */
/** @import { Page, PageQuery } from './window.js' */
/** @import { Spot } from './stretch.js' */

export const historyLimits = Object.freeze({
  pageTimeoutMs: 15_000,
  /** A long day's file over a slow line. */
  fileTimeoutMs: 120_000,
  /** Captions of a past talk at a time. */
  talkPage: 300,
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

  /** The transcript as plain text, of a past talk that from its recording. @param {string} [talk] @returns {Promise<Blob>} @throws when it cannot be had */
  async file(talk) {
    const path = talk === undefined ? 'transcript.txt' : `transcript.txt?${published(talk)}`;
    return (await this.#get(path, historyLimits.fileTimeoutMs)).blob();
  }

  /** Talks that have a transcript made from their recording, the newest first. @returns {Promise<import('../messages.js').PublishedTalk[]>} @throws */
  async talks() {
    return readPublished(await (await this.#get('transcripts', historyLimits.pageTimeoutMs)).json());
  }

  /** A page of such a transcript. @param {string} talk @param {Spot | null} after @returns {Promise<Page>} @throws */
  async talk(talk, after) {
    const search = published(talk);
    search.set('limit', String(historyLimits.talkPage));
    search.set('spokenAfter', after ? spoken(after) : '-1,0');
    const body = readPage(await (await this.#get(`transcript.json?${search}`, historyLimits.pageTimeoutMs)).json());
    if (!body) throw new Error('an answer without captions');
    return body;
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

/** @param {string} talk */
const published = (talk) => new URLSearchParams({ talk, version: 'canonical' });

/** @param {Spot} spot */
const spoken = ({ start, seq }) => `${start},${seq}`;
