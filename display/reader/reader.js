// @ts-check
/**
 * The captions of whoever reads along on a phone or laptop: real paragraphs that scroll, the whole talk within reach,
 * and how they look and behave in the reader's hand. This is where its parts meet.
 */

import { make } from '../make.js';
import { ScreenWakeLock } from '../wake-lock.js';
import { Announcer } from './announcer.js';
import { SettingsDialog } from './dialog.js';
import { History } from './history.js';
import { applyLook } from './look.js';
import { Paging } from './paging.js';
import { Paragraphs } from './paragraphs.js';
import { PastTalks } from './past-talks.js';
import { ReadingPlace } from './reading-place.js';
import { Settings } from './settings.js';
import { Toolbar } from './toolbar.js';
import { ReaderTop } from './top.js';
import { saveTranscript } from './transcript-file.js';
import { ReaderWindow } from './window.js';

/** @import { Durable, Tail } from '../messages.js' */
/** @import { View, ViewParts } from '../view.js' */

/** More than so many in one frame are not announced one by one: only the last of them is. */
const maxAnnounced = 3;

/** @implements {View} */
export class Reader {
  #window = new ReaderWindow();
  #paragraphs;
  #place;
  #paging;
  #history;
  #toolbar;
  #top;
  #dialog;
  #announcer;
  #settings;
  #wakeLock;
  #onStage;
  /** @type {Tail | null} */
  #tail = null;
  #isPaused = false;
  #isDrawing = false;
  /** Whether what is drawn next was just said, rather than loaded. */
  #isLive = false;
  /** @type {import('../messages.js').ShownCaption[]} said since the last frame, to be announced */
  #said = [];

