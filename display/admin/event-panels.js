// @ts-check
/** What concerns the whole event, as tabs in a section. */
import { AuditPanel } from './audit-panel.js';
import { CostsPanel } from './costs-panel.js';
import { KitsPanel } from './kits-panel.js';
import { RoomsPanel } from './rooms-panel.js';
import { RulesPanel } from './rules-panel.js';
import { SchedulePanel } from './schedule-panel.js';
import { Tabs } from './tabs.js';
import { TokensPanel } from './tokens-panel.js';
import { VocabularyPanel } from './vocabulary-panel.js';

const tokensOfRelay = {
  path: '/api/tokens',
  rights: [
    { value: 'read', text: 'Read captions of every room', address: null },
    { value: 'admin', text: 'Administer everything', address: null },
  ],
};

export class EventPanels {
  #call;
  /** @type {Tabs | null} */
  #tabs = null;

  /** @param {{ call: import('./call.js').Call, tell: (message: unknown) => void }} parts */
  constructor({ call }) {
    this.#call = call;
  }

  /** Fills `host`. @param {HTMLElement} host */
  open(host) {
    this.close();
    const call = this.#call;
    this.#tabs = new Tabs('Panels of the event', [
      { id: 'rooms', title: 'Rooms', make: () => new RoomsPanel({ call }) },
      { id: 'kits', title: 'Kits', make: () => new KitsPanel({ call }) },
      { id: 'schedule', title: 'Schedule', make: () => new SchedulePanel({ call }) },
      { id: 'relay-tokens', title: 'Tokens', make: () => new TokensPanel({ call, ...tokensOfRelay }) },
      { id: 'event-rules', title: 'Text rules', make: () => new RulesPanel({ call }) },
      { id: 'event-vocabulary', title: 'Vocabulary', make: () => new VocabularyPanel({ call }) },
      { id: 'audit', title: 'Log of acts', make: () => new AuditPanel({ call }) },
      { id: 'costs', title: 'Costs', make: () => new CostsPanel({ call }) },
    ]);
    host.append(this.#tabs.element);
    this.#tabs.choose('rooms');
  }

  /** Leaves the host empty. */
  close() {
    this.#tabs?.close();
    this.#tabs = null;
  }
}
