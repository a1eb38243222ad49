// @ts-check
/** Sound and notifications for new faults, by choice; the choice is remembered on this device. */
import { put } from './words.js';

/** @import { Alarm, RoomView } from './live.js' */

const remembered = 'sala.admin.alerts';
/** A venue whose network goes has twenty faults at once: one sound is enough for them. */
const betweenSoundsMs = 3000;
/** Hz and s: a rising pair that is heard through a corridor's noise and is nobody's ring tone. */
const tones = /** @type {const} */ ([
  [660, 0],
  [880, 0.18],
  [660, 0.36],
]);

/** Words on a notification. @param {Alarm} alarm @param {string} where */
const words = ({ message, hint }, where) => ({ title: `${where}: ${message}`, body: hint });

export class Alerts {
  #button;
  #tell;
  #storage;
  /** @type {AudioContext | null} */
  #audio = null;
  #isOn = false;
  #soundedAt = Number.NEGATIVE_INFINITY;
  /** Faults that stood when it was looked last. @type {Set<string> | null} */
  #known = null;
  /** What was sounded and shown, for people who look into a page. */
  counts = { sounds: 0, notifications: 0 };

  /** @param {{ button: HTMLElement, tell: (message: unknown) => void, storage?: Storage }} parts */
  constructor({ button, tell, storage = localStorage }) {
    this.#button = button;
    this.#tell = tell;
    this.#storage = storage;
    button.addEventListener('click', () => void this.#press());
    this.#isOn = read(storage) === 'on';
    // A browser lets no page sound before somebody has touched it.
    if (this.#isOn)
      for (const touch of ['pointerdown', 'keydown']) addEventListener(touch, () => this.#wake(), { once: true });
    this.#show();
  }

  async #press() {
    if (this.#isOn) this.#isOn = false;
    else {
      this.#isOn = true;
      this.#wake();
      this.#sound();
    }
    try {
      this.#storage.setItem(remembered, this.#isOn ? 'on' : 'off');
    } catch {
      // A private window keeps nothing: the choice holds until it is closed.
    }
    this.#show();
    if (this.#isOn) this.#tell(`That was the sound of a new fault. ${await permission()}`);
  }

  /** Every fault that is new since it was asked last is told. @param {RoomView[]} views @param {Alarm[]} relay */
  look(views, relay) {
    const faults = [
      ...relay.map((alarm) => ({ alarm, where: 'The relay', key: `relay ${alarm.code}` })),
      ...views.flatMap(({ room, name, alarms }) =>
        alarms.map((alarm) => ({ alarm, where: name, key: `${room} ${alarm.code}` })),
      ),
    ].filter(({ alarm }) => alarm.severity === 'fault');
    const known = this.#known;
    this.#known = new Set(faults.map(({ key }) => key));
    const fresh = faults.filter(({ key }) => known && !known.has(key));
    if (!this.#isOn || fresh.length === 0) return;
    this.#sound();
    for (const { alarm, where, key } of fresh.slice(0, 3)) this.#notify(words(alarm, where), key);
    if (fresh.length > 3)
      this.#notify({ title: `and ${fresh.length - 3} more rooms`, body: 'See the admin page.' }, 'more');
  }

  /** What stands on the page is old, and nobody may notice. */
  lost() {
    if (!this.#isOn) return;
    this.#sound();
    this.#notify(
      { title: 'The relay cannot be reached', body: 'What the admin page shows is old; it keeps trying.' },
      'line',
    );
  }

  /** In the same breath as a touch: later the browser refuses. */
  #wake() {
    try {
      this.#audio ??= new AudioContext();
      void this.#audio.resume();
    } catch {
      // No sound on this machine: notifications and the title are left.
    }
  }

  #sound() {
    const now = performance.now();
    if (now - this.#soundedAt < betweenSoundsMs) return;
    this.#soundedAt = now;
    this.counts.sounds++;
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.([200, 100, 200]);
    const audio = this.#audio;
    if (audio?.state !== 'running') return;
    for (const [hertz, after] of tones) {
      const start = audio.currentTime + after;
      const tone = new OscillatorNode(audio, { frequency: hertz, type: 'triangle' });
      const loudness = new GainNode(audio, { gain: 0 });
      loudness.gain.setValueAtTime(0, start);
      loudness.gain.linearRampToValueAtTime(0.5, start + 0.02);
      loudness.gain.linearRampToValueAtTime(0, start + 0.16);
      tone.connect(loudness).connect(audio.destination);
      tone.start(start);
      tone.stop(start + 0.17);
    }
  }

  /** @param {{ title: string, body: string }} told @param {string} tag the newer of the same place takes the older one's place */
  #notify({ title, body }, tag) {
    if (!('Notification' in window) || Notification.permission !== 'granted') return;
    try {
      const made = new Notification(title, { body, tag: `sala ${tag}` });
      made.addEventListener('click', () => {
        window.focus();
        made.close();
      });
      this.counts.notifications++;
    } catch {
      // Some phones show notifications of installed pages alone: the sound is left.
    }
  }

  #show() {
    this.#button.setAttribute('aria-pressed', String(this.#isOn));
    put(this.#button, this.#isOn ? 'Alerts are on' : 'Alert me');
  }
}

/** Asks, and says in words what came of it. */
async function permission() {
  if (!('Notification' in window)) return 'This browser shows no notifications.';
  const state =
    Notification.permission === 'default' ? await Notification.requestPermission() : Notification.permission;
  return state === 'granted'
    ? 'Notifications are shown, too.'
    : 'Notifications are blocked for this page; the browser’s settings of this site allow them.';
}

/** @param {Storage} storage */
function read(storage) {
  try {
    return storage.getItem(remembered);
  } catch {
    return null;
  }
}
