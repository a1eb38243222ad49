// @ts-check
/** The newest captions of one room, each to be corrected, hidden and shown again. */
import { make } from '../make.js';
import { place } from './place.js';
import { button } from './press.js';

const listed = 20;
/** A press so soon after the list has moved was meant for what stood there before. */
const movedMs = 500;

/** @typedef {{ caption: { seq: number }, text: string | null, words: string }} ActedCaption */

/** Which captions stand where. @param {Element[]} items */
const captionsIn = (items) => items.map((each) => each.getAttribute('data-seq')).join();

/** Whether somebody is correcting it: then it stays as it is, and where it is. @param {Element | undefined} item */
function isTyped(item) {
  const input = item?.querySelector('textarea');
  return Boolean(input && (item?.contains(document.activeElement) || input.value !== input.defaultValue));
}

export class CaptionsPanel {
  element;
  #list = make('ol', { class: 'captions' });
  #call;
  #tell;
  #room;
  #seq = 0;
  #movedAt = Number.NEGATIVE_INFINITY;
  /** One reading at a time, and another one after it where something was said meanwhile. */
  #isReading = false;
  #isStale = false;

  /** @param {{ call: import('./call.js').Call, tell: (message: unknown) => void, room: string }} parts */
  constructor({ call, tell, room }) {
    this.#call = call;
    this.#tell = tell;
    this.#room = room;
    this.element = make(
      'div',
      {},
      make(
        'p',
        {},
        'The newest first. What is corrected or hidden here reaches every reader at once, and the transcript.',
      ),
      this.#list,
    );
  }

  /** @param {{ seq: number }} view */
  update({ seq }) {
    if (seq === this.#seq) return;
    this.#seq = seq;
    if (!this.element.hidden) void this.refresh();
  }

  async refresh() {
    this.#isStale = true;
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (this.#isStale) {
        this.#isStale = false;
        /** @type {{ captions: ActedCaption[] }} */
        const { captions } = await this.#call('GET', `/api/rooms/${this.#room}/captions/newest?limit=${listed}`);
        this.#show(captions);
      }
    } catch (error) {
      this.#tell(error);
    } finally {
      this.#isReading = false;
    }
  }

  /** What is being typed stays, also where the caption is none of the newest any more. @param {ActedCaption[]} captions */
  #show(captions) {
    const children = [...this.#list.children];
    const known = new Map(children.map((item) => [Number(item.getAttribute('data-seq')), item]));
    const newest = captions.map((each) => {
      const item = known.get(each.caption.seq);
      return item && (item.getAttribute('data-text') === String(each.text) || isTyped(item)) ? item : this.#item(each);
    });
    const older = children.filter((item) => !captions.some(({ caption }) => known.get(caption.seq) === item));
    const items = [...newest, ...older.filter(isTyped)];
    if (items.length === children.length && items.every((item, i) => children[i] === item)) return;
    const before = captionsIn(children);
    if (before !== '' && before !== captionsIn(items)) this.#movedAt = performance.now();
    place(this.#list, items);
  }

  /** @param {ActedCaption} acted */
  #item({ caption: { seq }, text, words }) {
    const input = make('textarea', {
      rows: '2',
      maxlength: '4000',
      'aria-label': `Caption ${seq}${text === null ? ', hidden' : ''}`,
    });
    input.defaultValue = words;
    /** One line, whatever was pasted. */
    const typed = () => input.value.replace(/\s+/g, ' ').trim();
    /** @param {string | null} next */
    const put = async (next) => {
      const path = `/api/rooms/${this.#room}/captions/${seq}`;
      try {
        /** @type {{ text: string | null }} */
        const act = await this.#call('PUT', path, { text: next });
        const fresh = this.#item({ caption: { seq }, text: act.text, words: act.text ?? input.value });
        item.replaceWith(fresh);
        fresh.querySelector('textarea')?.focus();
        this.#tell(act.text === null ? 'The caption is hidden.' : 'Readers have the caption as it stands here.');
      } catch (error) {
        this.#tell(error);
      }
    };
    /** @param {string | null} next */
    const press = async (next) => {
      if (performance.now() - this.#movedAt > movedMs) await put(next);
      else this.#tell('A new caption has just moved the others: press again.');
    };
    const hide = text === null ? button('Show again', () => press(typed())) : button('Hide', () => press(null));
    const correct = make('button', {}, 'Correct');
    correct.hidden = text === null;
    const form = make('form', {}, input, ' ', correct, ' ', hide);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void put(typed());
    });
    input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.isComposing || text === null) return;
      event.preventDefault();
      form.requestSubmit();
    });
    const item = make('li', { 'data-seq': String(seq), 'data-text': String(text) }, form);
    return item;
  }
}
