// @ts-check
/** The caption page: reads its address, connects its parts, starts them. */
import { Connection, connectionLimits } from './connection.js';
import { hideIdleCursor } from './cursor.js';
import { Notices } from './notices.js';
import { readParameters } from './parameters.js';
import { captionsSocket, fetchPlace, kitLinkFault, placeOfAddress, watchPlace, whyRefused } from './place.js';
import { Reader } from './reader/reader.js';
import { showInvitation } from './screen/invitation.js';
import { Screen } from './screen/screen.js';
import { stringsFor } from './strings.js';
import { Stage } from './welcome/stage.js';
import { Welcome } from './welcome/welcome.js';

/** @import { PageParameters } from './parameters.js' */
/** @import { Place } from './place.js' */

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
const now = () => performance.now();

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
element('recorded').textContent = strings.recorded;

/** A kit's own page and a video mix are screens; else whoever touches, or has little room, reads along.
 * @param {PageParameters} wanted @param {Place | null} relayPlace @returns {'screen' | 'reader'} */
function viewFor(wanted, relayPlace) {
  if (wanted.overlay) return 'screen';
  if (wanted.view) return wanted.view;
  if (!relayPlace) return 'screen';
  return matchMedia(`(pointer: coarse), (max-width: ${narrowPx}px)`).matches ? 'reader' : 'screen';
}

const isStaffed = view === 'screen' && !parameters.overlay;
const welcome = new Welcome(strings, { element, now, ...timers });
const notices = new Notices(
  { notice: element('notice'), note: element('note'), state: element('state'), detail: element('detail') },
  strings,
  { ...timers, forStaff: view === 'screen' },
);
notices.onState = (state) => {
  // For a kit's kiosk, which looks whether the page is at work.
  root.dataset.shows = state;
  welcome.setState(state);
};

/** @param {'before' | 'talk'} stage */
function onStage(stage) {
  root.dataset.stage = stage;
  welcome.setVisible(stage === 'before' && isStaffed);
}

/** @param {string} title */
function setTitle(title) {
  welcome.setTitle(title);
  element('heading').textContent = title;
  document.title = title;
}

/** @param {Place} place */
function connect(place) {
  const parts = { container: element('captions'), parameters, strings, place, onStage };
  const captions = view === 'reader' ? new Reader(parts) : new Screen(parts);
  // What someone reads at home that evening stays; a room's screen is for the next talk.
  const stage = view === 'screen' ? new Stage({ onWordless: () => captions.reset(), ...timers }) : null;
  const invitation =
    isStaffed && parameters.qr !== 'none' ? showInvitation(element, parameters.qr, place, strings) : null;
  notices.onLostLong = () => captions.setTail(null); // nobody will finish these words any more
  setTitle(place.room);
  const wanted = { partial: parameters.partial, late: parameters.late || view === 'reader', level: isStaffed };
  const connection = new Connection(
    {
      room(title, at) {
        setTitle(title);
        stage?.opened(at);
      },
      talk: (talk) => welcome.setTalk(talk),
      recorded(on) {
        if (element('recorded').hidden === on) element('recorded').hidden = !on;
      },
      level: (rmsDbfs) => welcome.setLevel(rmsDbfs),
      message(message, isOld) {
        if (stage?.isPast(message)) return;
        captions.message(message, isOld);
        if (message.type === 'caption') stage?.words(message);
      },
      reset: () => captions.reset(),
      tail: (tail) => captions.setTail(tail),
      status: (status) => notices.setStatus(status),
      skipped() {
        if (!wanted.late && !parameters.overlay) notices.tellSkipped();
      },
      link(link) {
        notices.setLink(link === 'refused' && !ownPlace ? 'revoked' : link);
        invitation?.setRefused(link === 'refused');
      },
    },
    {
      ...timers,
      open(resume) {
        const { url, protocols } = captionsSocket(place, wanted, resume);
        return new WebSocket(url, protocols);
      },
      whyRefused: () => (ownPlace ? whyRefused(place, location.origin, probeTimeoutMs) : whyKitRefused()),
      now,
      date: () => Date.now(),
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

/** A kit's page cannot ask its relay by itself; its launcher also finds what the way there lacks. */
async function whyKitRefused() {
  const { refusal, reason } = await kitLinkFault(probeTimeoutMs);
  notices.setReason(reason);
  return refusal;
}

const tellOnline = () => notices.setOnline(navigator.onLine);
addEventListener('online', tellOnline);
addEventListener('offline', tellOnline);
tellOnline();
if (isStaffed) hideIdleCursor(root, timers);
if (ownPlace) connect(ownPlace);
else
  void watchPlace({
    fetchPlace,
    onPlace: connect,
    // All of the page follows from where it is.
    onMoved: () => location.reload(),
    onUnplaced: (waitsFor) => notices.setLink(waitsFor === 'key' ? 'unenrolled' : 'unplaced'),
    ...timers,
  });

// Another link to the same room differs only in its fragment, which loads nothing by itself.
addEventListener('hashchange', () => location.reload());
