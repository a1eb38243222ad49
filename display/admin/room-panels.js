// @ts-check
/** What can be set and seen of one room, as tabs in a section. */
import { CaptionsPanel } from './captions-panel.js';
import { CodesPanel, microphonePage, readersPage } from './codes-panel.js';
import { RecordingsPanel } from './recordings-panel.js';
import { RulesPanel } from './rules-panel.js';
import { SettingsPanel } from './settings-panel.js';
import { Tabs } from './tabs.js';
import { TalksPanel } from './talks-panel.js';
import { TokensPanel } from './tokens-panel.js';
import { TranscriptPanel } from './transcript-panel.js';
import { VocabularyPanel } from './vocabulary-panel.js';

/**
 * @typedef {import('./settings-panel.js').SettingsView & { name: string, seq: number, public: boolean, recording?: object,
 *   conduct?: import('./conduct.js').Conducted }} RoomView what these panels look at of a room
 */

export class RoomPanels {
  #call;
  #tell;
  /** @type {Tabs<RoomView> | null} */
  #tabs = null;

  /** @param {{ call: import('./call.js').Call, tell: (message: unknown) => void }} parts */
  constructor({ call, tell }) {
    this.#call = call;
    this.#tell = tell;
  }

  /** Fills `host`. @param {RoomView} view @param {HTMLElement} host */
  open(view, host) {
    this.close();
    const [call, tell, room] = [this.#call, this.#tell, view.room];
    /** @type {import('./tabs.js').Tab<RoomView>[]} */
    const all = [
      { id: 'captions', title: 'Captions', make: () => new CaptionsPanel({ call, tell, room }) },
      { id: 'talks', title: 'Talks', make: () => new TalksPanel({ call, room }) },
      { id: 'settings', title: 'Settings', make: () => new SettingsPanel({ call, room }) },
      { id: 'codes', title: 'QR codes', make: () => new CodesPanel({ call, room }) },
      { id: 'tokens', title: 'Tokens', make: () => new TokensPanel({ call, ...tokensOf(room) }) },
      { id: 'transcript', title: 'Transcript', make: () => new TranscriptPanel({ call, room }) },
      { id: 'recordings', title: 'Recordings', make: () => new RecordingsPanel({ call, room }) },
      { id: 'rules', title: 'Text rules', make: () => new RulesPanel({ call, room }) },
      { id: 'vocabulary', title: 'Vocabulary', make: () => new VocabularyPanel({ call, room }) },
    ];
    const tabs = new Tabs(`Panels of ${view.name}`, all);
    this.#tabs = tabs;
    host.append(tabs.element);
    tabs.update(view);
    tabs.choose('captions');
  }

  /** The room as it is now; what is typed stays. @param {RoomView} view */
  update(view) {
    this.#tabs?.update(view);
  }

  /** Leaves the host empty. */
  close() {
    this.#tabs?.close();
    this.#tabs = null;
  }
}

/** @param {string} room */
const tokensOf = (room) => ({
  path: `/api/rooms/${room}/tokens`,
  rights: [
    {
      value: 'read',
      text: 'Read captions',
      address: (/** @type {string} */ token) => readersPage(location.origin, room, token),
    },
    {
      value: 'publish',
      text: 'Send audio',
      address: (/** @type {string} */ token) => microphonePage(location.origin, room, token),
    },
  ],
});
