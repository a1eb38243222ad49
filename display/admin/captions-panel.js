// @ts-check
/** The newest captions of a room as one of its tabs. */
import { make } from '../make.js';
import { CaptionPanel } from './acts.js';

export class CaptionsTab {
  element;
  #captions;
  #seq = 0;
  #room;

  /** @param {{ call: import('./call.js').Call, tell: (message: unknown) => void, room: string }} parts */
  constructor({ call, tell, room }) {
    this.#room = room;
    const list = make('ol', { class: 'captions' });
    this.element = make(
      'div',
      {},
      make(
        'p',
        {},
        'The newest first. What is corrected or hidden here reaches every reader at once, and the transcript.',
      ),
      list,
    );
    this.#captions = new CaptionPanel({ list }, call, tell);
  }

  refresh() {
    return this.#captions.open(this.#room);
  }

  /** @param {{ seq: number }} view */
  update({ seq }) {
    if (seq === this.#seq) return;
    this.#seq = seq;
    void this.#captions.refresh();
  }

  close() {
    this.#captions.close();
  }
}
