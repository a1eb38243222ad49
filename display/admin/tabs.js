// @ts-check
/** Panels one at a time, chosen by a row of tabs that arrow keys walk. */
import { make } from '../make.js';

/**
 * @template View
 * @typedef {object} Panel
 * @property {HTMLElement} element
 * @property {() => Promise<void>} [refresh] asks the relay for what it shows; each time its tab is chosen
 * @property {(view: View) => void} [update] the room as it is now
 * @property {() => void} [close]
 */

/** @template View @typedef {{ id: string, title: string, make: () => Panel<View> }} Tab */

let made = 0;

/** @template [View=never] */
export class Tabs {
  element;
  #tabs;
  #list;
  #prefix = `tabs-${++made}`;
  /** Panels live on while others are chosen: what is typed in them stays. @type {Map<string, Panel<View>>} */
  #panels = new Map();
  /** @type {View | null} */
  #view = null;

  /** @param {string} label @param {readonly Tab<View>[]} tabs */
  constructor(label, tabs) {
    this.#tabs = tabs;
    this.#list = make(
      'div',
      { role: 'tablist', 'aria-label': label, class: 'tabs' },
      ...tabs.map(({ id, title }) =>
        make('button', { type: 'button', role: 'tab', id: `${this.#prefix}-${id}`, 'data-tab': id }, title),
      ),
    );
    this.#list.addEventListener('click', ({ target }) => {
      if (target instanceof HTMLElement && target.dataset.tab) this.choose(target.dataset.tab);
    });
    this.#list.addEventListener('keydown', (event) => this.#walk(event));
    this.element = make('div', { class: 'panels' }, this.#list);
  }

  /** @param {string} id */
  choose(id) {
    const tab = this.#tabs.find((each) => each.id === id);
    if (!tab) return;
    const panel = this.#panels.get(id) ?? this.#make(tab);
    for (const each of this.#list.children) {
      const isChosen = each.getAttribute('data-tab') === id;
      each.setAttribute('aria-selected', String(isChosen));
      each.setAttribute('tabindex', isChosen ? '0' : '-1');
      if (isChosen) each.setAttribute('aria-controls', `${this.#prefix}-${id}-panel`);
      else each.removeAttribute('aria-controls');
    }
    for (const [key, { element }] of this.#panels) element.hidden = key !== id;
    if (this.#view !== null) panel.update?.(this.#view);
    void panel.refresh?.();
  }

  /** @param {Tab<View>} tab */
  #make({ id, make: build }) {
    const panel = build();
    const { element } = panel;
    element.id = `${this.#prefix}-${id}-panel`;
    element.setAttribute('role', 'tabpanel');
    element.setAttribute('aria-labelledby', `${this.#prefix}-${id}`);
    this.element.append(element);
    this.#panels.set(id, panel);
    return panel;
  }

  /** @param {View} view */
  update(view) {
    this.#view = view;
    for (const panel of this.#panels.values()) panel.update?.(view);
  }

  close() {
    for (const panel of this.#panels.values()) panel.close?.();
    this.element.remove();
  }

  /** @param {KeyboardEvent} event */
  #walk(event) {
    const all = [...this.#list.children].filter((each) => each instanceof HTMLElement);
    const at = all.findIndex((each) => each.matches(':focus'));
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: -1 }[
      event.key
    ];
    const next = to === undefined ? undefined : all.at(to % all.length);
    if (!next) return;
    event.preventDefault();
    next.focus();
    this.choose(next.dataset.tab ?? '');
  }
}
