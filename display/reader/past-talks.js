// @ts-check
/** Transcripts of past talks, made from their recordings: offered among the settings, read in a dialog of their own. */
import { make } from '../make.js';
import { saveTranscript } from './transcript-file.js';

/** @import { History } from './history.js' */
/** @import { PublishedTalk, ShownCaption } from '../messages.js' */
/** @import { ReaderStrings } from '../strings.js' */

/** What ends a paragraph, as in the file. */
const paragraph = Object.freeze({ pauseMs: 5000, letters: 700 });

export class PastTalks {
  element = make('section', { class: 'choice past', hidden: '' });
  dialog = make('dialog', { id: 'past', 'aria-labelledby': 'past-title' });
  #strings;
  #history;
  #room;
  #list = make('ul');
  #note = make('p', { class: 'note', role: 'status' });
  #title = make('h2', { id: 'past-title', dir: 'auto', tabindex: '-1' });
  #text = make('div', { class: 'text' });
  #more = make('button', { type: 'button' });
  #status = make('p', { class: 'note', role: 'status' });
  #shown = '';
  /** The talk that is read, and how far. @type {{ talk: PublishedTalk, last: ShownCaption | null, isLoading: boolean } | null} */
  #reading = null;

  /** @param {ReaderStrings} strings @param {Pick<History, 'talks' | 'talk' | 'file'>} history @param {string} room */
  constructor(strings, history, room) {
    this.#strings = strings;
    this.#history = history;
    this.#room = room;
    const close = make('button', { type: 'button' }, strings.close);
    close.addEventListener('click', () => this.dialog.close());
    this.dialog.addEventListener('close', () => {
      this.#reading = null;
    });
    this.#more.textContent = strings.pastMore;
    this.#more.addEventListener('click', () => void this.#load());
    const mark = make('p', { class: 'mark' }, strings.pastMark);
    this.dialog.append(make('header', {}, this.#title, close), mark, this.#text, this.#status, this.#more);
    this.element.append(make('h3', {}, strings.past), this.#list, this.#note);
  }

  /** Asks for the list; what cannot be had stays as it was. */
  async refresh() {
    const talks = await this.#history.talks().catch(() => null);
    if (talks === null) return;
    const shown = JSON.stringify(talks);
    this.element.hidden = talks.length === 0;
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#list.replaceChildren(...talks.map((talk) => this.#item(talk)));
  }

  /** @param {PublishedTalk} talk */
  #item(talk) {
    const { title, start } = talk;
    const day = new Intl.DateTimeFormat(navigator.languages.slice(), { dateStyle: 'medium', timeStyle: 'short' });
    const { pastRead, pastSave, pastMark } = this.#strings;
    const read = make('button', { type: 'button', 'aria-label': `${pastRead}: ${title}` }, pastRead);
    const save = make('button', { type: 'button', 'aria-label': `${pastSave}: ${title}` }, pastSave);
    read.addEventListener('click', () => void this.#open(talk));
    save.addEventListener('click', () => void this.#save(save, talk));
    return make(
      'li',
      {},
      make('strong', { dir: 'auto' }, title),
      make('small', {}, `${day.format(start)} · ${pastMark}`),
      make('div', { class: 'buttons' }, read, save),
    );
  }

  /** @param {PublishedTalk} talk */
  async #open(talk) {
    this.#reading = { talk, last: null, isLoading: false };
    this.#more.hidden = true;
    this.#title.textContent = talk.title;
    this.#text.replaceChildren();
    this.dialog.showModal();
    this.#title.focus();
    await this.#load();
  }

  /** The next page, below what is there. */
  async #load() {
    const { fileLoading, fileFailed, retry, pastMore } = this.#strings;
    const reading = this.#reading;
    if (!reading || reading.isLoading) return;
    reading.isLoading = true;
    this.#status.textContent = fileLoading;
    try {
      const { captions, truncated } = await this.#history.talk(reading.talk.talk, reading.last);
      // Another one may be read by now.
      if (this.#reading !== reading) return;
      for (const each of captions) this.#add(each, reading);
      this.#status.textContent = '';
      this.#more.textContent = pastMore;
      this.#more.hidden = !truncated;
    } catch {
      if (this.#reading !== reading) return;
      this.#status.textContent = fileFailed;
      this.#more.textContent = retry;
      this.#more.hidden = false;
    } finally {
      reading.isLoading = false;
    }
  }

  /** @param {ShownCaption} caption @param {{ last: ShownCaption | null }} reading */
  #add(caption, reading) {
    const { last } = reading;
    const { text, speaker, language, start } = caption;
    const present = this.#text.lastElementChild;
    const isOther = speaker !== null && speaker !== last?.speaker;
    const begins =
      !present ||
      !last ||
      speaker !== last.speaker ||
      language !== last.language ||
      start - last.end > paragraph.pauseMs ||
      (present.textContent ?? '').length > paragraph.letters;
    if (begins && isOther) this.#text.append(make('p', { class: 'who', dir: 'auto' }, this.#nameOf(speaker)));
    if (begins) this.#text.append(make('p', { dir: 'auto', ...(language && { lang: language }) }, text));
    else present?.append(` ${text}`);
    reading.last = caption;
  }

  /** What the engine numbers from 0 on is counted from 1. @param {string} speaker */
  #nameOf(speaker) {
    return /^\d{1,3}$/.test(speaker) ? this.#strings.speaker.replace('{n}', String(Number(speaker) + 1)) : speaker;
  }

  /** @param {HTMLElement} button @param {PublishedTalk} talk */
  async #save(button, { talk, start }) {
    if (button.getAttribute('aria-disabled') === 'true') return;
    button.setAttribute('aria-disabled', 'true');
    const { fileLoading, fileSaved, fileFailed } = this.#strings;
    this.#note.textContent = fileLoading;
    try {
      await saveTranscript(this.#history, this.#room, new Date(start), talk);
      this.#note.textContent = fileSaved;
    } catch {
      this.#note.textContent = fileFailed;
    }
    button.removeAttribute('aria-disabled');
  }
}
