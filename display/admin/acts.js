// @ts-check
/** What an organizer does to a room's captions while they are read: pause, clear, correct, hide. */

/** A press that empties screens must be meant: the second within this time does it. */
const sureWithinMs = 4000;
const listed = 20;
/** A press so soon after the list has moved was meant for what stood there before. */
const movedMs = 500;

/**
 * @typedef {<T>(method: string, path: string, body?: object) => Promise<T>} Call
 * @typedef {(message: unknown) => void} Tell
 * @typedef {{ room: string, name: string, paused: boolean }} ActedRoom
 * @typedef {{ caption: { seq: number }, text: string | null, words: string }} ActedCaption
 */

/** Which captions stand where. @param {Element[]} items */
const captionsIn = (items) => items.map((each) => each.getAttribute('data-seq')).join();

/** @param {string} text @param {() => unknown} press */
function button(text, press) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = text;
  made.addEventListener('click', press);
  return made;
}

/**
 * The buttons of a room, for the last cell of its row.
 * @param {{ room: string, name: string, call: Call, tell: Tell, open: () => void }} parts `open` shows the room's captions
 */
export function actButtons({ room, name, call, tell, open }) {
  const path = `/api/rooms/${room}`;
  let isPaused = false;
  const pause = button('Pause', async () => {
    pause.disabled = true;
    try {
      /** @type {ActedRoom} */
      const view = await call('PUT', `${path}/paused`, { paused: !isPaused });
      update(view.paused);
      tell(view.paused ? `${name} is paused: what is said now is not captioned.` : `${name} is captioned again.`);
    } catch (error) {
      tell(error);
    }
    pause.disabled = false;
  });

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let asked;
  const ask = () => {
    asked = setTimeout(forget, sureWithinMs);
    clear.textContent = 'Clear now?';
    tell(`Press again to empty the screens of ${name}.`);
  };
  const forget = () => {
    clearTimeout(asked);
    asked = undefined;
    clear.textContent = 'Clear';
  };
  const clear = button('Clear', async () => {
    if (asked === undefined) return ask();
    forget();
    try {
      await call('POST', `${path}/clear`);
      tell(`The screens of ${name} are empty.`);
    } catch (error) {
      tell(error);
    }
  });

  const captions = button('Captions', open);
  for (const each of [pause, clear, captions]) each.className = 'act';
  captions.setAttribute('aria-label', `Captions of ${name}`);
  clear.addEventListener('blur', forget);

  /** @param {boolean} paused */
  const update = (paused) => {
    isPaused = paused;
    pause.textContent = paused ? 'Resume' : 'Pause';
  };
  const group = document.createElement('div');
  group.setAttribute('role', 'group');
  group.setAttribute('aria-label', `Acts in ${name}`);
  group.append(pause, ' ', clear, ' ', captions);
  return { group, update };
}

/** The newest captions of one room, each to be corrected, hidden and shown again. */
export class CaptionPanel {
  #section;
  #title;
  #list;
  #call;
  #tell;
  /** @type {string | null} */
  #room = null;
  #movedAt = Number.NEGATIVE_INFINITY;

  /**
   * @param {{ list: HTMLElement, section?: HTMLElement, title?: HTMLElement, close?: HTMLElement }} parts without a section
   *   of its own it is part of another
   * @param {Call} call @param {Tell} tell
   */
  constructor({ section, title, list, close }, call, tell) {
    this.#section = section;
    this.#title = title;
    this.#list = list;
    this.#call = call;
    this.#tell = tell;
    close?.addEventListener('click', () => this.close());
  }

  /** @param {string} room @param {string} [name] */
  async open(room, name = room) {
    this.#room = room;
    this.#list.replaceChildren();
    if (this.#title) this.#title.textContent = `Captions of ${name}`;
    if (this.#section) this.#section.hidden = false;
    this.#title?.focus();
    await this.refresh();
  }

  close() {
    this.#room = null;
    if (this.#section) this.#section.hidden = true;
  }

  /** What is being typed stays. */
  async refresh() {
    const room = this.#room;
    if (room === null) return;
    try {
      /** @type {{ captions: ActedCaption[] }} */
      const { captions } = await this.#call('GET', `/api/rooms/${room}/captions/newest?limit=${listed}`);
      if (room !== this.#room) return;
      const known = new Map([...this.#list.children].map((item) => [Number(item.getAttribute('data-seq')), item]));
      const items = captions.map((each) => {
        const item = known.get(each.caption.seq);
        const isSame = item?.getAttribute('data-text') === String(each.text) || item?.contains(document.activeElement);
        return item && isSame ? item : this.#item(room, each);
      });
      const isUnchanged = items.every((item, i) => this.#list.children[i] === item);
      if (!isUnchanged || items.length !== this.#list.children.length) this.#place(items);
    } catch (error) {
      this.#tell(error);
    }
  }

  /** Items that stay are not moved: whoever types in one goes on typing. @param {Element[]} items the newest first */
  #place(items) {
    const before = captionsIn([...this.#list.children]);
    if (before !== '' && before !== captionsIn(items)) this.#movedAt = performance.now();
    for (const old of [...this.#list.children]) if (!items.includes(old)) old.remove();
    items.forEach((item, i) => {
      if (this.#list.children[i] !== item) this.#list.insertBefore(item, this.#list.children[i] ?? null);
    });
  }

  /** @param {string} room @param {ActedCaption} acted */
  #item(room, { caption: { seq }, text, words }) {
    const item = document.createElement('li');
    item.dataset.seq = String(seq);
    item.dataset.text = String(text);
    const input = document.createElement('textarea');
    input.rows = 2;
    input.value = words;
    input.maxLength = 4000;
    input.setAttribute('aria-label', `Caption ${seq}${text === null ? ', hidden' : ''}`);
    /** @param {string | null} next */
    const put = async (next) => {
      try {
        /** @type {{ text: string | null }} */
        const act = await this.#call('PUT', `/api/rooms/${room}/captions/${seq}`, { text: next });
        const fresh = this.#item(room, { caption: { seq }, text: act.text, words: act.text ?? input.value });
        item.replaceWith(fresh);
        fresh.querySelector('textarea')?.focus();
        this.#tell(act.text === null ? 'The caption is hidden.' : 'Readers have the caption as it stands here.');
      } catch (error) {
        this.#tell(error);
      }
    };
    /** @param {string | null} next */
    const press = (next) => {
      if (performance.now() - this.#movedAt > movedMs) void put(next);
      else this.#tell('A new caption has just moved the others: press again.');
    };
    /** One line, whatever was pasted. */
    const typed = () => input.value.replace(/\s+/g, ' ').trim();
    const form = document.createElement('form');
    const correct = document.createElement('button');
    correct.textContent = 'Correct';
    correct.hidden = text === null;
    form.append(input, ' ', correct, ' ');
    form.append(text === null ? button('Show again', () => press(typed())) : button('Hide', () => press(null)));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void put(typed());
    });
    input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.isComposing || text === null) return;
      event.preventDefault();
      form.requestSubmit();
    });
    item.append(form);
    return item;
  }
}
