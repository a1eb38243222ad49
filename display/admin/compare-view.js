// @ts-check
/** A recording's transcript beside the live captions: what differs is marked; corrected, hidden and shown by the segment. */
import { make } from '../make.js';
import { wordsOf } from './call.js';
import { button, whileBusy } from './press.js';
import { beside, compare } from './word-diff.js';

/**
 * @typedef {{ id: number, start: number, end: number, speaker: string | null, text: string, shown: string | null,
 *   withheld: string | null, corrected: boolean, language: string }} Segment
 * @typedef {{ seq: number, start: number, end: number, text: string }} LiveCaption
 * @typedef {{ version: string, engine: string, canonical: boolean, newest: boolean, segments: number, words: number, withheld: number, redactions: number,
 *   corrected: number }} Version
 * @typedef {import('./word-diff.js').MarkedWord} MarkedWord
 * @typedef {{ segment: Segment, live: MarkedWord[][], words: MarkedWord[], at: string }} Pair a part and what was said live in
 *   its time; `at`: since the recording began
 * @typedef {{ title: string, start: number, served: string | null, version: string | null, versions: Version[], segments: Segment[],
 *   live: LiveCaption[], more: boolean, report: unknown, standing: { state: string, message: string, hint: string },
 *   trouble: { message: string, hint: string } | null, failures: { engine: string, message: string, hint: string }[] }} Comparison
 */

const pageSegments = 50;

export class CompareView {
  element = make('section', { class: 'compare', 'aria-labelledby': 'compare-title' });
  #call;
  #path;
  #changed;
  #title = make('h3', { id: 'compare-title', tabindex: '-1', dir: 'auto' });
  #facts = make('div');
  #versions = make('select', { id: 'compare-version' });
  #choice = make('div', { class: 'field' }, make('label', { for: 'compare-version' }, 'Version'), this.#versions);
  #rows = make('ol', { class: 'pairs' });
  #more = button('Show more', () => this.#load());
  #said = make('p', { class: 'said', role: 'status' });
  /** @type {string | null} */
  #version = null;
  /** The last segment that is here. @type {number | null} */
  #last = null;

  /**
   * @param {{ call: import('./call.js').Call, path: string, close: () => void, changed: () => void }} parts `path` of the
   *   transcript; `changed`: readers may have something else now
   */
  constructor({ call, path, close, changed }) {
    this.#call = call;
    this.#path = path;
    this.#changed = changed;
    this.#versions.addEventListener('change', () => {
      this.#version = this.#versions.value;
      void this.open();
    });
    this.element.append(
      this.#title,
      make(
        'div',
        { class: 'buttons' },
        button('Publish this version', () =>
          this.#decide('publish', { version: this.#version }, 'Readers have this version from now on.'),
        ),
        button('Back to the live captions', () =>
          this.#decide('fallback', {}, 'Readers have the live captions again.'),
        ),
        button('Close', close),
      ),
      this.#said,
      this.#choice,
      this.#facts,
      make(
        'p',
        { class: 'hint' },
        'Words that only one of the two has are marked. What is corrected here reaches readers at once.',
      ),
      this.#rows,
      this.#more,
    );
  }

  /** From the beginning. */
  async open() {
    this.#last = null;
    this.#rows.replaceChildren();
    await this.#load();
  }

  focus() {
    this.#title.focus();
  }

  async #load() {
    const query = new URLSearchParams({ limit: String(pageSegments) });
    if (this.#version) query.set('version', this.#version);
    if (this.#last !== null) query.set('after', String(this.#last));
    try {
      /** @type {Comparison} */
      const page = await this.#call('GET', `${this.#path}?${query}`);
      this.#show(page);
    } catch (error) {
      this.#tell(error);
    }
  }

  /** @param {Comparison} page */
  #show(page) {
    const { title, segments, live, more, version, versions, served } = page;
    this.#title.textContent = `${title}: live and recording`;
    this.#version = version;
    const options = versions.map((each) =>
      make('option', { value: each.version }, `${nameOf(each)}${each.version === served ? ', what readers have' : ''}`),
    );
    this.#versions.replaceChildren(...options);
    if (version) this.#versions.value = version;
    this.#choice.hidden = versions.length < 2;
    if (this.#last === null) this.#facts.replaceChildren(...factsOf(page));
    const marked = compare(
      live.map(({ text }) => text),
      segments.map(({ shown, text }) => shown ?? text),
    );
    const places = beside(segments, live);
    segments.forEach((segment, i) => {
      const said = live.flatMap((_, j) => (places[j] === i ? [marked.one[j] ?? []] : []));
      const at = clock(segment.start - page.start);
      this.#rows.append(this.#row({ segment, live: said, words: marked.other[i] ?? [], at }));
    });
    if (segments.length === 0 && live.length > 0 && this.#last === null)
      this.#rows.append(
        make('li', {}, make('div', { class: 'live' }, ...marked.one.map((words) => spoken(words, 'del')))),
      );
    this.#last = segments.at(-1)?.id ?? this.#last;
    this.#more.hidden = !more;
  }

  /** @param {Pair} pair */
  #row(pair) {
    const row = make('li', { 'data-segment': String(pair.segment.id) });
    this.#fill(row, pair);
    return row;
  }

  /** @param {HTMLElement} row @param {Pair} pair */
  #fill(row, pair) {
    const { segment, live, words, at } = pair;
    const { speaker, shown, withheld, corrected, language } = segment;
    const text = spoken(words, 'ins');
    text.lang = language;
    const notes = [
      ...(withheld ? [`Withheld: ${withheld}`] : []),
      ...(shown === null && !withheld ? ['Hidden: readers do not have it.'] : []),
      ...(corrected && shown !== null ? ['Corrected by an organizer.'] : []),
    ];
    const beside = make('div', { class: 'live' }, ...live.map((each) => spoken(each, 'del')));
    if (live.length === 0) beside.append(make('p', { class: 'hint' }, 'Nothing live at this time.'));
    const show = () => this.#put(row, pair, segment.text);
    const hide = () => this.#put(row, pair, null);
    const own = make(
      'div',
      { class: 'canonical', ...(shown === null && { 'data-unread': '' }) },
      ...(speaker === null ? [] : [make('small', { dir: 'auto' }, speakerName(speaker))]),
      text,
      ...notes.map((each) => make('p', { class: 'note' }, each)),
      make(
        'div',
        { class: 'buttons' },
        button('Correct', () => this.#edit(row, pair), { 'aria-label': `Correct at ${at}` }),
        shown === null
          ? button('Show to readers', show, { 'aria-label': `Show to readers at ${at}` })
          : button('Hide', hide, { 'aria-label': `Hide at ${at}` }),
      ),
    );
    row.replaceChildren(make('time', {}, at), beside, own);
  }

  /** @param {HTMLElement} row @param {Pair} pair */
  #edit(row, pair) {
    const { segment, at } = pair;
    const input = make('textarea', { rows: '3', maxlength: '4000', dir: 'auto', 'aria-label': `Text at ${at}` });
    input.value = segment.shown ?? segment.text;
    const leave = button('Leave it', () => {
      this.#fill(row, pair);
      row.querySelector('button')?.focus();
    });
    const save = make('button', { class: 'main' }, 'Save');
    const form = make('form', {}, input, make('div', { class: 'buttons' }, save, leave));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void whileBusy(save, () => this.#put(row, pair, input.value.replace(/\s+/g, ' ').trim()));
    });
    row.querySelector('.canonical')?.replaceChildren(form);
    input.focus();
  }

  /** What is refused stays as it was typed. @param {HTMLElement} row @param {Pair} pair @param {string | null} text */
  async #put(row, { segment: { id }, live, at }, text) {
    try {
      const version = this.#version ? { version: this.#version } : {};
      /** @type {Segment} */
      const segment = await this.#call('PUT', `${this.#path}/segments/${id}`, { text, ...version });
      const said = live.map((words) => words.map((word) => word.text).join(''));
      const { one, other } = compare(said, [segment.shown ?? segment.text]);
      this.#fill(row, { segment, live: one, words: other[0] ?? [], at });
      row.querySelector('button')?.focus();
      this.#tell(text === null ? 'It is hidden in this version.' : 'It stands so in this version.');
      this.#changed();
    } catch (error) {
      this.#tell(error);
    }
  }

  /** @param {'publish' | 'fallback'} act @param {object} body @param {string} done */
  async #decide(act, body, done) {
    try {
      await this.#call('POST', `${this.#path}/${act}`, body);
      await this.open();
      this.#tell(done);
      this.#changed();
    } catch (error) {
      this.#tell(error);
    }
  }

  /** @param {unknown} message */
  #tell(message) {
    this.#said.textContent = wordsOf(message);
    this.#said.classList.toggle('error', message instanceof Error);
  }
}

