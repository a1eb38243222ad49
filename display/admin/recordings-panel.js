// @ts-check
/** The recordings of a room and their transcripts: switched on, listed, compared, published, deleted. */
import { make } from '../make.js';
import { wordsOf } from './call.js';
import { CompareView } from './compare-view.js';
import { choiceField, tickField } from './fields.js';
import { Form } from './form.js';
import { button, sureButton } from './press.js';
import { momentIn, stretchIn } from './times.js';
import { saveFile } from './transcript-panel.js';

/**
 * @typedef {{ talk: string, title: string, speakers: string[], from: number, to: number | null, state: string, message: string,
 *   hint: string }} RecordingView
 * @typedef {{ talk: string, served: 'live' | 'canonical', state: string, message: string, hint: string }} StandingView
 * @typedef {{ hasStore: boolean, store: { message: string, hint: string } | null, talks: StandingView[] }} Standings
 */

const engines = /** @type {const} */ ([
  ['', 'As the job does by default'],
  ['parakeet', 'Parakeet (25 European languages)'],
  ['whisper', 'Whisper (may invent words: never published by itself)'],
  ['pocketsphinx', 'PocketSphinx (English, to try it out)'],
]);

/** @type {Readonly<Record<string, string>>} */
const states = {
  running: 'Being recorded',
  ended: 'Over; its last sound is awaited',
  cutting: 'Being made into files',
  uploading: 'On its way to the store',
  stored: 'In the store',
  failed: 'Failed',
};
const downloadTimeoutMs = 5 * 60_000;
/** While the panel is looked at. */
const againMs = 10_000;

