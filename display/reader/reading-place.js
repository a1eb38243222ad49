// @ts-check
/**
 * Where a reader is in the document: at the live end, which keeps the newest words at the bottom, or standing
 * somewhere, which keeps what is being read where it is, whatever comes or goes above and below. Not every browser
 * anchors scrolling by itself (Safari does not), so it is done by hand in the frame of the change: what is in sight is
 * measured before, and put back after; where the page is too short for that, room is made above or below.
 */

/** @typedef {{ element: Element, top: number, height: number }} Seen */

export const placeLimits = Object.freeze({
  /** So near the end counts as at the end. CSS px. */
  endPx: 16,
  /** Moves further than this many screens are jumps. */
  smoothScreens: 1.5,
  /** Where a reader's eyes are, as a share of the screen, when nothing else is known: what is above has been read. */
  eyes: 1 / 3,
  /** More is fetched when less than this many screens are left. */
  nearScreens: 1.5,
});

export class ReadingPlace {
  #list;
  #controls;
  #content;
  #room;
  #isSmooth;
  #onMove;
  #canFollow;
  #isFollowing = true;
  /** @type {Seen[]} what is in sight, from the top */
  #seen = [];
  /** The eyes are at the newest words: there the reader was when the page was told to stand still. */
  #isAtNewest = true;
  /** A smooth movement of ours to the end is under way. */
  #isMoving = false;
  #lastY = 0;
  #shape = '';
  #height = 0;

  /**
   * @param {object} parts
   * @param {HTMLElement} parts.content all that scrolls, with its controls
   * @param {HTMLElement} parts.room gets the room that is made above and below, as `--above` and `--below`
   * @param {HTMLElement} parts.list whose children are read
   * @param {HTMLElement} parts.controls the last of `content`, sticking to the lower edge
   * @param {() => boolean} parts.isSmooth
   * @param {() => boolean} parts.canFollow whether the end of the document is the live end, and it is not paused
   * @param {() => void} parts.onMove the reader has moved, or begins or ends following
   */
  constructor({ content, room, list, controls, isSmooth, canFollow, onMove }) {
    this.#content = content;
    this.#room = room;
    this.#list = list;
    this.#controls = controls;
    this.#isSmooth = isSmooth;
    this.#canFollow = canFollow;
    this.#onMove = onMove;
  }

