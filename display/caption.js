// @ts-check
/** The caption page: reads its address, connects its parts, starts them. */
import { Captions } from './captions.js';
import { Connection, connectionLimits } from './connection.js';
import { Notices } from './notices.js';
import { readParameters } from './parameters.js';
import { captionsSocket, fetchPlace, isRefused, placeOfAddress } from './place.js';
import { Rows } from './rows.js';
import { stringsFor } from './strings.js';

/** @import { Place } from './place.js' */

/** A launcher that has no room for this screen is asked again. */
const placeRetryMs = 5000;
const probeTimeoutMs = 5000;

/** @param {string} id @returns {HTMLElement} */
function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`caption.html has no element "${id}"`);
  return found;
}

const timers = {
  /** @param {() => void} run @param {number} ms @returns {number} */
  setTimeout: (run, ms) => window.setTimeout(run, ms),
  /** @param {number} timer */
  clearTimeout: (timer) => window.clearTimeout(timer),
};

const root = document.documentElement;
const parameters = readParameters(new URLSearchParams(location.search));
const strings = stringsFor(navigator.languages);

root.lang = strings.language;
root.dataset.theme = parameters.theme;
root.toggleAttribute('data-overlay', parameters.overlay);
root.toggleAttribute('data-lines', parameters.lines !== null);
if (parameters.lines !== null) root.style.setProperty('--lines', String(parameters.lines));
root.style.setProperty('--size', String(parameters.size));
element('captions').setAttribute('aria-label', strings.captions);

const captions = new Captions();
const rows = new Rows(element('rows'));
let drawing = false;

function draw() {
  drawing = false;
  rows.render(captions.list, captions.tail);
  if (captions.list.length > 0 || captions.tail) root.dataset.stage = 'talk';
}

/** Everything that happens before the next frame is drawn at once: a whole day may come in one go after a reset. */
function changed() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(draw);
}

const notices = new Notices(
  {
    notice: element('notice'),
    note: element('note'),
    title: element('title'),
    state: element('state'),
    detail: element('detail'),
  },
  strings,
  {
    ...timers,
    onLostLong() {
      // Nobody will finish these words any more.
      captions.setTail(null);
      changed();
    },
  },
);

/** @type {import('./connection.js').ConnectionListener} */
const listener = {
  room(title) {
    notices.setTitle(title);
    document.title = title;
  },
  message(message) {
    captions.apply(message);
    changed();
  },
  reset() {
    captions.reset();
    root.dataset.stage = 'before';
    changed();
  },
  tail(partial) {
    captions.setTail(partial);
    changed();
  },
  status: (status) => notices.setStatus(status),
  skipped() {
    if (!parameters.late && !parameters.overlay) notices.tellSkipped();
  },
  link: (link) => notices.setLink(link),
};

/** @param {Place} place */
function connect(place) {
  notices.setTitle(place.room);
  document.title = place.room;
  const connection = new Connection(
    listener,
    {
      ...timers,
      open(resume) {
        const { url, protocols } = captionsSocket(place, parameters, resume);
        return new WebSocket(url, protocols);
      },
      isRefused: () => isRefused(place, location.origin, probeTimeoutMs),
      now: () => performance.now(),
      random: Math.random,
    },
    connectionLimits,
  );
  const wake = () => {
    if (document.visibilityState === 'visible') connection.wake();
  };
  addEventListener('online', wake);
  addEventListener('pageshow', wake);
  document.addEventListener('visibilitychange', wake);
  connection.start();
}

/** Asks the launcher until it has a room for this screen. */
async function settle() {
  const place = await fetchPlace();
  if (place) {
    connect(place);
    return;
  }
  notices.setLink('unplaced');
  timers.setTimeout(() => void settle(), placeRetryMs);
}

const place = placeOfAddress(new URL(location.href));
if (place) connect(place);
else void settle();

// Another link to the same room differs only in its fragment, which loads nothing by itself.
addEventListener('hashchange', () => location.reload());
