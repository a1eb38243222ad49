// @ts-check
/** The stand-in microphone's page: `/rooms/ROOM/microphone#token=TOKEN`, a publish token of the room. */
import { audioProtocol, bearerPrefix } from '../../relay/protocol.js';
import { ScreenWakeLock } from '../wake-lock.js';
import { StandIn } from './stand-in.js';
import { statementOf } from './statements.js';
import { View } from './view.js';

const tickMs = 250;
const askTimeoutMs = 5000;

const room = /^\/rooms\/([^/]+)\/microphone$/.exec(location.pathname)?.[1] ?? '';
const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
/** What the relay said of the room before this page asked for it. @type {{ title: string, holder: string }} */
let known = { title: room, holder: '' };
let isRefused = token === '';

/** Asks what the room is. @returns {Promise<boolean>} whether this link opens nothing */
async function ask() {
  try {
    const answer = await fetch(`/api/rooms/${room}/source`, {
      headers: { authorization: `Bearer ${token}` },
      cache: 'no-store',
      signal: AbortSignal.timeout(askTimeoutMs),
    });
    if (answer.ok) {
      const { title, source } = await answer.json();
      known = { title: String(title || room), holder: String(source?.device ?? '') };
      view.title(known.title);
    }
    return [401, 403, 404].includes(answer.status);
  } catch {
    return false;
  }
}

const standIn = new StandIn({
  window,
  host: {
    open: () => {
      const url = new URL(`/api/rooms/${room}/audio`, location.href);
      url.protocol = url.protocol.replace('http', 'ws');
      url.hash = '';
      return new WebSocket(url, [audioProtocol, `${bearerPrefix}${token}`]);
    },
    isRefused: ask,
    now: () => performance.now(),
    random: () => Math.random(),
    setTimeout: (run, ms) => window.setTimeout(run, ms),
    clearTimeout: (timer) => window.clearTimeout(timer),
  },
  happened: (words) => view.happened(words, new Date()),
  onChange: () => show(),
});
const view = new View(document, {
  start: () => {
    wakeLock.set(true);
    void standIn.start();
  },
  stop: () => {
    wakeLock.set(false);
    standIn.stop();
  },
  takeOver: () => standIn.takeOver(),
  goOn: () => standIn.capture.resume(),
});
const wakeLock = new ScreenWakeLock(navigator, document, () => show());

function show() {
  const { uplink, buffer, microphone, fault } = standIn;
  const { language, paused } = uplink.settings;
  const isOn = microphone === 'on' || microphone === 'starting';
  const link = isRefused && uplink.state === 'idle' ? 'refused' : uplink.state;
  const { unstoredSeconds } = buffer;
  view.show({
    statement: statementOf({
      ...{ microphone, fault, link, unstoredSeconds, reason: uplink.reason, wasInCharge: standIn.wasInCharge },
      ...{ paused: paused ?? false, silent: standIn.isSilent, clipping: standIn.isClipping, holder: known.holder },
    }),
    ...{ isOn, isEnding: microphone === 'ending', canStart: fault?.code !== 'insecure' && !isRefused },
    canTakeOver: microphone === 'on' && link === 'standing-by',
    canGoOn: fault?.code === 'suspended',
    ...{ levelDbfs: standIn.levelDbfs, unstoredSeconds, maxSeconds: buffer.maxSeconds },
    isReserve: link === 'standing-by' && isOn,
    facts: [
      ...pair('Microphone', standIn.label),
      ...pair('Language', language ?? ''),
      ...pair('Screen', isOn ? screenWords[wakeLock.state] : ''),
      ...pair('Lost', buffer.droppedSeconds > 0 ? `${Math.ceil(buffer.droppedSeconds)} s, no room for more` : ''),
    ],
  });
}

/** @type {Readonly<Record<string, string>>} */
const screenWords = {
  on: 'stays on',
  off: '',
  absent: 'may go dark: keep touching it',
  refused: 'may go dark: keep touching it',
};

/** @param {string} name @param {string | undefined} value @returns {(readonly [string, string])[]} */
const pair = (name, value) => (value ? [[name, value]] : []);

window.addEventListener('beforeunload', (event) => {
  if (standIn.wouldLose) event.preventDefault();
});
window.addEventListener('pagehide', () => standIn.leave());
window.addEventListener('online', () => standIn.uplink.wake());
document.addEventListener('visibilitychange', () => {
  if (standIn.microphone === 'on') {
    const words = document.hidden ? 'The page went to the background.' : 'The page is in front again.';
    view.happened(words, new Date());
  }
  if (document.hidden) return;
  standIn.capture.resume();
  standIn.uplink.wake();
});
setInterval(() => {
  standIn.tick();
  show();
}, tickMs);

view.title(room);
if (token) isRefused = await ask();
show();
