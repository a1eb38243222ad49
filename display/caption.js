// @ts-check
/** The caption page: reads its address, connects its parts, starts them. */
import { Connection, connectionLimits } from './connection.js';
import { Notices } from './notices.js';
import { readParameters } from './parameters.js';
import { captionsSocket, fetchPlace, isRefused, placeOfAddress } from './place.js';
import { Reader } from './reader.js';
import { Screen } from './screen.js';
import { stringsFor } from './strings.js';
import { Welcome } from './welcome.js';

/** @import { PageParameters } from './parameters.js' */
/** @import { Place } from './place.js' */

/** A launcher that has no room for this screen is asked again. */
const placeRetryMs = 5000;
const probeTimeoutMs = 5000;
/** Narrower than this is a phone, or a page at 400 % zoom. */
const narrowPx = 700;

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
const strings = stringsFor(parameters.language === null ? navigator.languages : [parameters.language]);
const ownPlace = placeOfAddress(new URL(location.href));
const view = viewFor(parameters, ownPlace);

root.lang = strings.language;
root.dataset.view = view;
root.dataset.theme = parameters.theme ?? 'dark';
root.toggleAttribute('data-overlay', parameters.overlay);
element('captions').setAttribute('aria-label', strings.captions);

/** A kit's own page and a video mix are screens; else whoever touches, or has little room, reads along.
 * @param {PageParameters} wanted @param {Place | null} relayPlace @returns {'screen' | 'reader'} */
function viewFor(wanted, relayPlace) {
  if (wanted.overlay) return 'screen';
  if (wanted.view) return wanted.view;
  if (!relayPlace) return 'screen';
  return matchMedia(`(pointer: coarse), (max-width: ${narrowPx}px)`).matches ? 'reader' : 'screen';
}

/** @param {'before' | 'talk'} stage */
function onStage(stage) {
  root.dataset.stage = stage;
}

/** @param {Place} place */
function connect(place) {
  const parts = { container: element('captions'), parameters, strings, place, onStage };
  const captions = view === 'reader' ? new Reader(parts) : new Screen(parts);
  const welcome = new Welcome({ ...parts, view, ...timers }, (id) => element(id));
  notices.onLostLong = () => captions.setTail(null); // nobody will finish these words any more
  welcome.setTitle(place.room);
  document.title = place.room;
  const wanted = {
    partial: parameters.partial,
    late: parameters.late || view === 'reader',
    level: view === 'screen' && !parameters.overlay,
  };
  const connection = new Connection(
    {
      room(title) {
        welcome.setTitle(title);
        document.title = title;
      },
      talk: (talk) => welcome.setTalk(talk),
      level: (rmsDbfs) => welcome.setLevel(rmsDbfs),
      message: (message) => captions.message(message),
      reset: () => captions.reset(),
      tail: (tail) => captions.setTail(tail),
      status: (status) => notices.setStatus(status),
      skipped() {
        if (!wanted.late && !parameters.overlay) notices.tellSkipped();
      },
      link: (link) => notices.setLink(link),
    },
    {
      ...timers,
      open(resume) {
        const { url, protocols } = captionsSocket(place, wanted, resume);
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

const notices = new Notices(
  { notice: element('notice'), note: element('note'), state: element('state'), detail: element('detail') },
  strings,
  { ...timers, forStaff: view === 'screen' },
);

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

if (ownPlace) connect(ownPlace);
else void settle();

// Another link to the same room differs only in its fragment, which loads nothing by itself.
addEventListener('hashchange', () => location.reload());