export class RecordingsPanel {
  element;
  #call;
  #path;
  #room;
  #form;
  #fields = [
    tickField({
      name: 'recording.on',
      label: 'Record the talks of this room',
      hint: 'Every screen and phone says so. Switched off, the recording that runs is ended and kept.',
    }),
    tickField({
      name: 'recording.redact',
      label: 'Take private details out of the transcript',
      hint: 'Numbers of cards, accounts, telephones and the like; the recording itself keeps them',
    }),
    choiceField({ name: 'recording.engine', label: 'Transcribed by', options: engines }),
  ];
  #homeless = make(
    'p',
    { class: 'warning', hidden: '' },
    'This relay has nowhere to put recordings: nothing is recorded. Whoever runs the relay names a store with --recording-store.',
  );
  #fault = make('p', { class: 'warning', hidden: '' });
  #said = make('p', { class: 'said', role: 'status' });
  #end = button('End this recording now', () => this.#endNow());
  #list = make('ul', { class: 'items recordings' });
  #overview;
  /** @type {CompareView | null} */
  #compare = null;
  #shown = '';
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /** @param {{ call: import('./call.js').Call, room: string, save?: (file: Blob, name: string) => void }} parts */
  constructor({ call, room, save = saveFile }) {
    this.#call = call;
    this.#room = room;
    this.#path = `/api/rooms/${room}`;
    this.save = save;
    this.#form = new Form({
      fields: this.#fields,
      button: 'Save',
      act: async () => {
        const changes = this.#form.changes();
        if (Object.keys(changes).length === 0) return 'Nothing was changed.';
        await call('GET', this.#path); // one that was deleted meanwhile must not be made anew
        /** @type {{ recording: { on: boolean } }} */
        const view = await call('PUT', this.#path, changes);
        this.#form.settle(view, true);
        void this.refresh();
        return view.recording.on
          ? 'Saved. The room is recorded, and its pages say so.'
          : 'Saved. The room is not recorded.';
      },
    });
    this.#end.hidden = true;
    this.#overview = make(
      'div',
      {},
      this.#homeless,
      this.#form.element,
      make('h3', {}, 'Recordings'),
      this.#fault,
      make('div', { class: 'buttons' }, this.#end),
      this.#said,
      this.#list,
    );
    this.element = make('div', {}, this.#overview);
    this.#timer = setInterval(() => {
      if (this.element.checkVisibility()) void this.refresh();
    }, againMs);
  }

  /** @param {{ recording?: object }} view */
  update(view) {
    if (view.recording) this.#form.settle(view);
  }

  close() {
    clearInterval(this.#timer);
  }

  async refresh() {
    try {
      /** @type {[{ recordings: RecordingView[] }, Standings]} */
      const [{ recordings }, standings] = await Promise.all([
        this.#call('GET', `${this.#path}/recordings`),
        this.#call('GET', `${this.#path}/canonical`),
      ]);
      this.#show(recordings, standings);
    } catch (error) {
      this.#tell(error);
    }
  }

  /** The same again stays as it is: somebody may be about to press in it. @param {RecordingView[]} recordings @param {Standings} standings */
  #show(recordings, { hasStore, store, talks }) {
    this.#homeless.hidden = hasStore;
    // What was switched on while there was a store can be switched off.
    this.#form.element.hidden = !hasStore && this.#fields[0]?.read() !== true;
    this.#fault.hidden = store === null;
    this.#fault.textContent = store ? `Transcripts cannot be fetched. ${store.message} ${store.hint}` : '';
    const shown = JSON.stringify([recordings, talks]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#end.hidden = !recordings.some(({ state }) => state === 'running');
    const items = recordings.map((each) => this.#item(each, talks.find(({ talk }) => talk === each.talk) ?? null));
    this.#list.replaceChildren(...(items.length > 0 ? items : [make('li', {}, 'There are none yet.')]));
  }

  /** @param {RecordingView} recording @param {StandingView | null} standing */
  #item(recording, standing) {
    const { talk, title, from, to, state, message, hint } = recording;
    const at = to === null ? `since ${momentIn(from)}` : stretchIn(from, to);
    const words = [[states[state] ?? state, message].filter(Boolean).join('. '), hint];
    const isHeard = standing && !['recording', 'awaited'].includes(standing.state);
    return make(
      'li',
      { 'data-talk': talk, 'data-state': state },
      make(
        'div',
        {},
        make('strong', { dir: 'auto' }, title),
        make('small', {}, at),
        ...words.filter(Boolean).map((each) => make('p', {}, each)),
        ...(standing && standing.state !== 'recording'
          ? [
              make(
                'p',
                { class: 'standing', 'data-standing': standing.state },
                `${standing.message} ${standing.hint}`.trim(),
              ),
            ]
          : []),
      ),
      make(
        'div',
        { class: 'buttons' },
        ...(isHeard ? [button('Compare', () => this.#open(talk), { 'aria-label': `Compare ${title}` })] : []),
        button('Download', () => this.#download(recording), { 'aria-label': `Download the transcript of ${title}` }),
        sureButton({
          text: 'Delete',
          sure: 'Delete now?',
          label: `Delete the recording of ${title}`,
          act: () =>
            this.#act(
              'DELETE',
              `/recordings/${talk}`,
              `The recording of ${title} and its transcripts are deleted. The live captions stay.`,
            ),
        }),
      ),
    );
  }

  /** @param {string} talk */
  #open(talk) {
    const compare = new CompareView({
      call: this.#call,
      path: `${this.#path}/recordings/${talk}/canonical`,
      changed: () => void this.refresh(),
      close: () => {
        compare.element.remove();
        this.#compare = null;
        this.#overview.hidden = false;
        /** @type {HTMLElement | null} */ (this.#list.querySelector(`[data-talk="${talk}"] button`))?.focus();
      },
    });
    this.#compare?.element.remove();
    this.#compare = compare;
    this.#overview.hidden = true;
    this.element.append(compare.element);
    void compare.open().then(() => compare.focus());
  }

  /** @param {RecordingView} recording */
  async #download({ talk, title }) {
    try {
      const query = new URLSearchParams({ talk, version: 'best' });
      /** @type {Blob} */
      const file = await this.#call('GET', `${this.#path}/transcript.txt?${query}`, undefined, {
        as: 'blob',
        timeoutMs: downloadTimeoutMs,
      });
      this.save(file, `${this.#room}-${talk}.txt`);
      this.#tell(`The transcript of ${title} is handed over to be saved.`);
    } catch (error) {
      this.#tell(error);
    }
  }

  async #endNow() {
    await this.#act('POST', '/recordings/end', 'It is ended, and goes to the store.');
  }

  /** @param {string} method @param {string} path @param {string} done */
  async #act(method, path, done) {
    try {
      await this.#call(method, `${this.#path}${path}`);
      this.#tell(done);
      await this.refresh();
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
