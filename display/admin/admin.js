// @ts-check
/** The admin page: every room with its state, its language and what can be done to its captions. The token lives in this
 * module's memory only. */
import { actButtons, CaptionPanel } from './acts.js';
import { makeCall } from './call.js';
import { EventPanels } from './event-panels.js';
import { Login } from './login.js';
import { RoomPanels } from './room-panels.js';

const refreshMs = 3000;
/** The left end of the meters, dBFS. */
const quietestDb = -75;

/** @typedef {import('./live.js').RoomView} RoomView */

/** @template {Element} E @param {string} selector @param {new () => E} kind @param {ParentNode} [within] @returns {E} */
function part(selector, kind, within = document) {
  const found = within.querySelector(selector);
  if (found instanceof kind) return found;
  throw new Error(`The page has no ${selector}`);
}

const entry = part('#entry', HTMLFormElement);
const notice = part('#notice', HTMLParagraphElement);
const table = part('#rooms', HTMLTableElement);
const rows = part('tbody', HTMLTableSectionElement, table);

/** What the headings say, for rows that stand on top of each other on a small screen. */
const columns = ['Room', 'State', 'Sound', 'Behind', 'Captions', 'Language', 'Acts'];
/** By room: sets its buttons to whether it is paused. @type {Map<string, (paused: boolean) => void>} */
const acts = new Map();
let token = '';
let isAway = false;

/** @param {unknown} error */
function tell(error) {
  notice.textContent = error instanceof Error ? error.message : String(error);
}

const call = makeCall({ signedOut: () => {}, bearer: () => token });
const [roomSection, eventSection] = [part('#room', HTMLElement), part('#event', HTMLElement)];
const roomPanels = new RoomPanels({ call, tell });
const eventPanels = new EventPanels({ call, tell });
/** The room whose panels are open. @type {string | null} */
let openRoom = null;

/** @param {RoomView} view */
function openPanels(view) {
  closePanels();
  openRoom = view.room;
  roomSection.hidden = false;
  roomPanels.open(view, part('.panels', HTMLElement, roomSection));
}
function closePanels() {
  if (openRoom !== null) roomPanels.close();
  openRoom = null;
  roomSection.hidden = true;
}
part('.close', HTMLElement, roomSection).addEventListener('click', closePanels);
part('#show-event', HTMLElement).addEventListener('click', () => {
  eventSection.hidden = !eventSection.hidden;
  if (eventSection.hidden) eventPanels.close();
  else eventPanels.open(part('.panels', HTMLElement, eventSection));
});

const section = part('#captions', HTMLElement);
const [title, list, close] = [
  part('h2', HTMLElement, section),
  part('ol', HTMLElement, section),
  part('button', HTMLElement, section),
];
const panel = new CaptionPanel({ section, title, list, close }, call, tell);

/** @param {string} text @param {string} [below] */
function cell(text, below = '') {
  const made = document.createElement('td');
  made.textContent = text;
  if (below) {
    const small = document.createElement('small');
    small.textContent = below;
    made.append(small);
  }
  return made;
}

/**
 * The level now, and from where on it counts as speech. dBFS.
 * @param {RoomView} view
 */
function soundOf({ name, live: { rest } }) {
  const made = cell('', rest.thresholdDb === null ? '' : `speech from ${Math.round(rest.thresholdDb)} dB`);
  const meter = document.createElement('meter');
  meter.setAttribute('aria-label', `Sound of ${name}`);
  meter.min = quietestDb;
  meter.max = 0;
  if (rest.thresholdDb !== null) meter.low = meter.high = rest.thresholdDb;
  meter.optimum = 0;
  meter.value = rest.levelDb;
  meter.textContent = `${Math.round(rest.levelDb)} dB`;
  made.prepend(meter);
  return made;
}

/** @param {RoomView} view */
function rowOf({ room, name, language }) {
  const row = document.createElement('tr');
  row.dataset.room = room;
  const form = document.createElement('form');
  const input = document.createElement('input');
  const button = document.createElement('button');
  input.value = language;
  input.setAttribute('aria-label', `Language of ${name}`);
  button.textContent = 'Assign';
  form.append(input, ' ', button);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      /** @type {RoomView} */
      const view = await call('PUT', `/api/rooms/${room}/language`, { language: input.value.trim() });
      input.value = view.language;
      notice.textContent = `${view.name} is captioned in ${view.language} from now on.`;
    } catch (error) {
      tell(error);
    }
    button.disabled = false;
  });
  const { group, update } = actButtons({ room, name, call, tell, open: () => void panel.open(room, name) });
  acts.set(room, update);
  const [languageCell, actsCell] = [cell(''), cell('')];
  languageCell.append(form);
  actsCell.append(group);
  row.append(cell(''), cell(''), cell(''), cell(''), cell(''), languageCell, actsCell);
  return row;
}

/** Only what changes is replaced, so that a language being typed stays. @param {RoomView} view */
function show(view) {
  const { room, name, seq, live, paused } = view;
  const known = [...rows.rows].find((row) => row.dataset.room === room);
  const row = known ?? rowOf(view);
  if (!known) rows.append(row);
  if (openRoom === room) roomPanels.update(view);
  const opener = document.createElement('button');
  opener.type = 'button';
  opener.textContent = name;
  opener.addEventListener('click', () => openPanels(view));
  const nameCell = cell('', room);
  nameCell.prepend(opener);
  const engine = [live.engine.message, live.engine.hint].filter(Boolean).join(' ');
  [
    nameCell,
    cell(live.state, [live.message, engine].filter(Boolean).join(' ')),
    soundOf(view),
    cell(`${(live.lagMs / 1000).toFixed(1)} s`),
    cell(String(seq), live.spent.seconds > 0 ? `${live.spent.money.toFixed(2)} today` : ''),
  ].forEach((each, i) => {
    row.cells[i]?.replaceWith(each);
  });
  [...row.cells].forEach((each, i) => {
    each.dataset.column = columns[i];
  });
  acts.get(room)?.(paused);
}

async function refresh() {
  try {
    /** @type {{ rooms: RoomView[] }} */
    const { rooms } = await call('GET', '/api/rooms');
    if (table.hidden) notice.textContent = rooms.length === 0 ? 'There are no rooms yet.' : '';
    entry.hidden = true;
    table.hidden = false;
    for (const row of [...rows.rows]) if (!rooms.some(({ room }) => room === row.dataset.room)) row.remove();
    for (const view of rooms) show(view);
    if (isAway) notice.textContent = '';
    isAway = false;
    await panel.refresh();
  } catch (error) {
    isAway = true;
    tell(error);
    if (table.hidden) return;
  }
  setTimeout(refresh, refreshMs);
}

const login = new Login({
  form: entry,
  tell,
  enter: async (given) => {
    token = given;
    await refresh();
  },
});
login.ask();