  /** @param {ViewParts} parts */
  constructor({ container, parameters, strings, place, onStage }) {
    const words = strings.reader;
    const root = document.documentElement;
    const time = new Intl.DateTimeFormat(navigator.languages.slice(), { hour: '2-digit', minute: '2-digit' });
    this.#onStage = onStage;
    this.#history = new History(place, location.origin, (...request) => fetch(...request));
    this.#settings = new Settings(() => localStorage, parameters);
    this.#paragraphs = new Paragraphs(words, (ms) => time.format(ms));
    this.#top = new ReaderTop(words, { onRetry: () => this.#paging.retry(), onUncover: () => this.#uncover() });
    this.#toolbar = new Toolbar(words, { onGo: () => this.#go(), onSettings: () => this.#dialog.open() });
    this.#announcer = new Announcer(words.announced);
    this.#wakeLock = new ScreenWakeLock(navigator, document, () => this.#dialog.setAwake(this.#wakeLock.state));
    const file = () => saveTranscript(this.#history, place.room, new Date());
    const past = this.#history.isThere ? new PastTalks(words, this.#history, place.room) : null;
    this.#dialog = new SettingsDialog(words, this.#settings, past && file, past);
    const main = container.parentElement ?? document.body;
    container.tabIndex = -1;
    container.append(
      make('h1', { class: 'unseen-region' }, strings.captions),
      this.#top.element,
      this.#paragraphs.element,
    );
    main.append(this.#toolbar.element, this.#announcer.element);
    document.body.append(this.#dialog.element);
    if (past) document.body.append(past.dialog);
    this.#place = new ReadingPlace({
      content: main,
      room: container,
      list: this.#paragraphs.element,
      controls: this.#toolbar.element,
      isSmooth: () => !document.hidden && !matchMedia('(prefers-reduced-motion: reduce)').matches,
      canFollow: () => this.#window.isLive && !this.#isPaused,
      onMove: () => this.#moved(),
    });
    this.#paging = new Paging(
      this.#window,
      (query) => this.#history.page(query),
      {
        random: Math.random,
        setTimeout: (run, ms) => window.setTimeout(run, ms),
        clearTimeout: (timer) => window.clearTimeout(timer),
      },
      () => this.#changed(),
    );
    const light = matchMedia('(prefers-color-scheme: light)');
    this.#settings.onChange = () => this.#apply(root, light.matches);
    light.addEventListener('change', () => this.#apply(root, light.matches));
    addEventListener('online', () => this.#paging.retry());
    this.#apply(root, light.matches);
    this.#place.start();
    this.#moved();
  }

  /** @param {Durable} message @param {boolean} isOld it was said before this page came: history, which is not announced */
  message(message, isOld = false) {
    this.#window.apply(message);
    if (message.type === 'caption') {
      // A final ends the tail it was made of; one of an earlier stretch leaves it alone.
      if (this.#tail && !message.late && message.end > this.#tail.start) this.#tail = null;
      // Who has paused to read again is not talked over.
      if (!message.late && !isOld && !this.#isPaused) this.#said.push(message);
      if (this.#said.length > maxAnnounced + 1) this.#said.shift();
    } else if (message.type === 'amend') {
      this.#said = this.#said.flatMap((each) => {
        if (each.seq !== message.of) return each;
        return message.text === null ? [] : { ...each, text: message.text };
      });
      this.#announcer.forget(message.of);
    } else if (message.type === 'clear') {
      this.#tail = null;
      this.#said = [];
      this.#announcer.clear();
    }
    this.#isLive = true;
    this.#changed();
  }

  /** @param {Tail | null} tail */
  setTail(tail) {
    this.#tail = tail?.text.trim() ? tail : null;
    this.#isLive = true;
    this.#changed();
  }

  reset() {
    this.#window.reset();
    this.#tail = null;
    this.#isPaused = false;
    this.#said = [];
    this.#announcer.clear();
    this.#place.follow();
    this.#onStage('before');
    this.#changed();
  }

  /** Everything that happens before the next frame is drawn at once: a whole day may come in one go after a reset. */
  #changed() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#isDrawing = false;
    const { entries, isLive } = this.#window;
    this.#place.hold();
    this.#paragraphs.render(entries, isLive ? this.#tail : null);
    this.#showTop();
    if (entries.length > 0 || this.#tail) this.#onStage('talk');
    this.#place.settle({ smooth: this.#isLive });
    this.#isLive = false;
    const said = this.#said.splice(0);
    for (const each of said.length > maxAnnounced ? said.slice(-1) : said) this.#announcer.say(each);
    this.#moved();
  }

  /** The reader, or the text, has moved: what is near is loaded, and the controls tell where this is. */
  #moved() {
    if (this.#place.isFollowing && !this.#window.following) this.#window.rejoin();
    else if (!this.#place.isFollowing) this.#window.stand();
    const { topmost, near } = this.#place;
    this.#window.reading = (topmost && this.#paragraphs.entryOf(topmost)) ?? this.#window.reading;
    // While a page that came is not in the document, every end looks near.
    if (this.#history.isThere && !this.#isDrawing) this.#paging.supply(near);
    this.#showTop();
    const reading = this.#isPaused ? 'paused' : this.#place.isFollowing ? 'following' : 'standing';
    this.#toolbar.show(reading, this.#window.unseen);
  }

  #showTop() {
    this.#top.show(this.#window.top, this.#paging.state, this.#history.isThere);
  }

  /** Pauses where the newest words are in sight; goes there from anywhere else. */
  #go() {
    if (this.#place.isFollowing) {
      this.#isPaused = true;
      this.#place.stand();
      this.#moved();
      return;
    }
    this.#isPaused = false;
    this.#window.follow();
    this.#place.follow();
    this.#isLive = true;
    this.#changed();
  }

  #uncover() {
    this.#window.uncover();
    this.#isPaused = false;
    this.#place.stand();
    this.#moved();
  }

  /** @param {HTMLElement} root @param {boolean} isLightDevice */
  #apply(root, isLightDevice) {
    const { values } = this.#settings;
    applyLook(root, values, isLightDevice);
    this.#announcer.set(values.announce);
    this.#wakeLock.set(values.awake);
  }
}