  start() {
    addEventListener('scroll', () => this.#scrolled(), { passive: true });
    addEventListener('scrollend', () => this.#rest());
    // Turned, zoomed, another font or size, a notice: whatever changes the layout leaves the place as it was.
    new ResizeObserver(() => this.#relaid()).observe(this.#content);
    addEventListener('resize', () => this.#relaid());
  }

  get isFollowing() {
    return this.#isFollowing;
  }

  /** The topmost element in sight. @returns {Element | undefined} */
  get topmost() {
    return this.#seen[0]?.element;
  }

  /** Which ends of the document are near. */
  get near() {
    const reach = innerHeight * placeLimits.nearScreens;
    return { top: scrollY < reach, bottom: this.#toEnd() < reach };
  }

  /** Stays where it is from now on. */
  stand() {
    this.#isAtNewest = this.#isFollowing;
    this.#isFollowing = false;
    this.hold();
    scrollTo({ top: scrollY, behavior: 'instant' }); // ends a movement that is under way
  }

  /** Keeps the newest words in sight from now on; `settle` goes there. */
  follow() {
    this.#isFollowing = this.#isAtNewest = true;
  }

  /** To be called before the document changes. */
  hold() {
    const { children } = this.#list;
    let [low, high] = [0, children.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((children[middle]?.getBoundingClientRect().bottom ?? 0) > 0) high = middle;
      else low = middle + 1;
    }
    this.#seen = [];
    for (let i = Math.max(0, Math.min(low, children.length - 1)); i < children.length; i++) {
      const element = children[i];
      if (!element) break;
      const { top, height } = element.getBoundingClientRect();
      if (top > this.#lowerEdge() && this.#seen.length > 0) break;
      this.#seen.push({ element, top, height });
    }
  }

  /** To be called after the document has changed, in the same frame. @param {{ smooth: boolean }} how */
  settle({ smooth }) {
    const isHeld = this.#putBack();
    if (this.#isFollowing) this.#goToEnd(smooth && isHeld);
    this.#remember();
  }

  /** @returns {boolean} whether anything is left of what was in sight */
  #putBack() {
    const left = this.#seen.filter(({ element }) => element.isConnected);
    const eyes = this.#isAtNewest ? this.#lowerEdge() : innerHeight * placeLimits.eyes;
    const seen = left.findLast(({ top }) => top <= eyes) ?? left[0];
    if (!seen) return false;
    const { top, height } = seen.element.getBoundingClientRect();
    // What is partly above the edge keeps its share above it.
    const wanted = seen.top < 0 && seen.height > 0 ? (seen.top * height) / seen.height : seen.top;
    const { above, below } = this.#made();
    const target = scrollY - above + top - wanted;
    const height0 = this.#content.getBoundingClientRect().height - above - below;
    // Browsers scroll by whole pixels: what is left over is made above, or many changes would add up.
    const y = Math.max(0, Math.ceil(target));
    const newAbove = y - target;
    this.#make(newAbove, Math.max(0, y + innerHeight - height0 - newAbove));
    this.#scroll(y, false);
    return true;
  }

  /** @param {boolean} smooth */
  #goToEnd(smooth) {
    const { above, below } = this.#made();
    const height = this.#content.getBoundingClientRect().height - below;
    const isSmooth =
      smooth && this.#isSmooth() && height - innerHeight - scrollY < innerHeight * placeLimits.smoothScreens;
    const newAbove = isSmooth
      ? Math.max(above, innerHeight - height + above)
      : Math.max(0, innerHeight - height + above);
    this.#make(newAbove, 0);
    this.#isMoving = isSmooth;
    this.#scroll(Math.ceil(height - above + newAbove - innerHeight), isSmooth);
  }

  /** A movement has come to its end: room that was made above for it is given back, unseen. */
  #rest() {
    if (this.#isFollowing && this.#isMoving && this.#toEnd() > 2) {
      this.#goToEnd(true); // that was the end of an earlier movement
      return;
    }
    this.#isMoving = false;
    if (this.#made().above < 1 || scrollY === 0) return;
    this.hold();
    this.#putBack();
    this.#remember();
  }

  #relaid() {
    const isSame = this.#shapeNow() === this.#shape;
    if (isSame && innerHeight === this.#height) return;
    // A phone's address bar comes and goes while a finger scrolls: the text has not moved, so neither does the reader.
    if (isSame && !this.#isFollowing) this.#remember();
    else this.settle({ smooth: false });
    this.#onMove();
  }

  #scrolled() {
    const y = scrollY;
    const shape = this.#shapeNow();
    // The browser may scroll because the layout has changed; that is not the reader's doing.
    if (shape === this.#shape) {
      const toEnd = this.#toEnd();
      // Some browsers let a page be pulled beyond its end; that it springs back is not the reader's doing either.
      const isBack = y + toEnd < this.#lastY - 1;
      if (y < this.#lastY - 1 && !isBack) this.#isFollowing = false;
      else if (y > this.#lastY && toEnd <= placeLimits.endPx && this.#canFollow()) this.#isFollowing = true;
      if (Math.abs(y - this.#lastY) > 1) this.#isAtNewest = this.#isFollowing;
      this.#lastY = y;
      this.hold();
    }
    this.#onMove();
  }

  #toEnd() {
    return document.documentElement.scrollHeight - innerHeight - scrollY;
  }

  #remember() {
    this.#lastY = scrollY;
    this.#shape = this.#shapeNow();
    this.#height = innerHeight;
    this.hold();
  }

  /** Where the controls begin, which cover the page's lower edge. */
  #lowerEdge() {
    return this.#controls.getBoundingClientRect().top;
  }

  #shapeNow() {
    return `${this.#content.getBoundingClientRect().height} ${innerWidth}`;
  }

  #made() {
    const { style } = this.#room;
    const px = (/** @type {string} */ name) => Number.parseFloat(style.getPropertyValue(name)) || 0;
    return { above: px('--above'), below: px('--below') };
  }

  /** @param {number} above @param {number} below px */
  #make(above, below) {
    this.#room.style.setProperty('--above', `${above}px`);
    this.#room.style.setProperty('--below', `${below}px`);
  }

  /** @param {number} y @param {boolean} isSmooth */
  #scroll(y, isSmooth) {
    if (isSmooth || Math.abs(y - scrollY) > 0.01) scrollTo({ top: y, behavior: isSmooth ? 'smooth' : 'instant' });
  }
}
