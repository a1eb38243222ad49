// @ts-check
/**
 * What a reader has of a room's captions: a window that follows the live end or stands somewhere in the past, and the
 * newest captions for the way back. Bounded however long the page is open or scrolled. No document, no network: the
 * room's log comes in as it is said, pages of history as they were asked for, and what is shown follows.
 *
 * A page is a picture of one moment, while the log goes on: what the log said since it was asked for is applied to it
 * once more. So nothing is missing and nothing stands twice, whichever comes first.
 */
import { beginning, end, isBefore, Stretch } from './stretch.js';

/** @import { Durable, ShownCaption } from '../messages.js' */
/** @import { HeldCaption, Spot } from './stretch.js' */

/**
 * @typedef {'clear' | 'pause' | 'resume'} Act
 * @typedef {{ type: 'divider', act: Act, at: number, start: number, seq: number }} Divider an organizer's act; `at` NaN: not known when
 * @typedef {HeldCaption | Divider} Entry
 * @typedef {'more' | 'begin' | 'cut'} Top what is above: more, nothing at all, or what was spoken before the screen was cleared
 * @typedef {'newest' | 'earlier' | 'later' | 'again'} PageKind
 * @typedef {{ limit: number, before?: Spot, after?: Spot }} PageQuery
 * @typedef {{ kind: PageKind, query: PageQuery, since: (ShownCaption | import('../../relay/protocol.js').Amend)[] }} Asked
 * @typedef {number | 'somewhere'} Lacking the `seq` of a caption that stands beside its neighbours, or what may stand anywhere
 * @typedef {{ captions: ShownCaption[], truncated: boolean }} Page in the order spoken
 */

/** Captions and dividers in memory are at most `maxShown + maxNewest + maxDividers`: 300.
 * @type {Readonly<Record<'maxShown' | 'maxNewest' | 'maxDividers' | 'page' | 'maxPage' | 'few' | 'maxSince', number>>} */
export const windowLimits = Object.freeze({
  maxShown: 240,
  maxNewest: 40,
  maxDividers: 20,
  page: 80,
  maxPage: 300,
  /** Captions to look through for one that is shown again: every page in the room looks at once. */
  few: 10,
  /** Messages that may come while a page is under way; after more the page is asked for again. */
  maxSince: 500,
});

export class ReaderWindow {
  #limits;
  #shown = new Stretch();
  #newest = new Stretch();
  /** @type {Divider[]} oldest first */
  #dividers = [];
  /** Where what was spoken before the screen was cleared ends; null: it was not, or the reader wants it back. @type {Spot | null} */
  #floor = null;
  /** The newest spot spoken, so far. */
  #edge = beginning;
  /** No message of this log has come yet. */
  #untouched = true;
  /** The log began before this page came: what it holds has to be put right by a page. */
  #loose = false;
  /** A caption was shown again that this page never had. @type {Lacking | null} */
  #lacking = null;
  /** @type {Asked | null} */
  #asked = null;
  #following = true;
  /** What the reader has before the eyes; decides which end of the window gives way. */
  reading = end;
  /** Captions said since the reader left the live end. */
  unseen = 0;
  /** For people who look into a page. */
  counts = { overtakenPages: 0 };

  constructor(limits = windowLimits) {
    this.#limits = limits;
  }