/** @param {Version} version */
const nameOf = ({ engine, words, corrected, canonical }) =>
  `${engine}, ${words} words${corrected > 0 ? `, ${corrected} corrected` : ''}${canonical ? '' : ', to be looked at'}`;

/** @param {Comparison} page */
function factsOf({ versions, version, report, trouble, failures, standing }) {
  const present = versions.find((each) => each.version === version);
  const lines = [
    standing.message,
    standing.hint,
    ...(present
      ? [
          `${present.segments} parts, ${present.words} words, ${present.withheld} withheld, ${present.redactions} private details taken out.`,
        ]
      : []),
    ...differenceIn(report),
    ...(trouble ? [`${trouble.message} ${trouble.hint}`] : []),
    ...failures.map(({ engine, message, hint }) => `${engine}: ${message} ${hint}`),
  ];
  return lines.filter(Boolean).map((each) => make('p', {}, each));
}

/** What the job's report says of both. @param {unknown} report */
function differenceIn(report) {
  const live = fieldOf(report, 'live');
  const rate = fieldOf(live, 'word_error_rate');
  if (typeof rate !== 'number') return [];
  const [missing, extra] = [fieldOf(live, 'missing'), fieldOf(live, 'extra')];
  return [
    `${Math.round(rate * 100)} % of its words differ from the live captions: ${missing} were missing there, ${extra} were too many.`,
  ];
}

/** @param {unknown} value @param {string} name @returns {unknown} */
const fieldOf = (value, name) => new Map(Object.entries(Object(value))).get(name);

/** @param {readonly import('./word-diff.js').MarkedWord[]} words @param {'ins' | 'del'} tag of what the other one has not */
function spoken(words, tag) {
  const text = make('p', { dir: 'auto', class: 'words' });
  for (const { text: word, isSame } of words) {
    const last = text.lastChild;
    const name = isSame ? '#text' : tag;
    if (last && last.nodeName.toLowerCase() === name) last.textContent += word;
    else text.append(isSame ? word : make(tag, {}, word));
  }
  return text;
}

/** @param {string} speaker */
const speakerName = (speaker) => (/^\d{1,3}$/.test(speaker) ? `Speaker ${Number(speaker) + 1}` : speaker);

/** @param {number} ms since the recording began */
function clock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (/** @type {number} */ value) => String(Math.floor(value)).padStart(2, '0');
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}
