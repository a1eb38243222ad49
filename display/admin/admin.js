// @ts-check
/** The admin page: a login, the wall of rooms, the panels of one and of the event. */
import { liveProtocol } from '../../relay/protocol.js';
import { Alerts } from './alarms.js';
import { makeCall, SignedOut } from './call.js';
import { EventPanels } from './event-panels.js';
import { Live } from './live.js';
import { Login } from './login.js';
import { RoomPanels } from './room-panels.js';
import { Side } from './side.js';
import { Summary } from './summary.js';
import { Wall } from './wall.js';
import { ago, put } from './words.js';

/** @import { Alarm, Link } from './live.js' */

/** A line that is back at once is nobody's fault; one that stays away is told aloud. */
const lostAloudMs = 10_000;
const noticeMs = 15_000;

/** @template {Element} E @param {string} selector @param {new () => E} kind @param {ParentNode} [within] @returns {E} */
function part(selector, kind, within = document) {
  const found = within.querySelector(selector);
  if (found instanceof kind) return found;
  throw new Error(`The page has no ${selector}`);
}

const [notice, old, line] = [part('#notice', HTMLElement), part('#old', HTMLElement), part('#line', HTMLElement)];
const [inside, tools] = [part('#inside', HTMLElement), part('.tools', HTMLElement)];

/** @type {ReturnType<typeof setTimeout> | undefined} */
let forgetting;

/** @param {unknown} message */
function tell(message) {
  const words = message instanceof Error ? message.message : String(message);
  notice.textContent = words;
  clearTimeout(forgetting);
  // What went well need not be read for ever; what did not, stays.
  if (!(message instanceof Error)) forgetting = setTimeout(() => put(notice, ''), noticeMs);
}

const call = makeCall({ signedOut: () => askForLogin() });
const wall = new Wall(part('#rooms', HTMLElement), { call, tell, open: openRoom });
const summary = new Summary(part('#summary', HTMLElement));
const alerts = new Alerts({ button: part('#alerts', HTMLElement), tell });
const login = new Login({
  form: part('#entry', HTMLFormElement),
  tell,
  enter: async (token) => {
    await call('POST', '/api/session', { token });
    tell('');
    enter();
  },
});

const roomPanels = new RoomPanels({ call, tell });
const roomSide = new Side(part('#room', HTMLElement), { closed: () => roomPanels.close() });
const eventPanels = new EventPanels({ call, tell });
const showEvent = part('#show-event', HTMLElement);
const eventSide = new Side(part('#event', HTMLElement), {
  closed: () => {
    eventPanels.close();
    showEvent.setAttribute('aria-expanded', 'false');
  },
});
let shownRoom = '';

/** @param {string} room */
function openRoom(room) {
  const view = wall.view(room);
  if (!view) return;
  eventSide.close();
  roomSide.close();
  shownRoom = room;
  roomPanels.open(view, roomSide.open(view.name));
}

showEvent.addEventListener('click', () => {
  if (eventSide.isOpen) return eventSide.close();
  roomSide.close();
  showEvent.setAttribute('aria-expanded', 'true');
  eventPanels.open(eventSide.open('Event'));
});

/** @type {Alarm[]} */
let relayAlarms = [];
/** @type {Link} */
let link = 'connecting';
let lostAt = Number.POSITIVE_INFINITY;
/** Whether every room has come since the page was opened. */
let isFilled = false;

const live = new Live(
  {
    rooms: (views, gone) => {
      isFilled = true;
      wall.show(views, gone);
      wall.tick(live.roomTime);
      review();
      const view = wall.view(shownRoom);
      if (!roomSide.isOpen) return;
      if (view) roomPanels.update(view);
      else roomSide.close();
    },
    levels: (levels) => wall.levels(levels),
    alarms: (alarms) => {
      relayAlarms = alarms;
      review();
    },
    link: (next) => {
      if (next === 'lost' && link !== 'lost') lostAt = performance.now();
      if (next === 'open') lostAt = Number.POSITIVE_INFINITY;
      if (next === 'lost') wall.rest();
      link = next;
      showLine();
      review();
      if (next === 'signed-out') askForLogin();
    },
  },
  {
    open: () => new WebSocket(`${location.origin.replace(/^http/, 'ws')}/api/live`, [liveProtocol]),
    isSignedOut: () =>
      call('GET', '/api/session').then(
        () => false,
        (error) => error instanceof SignedOut,
      ),
    now: () => performance.now(),
    date: Date.now,
    random: Math.random,
    setTimeout: (run, ms) => window.setTimeout(run, ms),
    clearTimeout: (timer) => window.clearTimeout(timer),
  },
);

function review() {
  if (!isFilled) return;
  const { views } = wall;
  const isOld = link === 'lost';
  const faults = summary.show(views, relayAlarms, isOld);
  alerts.look(views, relayAlarms);
  const sign = isOld ? '(!) ' : faults > 0 ? `(${faults}) ` : '';
  document.title = `${sign}Sala: rooms`;
}

/** What stands on the page is as old as the last word of the relay, and says so. */
function showLine() {
  const isOld = link === 'lost' && isFilled;
  line.dataset.link = link;
  put(line, { connecting: 'Connecting…', open: 'Live', lost: 'Not connected', 'signed-out': '' }[link]);
  old.hidden = !isOld;
  document.body.classList.toggle('old', isOld);
  if (isOld)
    put(old, `The relay cannot be reached. What stands here is ${ago(live.ageMs)} old; this page keeps trying.`);
}

setInterval(() => {
  wall.tick(live.roomTime);
  showLine();
  if (performance.now() - lostAt < lostAloudMs) return;
  lostAt = Number.POSITIVE_INFINITY;
  alerts.lost();
}, 1000);
addEventListener('online', () => live.wake());
document.addEventListener('visibilitychange', () => document.hidden || live.wake());

function enter() {
  login.done();
  tools.hidden = inside.hidden = false;
  live.start();
}

/** What is typed in the panels outlives a session that ended by itself. */
function askForLogin() {
  live.stop();
  tools.hidden = inside.hidden = true;
  line.textContent = '';
  old.hidden = true;
  login.ask();
}

part('#leave', HTMLElement).addEventListener('click', async () => {
  try {
    await call('DELETE', '/api/session');
    for (const side of [roomSide, eventSide]) side.close();
    askForLogin();
  } catch (error) {
    tell(error);
  }
});

/** A session of before the reload goes on; without one the call itself asks for a login. */
async function begin() {
  try {
    await call('GET', '/api/session');
    enter();
  } catch (error) {
    if (error instanceof SignedOut) return;
    tell(error);
    setTimeout(begin, 2000);
  }
}
void begin();