  /** What to show, oldest first. @returns {Entry[]} */
  get entries() {
    /** @type {Entry[]} */
    const entries = this.#shown.list.filter(({ hidden, text }) => !hidden && text.trim() !== '');
    entries.push(...this.#dividers.filter((each) => this.#shown.covers(each)));
    return entries.sort((a, b) => (isBefore(a, b) ? -1 : 1));
  }

  /** How much is held: captions, hidden ones too, and dividers. */
  get size() {
    return this.#shown.list.length + this.#newest.list.length + this.#dividers.length;
  }

  /** @returns {Top} */
  get top() {
    if (this.#isCut) return 'cut';
    return this.#shown.from === beginning && !this.#loose && !this.#untouched ? 'begin' : 'more';
  }

  /** Whether the window reaches the live end. */
  get isLive() {
    return this.#shown.to === end;
  }

  get following() {
    return this.#following;
  }

  get #isCut() {
    return this.#floor !== null && isSame(this.#shown.from, this.#floor);
  }

  /** Takes the next message of the room's log. @param {Durable} message */
  apply(message) {
    if (this.#untouched) {
      this.#untouched = false;
      this.#loose = message.seq > 1;
    }
    if (message.type === 'caption' || message.type === 'amend') this.#remember(message);
    if (message.type === 'caption') this.#say(message);
    else if (message.type === 'amend') this.#amend(message.of, message.text);
    else this.#act(message);
  }

  /** Another log begins. */
  reset() {
    this.#shown.clear();
    this.#newest.clear();
    this.#dividers = [];
    this.#floor = this.#asked = null;
    this.#edge = beginning;
    this.#untouched = true;
    this.#loose = false;
    this.#lacking = null;
    this.#following = true;
    this.unseen = 0;
  }

  /** The reader leaves the live end, or is about to. */
  stand() {
    if (!this.#following) return;
    this.#following = false;
    this.unseen = 0;
  }

  /** The reader goes to the live end; what an organizer has cleared is left behind. */
  follow() {
    this.rejoin();
    if (!this.isLive) {
      this.#shown.copy(this.#newest);
      if (this.#asked?.kind !== 'newest') this.#asked = null;
    }
    if (this.#floor) this.#shown.cutBefore(this.#floor);
  }

  /** The reader has come to the live end by the way through the text. */
  rejoin() {
    this.#following = true;
    this.unseen = 0;
  }

  /** The reader wants what was spoken before the screen was cleared. */
  uncover() {
    this.#floor = null;
  }

  /**
   * What to ask the history for; null: nothing, or an answer is awaited.
   * @param {{ top: boolean, bottom: boolean }} near which ends of the window the reader is near
   * @returns {Asked | null}
   */
  ask(near) {
    if (this.#asked || this.#untouched) return null;
    const { page, maxPage, few } = this.#limits;
    const { from, to, list } = this.#shown;
    /** @type {[PageKind, PageQuery] | null} */
    let wanted = null;
    if (this.#loose) wanted = ['newest', { limit: Math.min(maxPage, list.length + page) }];
    else if (this.#lacking !== null) {
      const before = this.#neighbour(this.#lacking);
      if (before) wanted = ['again', { limit: few, after: before }];
      else wanted = ['again', { limit: maxPage, after: { start: from.start, seq: from.seq - 1 } }];
    } else if (near.top && this.top === 'more') wanted = ['earlier', { limit: page, before: from }];
    else if (near.bottom && !this.isLive) wanted = ['later', { limit: page, after: to }];
    if (!wanted) return null;
    const [kind, query] = wanted;
    if (query.after?.start === Number.NEGATIVE_INFINITY) query.after = { start: 0, seq: 0 };
    this.#asked = { kind, query, since: [] };
    return this.#asked;
  }

  /** No answer came. @param {Asked} asked */
  giveUp(asked) {
    if (this.#asked === asked) this.#asked = null;
  }

  /** Takes the answer. @param {Asked} asked @param {Page} page @returns {boolean} false: it was overtaken by what happened since */
  take(asked, page) {
    if (this.#asked !== asked) {
      this.counts.overtakenPages++;
      return false;
    }
    this.#asked = null;
    if (asked.since.length > this.#limits.maxSince || !this.#isStillWanted(asked)) {
      this.counts.overtakenPages++;
      return false;
    }
    const captions = page.captions.map((each) => ({ ...each, hidden: false }));
    const first = spotOf(captions[0]);
    const last = spotOf(captions.at(-1));
    const above = page.truncated && first ? first : beginning;
    if (asked.kind === 'newest') this.#settle(captions, above);
    else if (asked.kind === 'earlier') this.#shown.from = this.#clipped(above);
    else if (asked.kind === 'later') this.#shown.to = page.truncated && last ? last : end;
    else this.#found(asked, captions);
    for (const each of captions) {
      this.#shown.add(each);
      this.#newest.add(each);
      if (isBefore(this.#edge, each)) this.#edge = { start: each.start, seq: each.seq };
    }
    for (const each of asked.since) {
      if (each.type === 'amend') this.#amend(each.of, each.text);
      else this.#insert({ ...each, hidden: false });
    }
    this.#trim();
    return true;
  }

  /** Whether the page continues the window where it ends now: it may have moved since. @param {Asked} asked */
  #isStillWanted({ kind, query: { before, after } }) {
    if (kind === 'newest') return this.#loose;
    if (kind === 'earlier') return before !== undefined && isSame(before, this.#shown.from);
    return kind === 'again' || (after !== undefined && isSame(after, this.#shown.to));
  }

  /** @param {ShownCaption | import('../../relay/protocol.js').Amend} message */
  #remember(message) {
    const since = this.#asked?.since;
    if (since && since.length <= this.#limits.maxSince) since.push(message);
  }

  /** @param {ShownCaption} caption */
  #say(caption) {
    const isNewest = isBefore(this.#edge, caption);
    if (isNewest) this.#edge = { start: caption.start, seq: caption.seq };
    this.#insert({ ...caption, hidden: false });
    if (isNewest && !this.#following) this.unseen++;
    this.#trim();
  }

  /** @param {HeldCaption} caption */
  #insert(caption) {
    for (const stretch of [this.#shown, this.#newest]) {
      const oldest = stretch.list[0];
      // As long as nobody knows what is above, a late caption may lie beyond a gap; the page that is to come has it.
      if (this.#loose && caption.late && (!oldest || isBefore(caption, oldest))) continue;
      stretch.add(caption);
    }
  }

  /** @param {number} of @param {string | null} text */
  #amend(of, text) {
    const isShown = this.#shown.amend(of, text);
    if (this.#newest.amend(of, text) || isShown || text === null) return;
    const inTime = this.#shown.list.filter(({ late }) => !late);
    if (this.#loose || !(of > (inTime[0]?.seq ?? of))) return;
    const isWithin = this.isLive || of < (inTime.at(-1)?.seq ?? of);
    this.#lacking = isWithin && this.#lacking === null ? of : 'somewhere';
  }

  /** What was said right before the caption that is lacking, unless it came late. @param {Lacking} lacking @returns {Spot | null} */
  #neighbour(lacking) {
    if (lacking === 'somewhere') return null;
    return spotOf(this.#shown.list.findLast(({ seq, late }) => !late && seq < lacking));
  }

  /** @param {Asked} asked @param {HeldCaption[]} captions */
  #found(asked, captions) {
    const isAll = asked.query.limit > this.#limits.few;
    this.#lacking = isAll || captions.some(({ seq }) => seq === this.#lacking) ? null : 'somewhere';
  }

  /** @param {Exclude<Durable, ShownCaption | import('../../relay/protocol.js').Amend>} message */
  #act(message) {
    const at = 'at' in message && message.at !== undefined ? message.at : Number.NaN;
    if (message.type !== 'clear') {
      this.#divide({
        type: 'divider',
        act: message.type,
        at,
        start: Number.isNaN(at) ? this.#edge.start : at,
        seq: message.seq,
      });
      return;
    }
    const floor = this.#endBefore(message.seq, at);
    this.#floor = floor;
    this.#newest.cutBefore(floor);
    if (this.#following || this.#loose) {
      this.#shown.copy(this.#newest);
      this.#loose = false;
      this.#lacking = null;
      this.#asked = null;
    }
    this.#divide({ type: 'divider', act: 'clear', at, ...floor });
  }

  /** Where that ends which was spoken before an act: a page of history may have come before the word of the act did.
   * @param {number} seq of the act @param {number} at @returns {Spot} */
  #endBefore(seq, at) {
    const last = this.#edge.seq < seq ? this.#edge : this.#newest.list.findLast((each) => each.seq < seq);
    if (last && last !== beginning) return { start: last.start, seq: last.seq + 1 };
    return Number.isNaN(at) ? { ...this.#newest.from } : { start: at, seq };
  }

  /** @param {Divider} divider */
  #divide(divider) {
    this.#dividers.push(divider);
    if (this.#dividers.length > this.#limits.maxDividers) this.#dividers.shift();
  }

  /** What is held is what this page says, and what is newer. @param {HeldCaption[]} captions @param {Spot} above */
  #settle(captions, above) {
    this.#loose = false;
    const from = this.#clipped(above);
    for (const stretch of [this.#shown, this.#newest]) {
      // A window that has grown beyond the page meanwhile knows of no gap within itself.
      if (captions.length === 0) stretch.from = from;
      else stretch.cutBefore(from);
      stretch.from = from;
    }
  }

  /** Nothing from before the screen was cleared comes by itself. @param {Spot} from */
  #clipped(from) {
    return this.#floor && isBefore(from, this.#floor) && !isBefore(this.#shown.from, this.#floor) ? this.#floor : from;
  }

  #trim() {
    const { maxShown, maxNewest } = this.#limits;
    this.#newest.dropOldest(maxNewest);
    const { list } = this.#shown;
    if (list.length <= maxShown) return;
    if (this.#loose) {
      // No page came all this time: what is above begins at the oldest that is held, whatever it is.
      this.#loose = false;
      for (const stretch of [this.#shown, this.#newest]) stretch.from = spotOf(stretch.list[0]) ?? stretch.from;
    }
    const middle = list[list.length >> 1];
    if (!this.#following && middle && isBefore(this.reading, middle)) this.#shown.dropNewest(maxShown);
    else this.#shown.dropOldest(maxShown);
  }
}

/** @param {Spot} a @param {Spot} b */
const isSame = (a, b) => a.start === b.start && a.seq === b.seq;

/** @param {ShownCaption | undefined} caption @returns {Spot | null} */
const spotOf = (caption) => (caption ? { start: caption.start, seq: caption.seq } : null);
