// @ts-check
/** Keeps the device's screen on while the page is shown, where the browser can. */

/** @typedef {'off' | 'on' | 'absent' | 'refused'} Wakefulness `absent`: this browser cannot; `refused`: not now */

export class ScreenWakeLock {
  #wanted = false;
  /** @type {WakeLockSentinel | null} */
  #lock = null;
  #asking = false;
  #navigator;
  #document;
  #onChange;
  /** @type {Wakefulness} */
  state = 'off';

  /** @param {Pick<Navigator, 'wakeLock'> | object} navigator @param {Document} document @param {() => void} onChange `state` has changed */
  constructor(navigator, document, onChange) {
    this.#navigator = navigator;
    this.#document = document;
    this.#onChange = onChange;
    // A browser lets go of the lock whenever the page is hidden.
    document.addEventListener('visibilitychange', () => void this.#hold());
  }

  /** @param {boolean} wanted */
  set(wanted) {
    this.#wanted = wanted;
    if (wanted) {
      void this.#hold();
      return;
    }
    const lock = this.#lock;
    this.#lock = null;
    this.#tell('off');
    void lock?.release().catch(() => {});
  }

  async #hold() {
    if (!this.#wanted || this.#lock || this.#asking || this.#document.visibilityState !== 'visible') return;
    const wakeLock = 'wakeLock' in this.#navigator ? this.#navigator.wakeLock : undefined;
    if (!wakeLock) {
      this.#tell('absent');
      return;
    }
    this.#asking = true;
    try {
      const lock = await wakeLock.request('screen');
      if (this.#wanted) {
        this.#lock = lock;
        lock.addEventListener('release', () => this.#released(lock), { once: true });
        this.#tell('on');
      } else void lock.release().catch(() => {});
    } catch {
      if (this.#wanted) this.#tell('refused');
    } finally {
      this.#asking = false;
    }
  }

  /** @param {WakeLockSentinel} lock */
  #released(lock) {
    if (this.#lock !== lock) return;
    this.#lock = null;
    if (this.#document.visibilityState === 'visible') this.#tell('refused');
  }

  /** @param {Wakefulness} state */
  #tell(state) {
    if (this.state === state) return;
    this.state = state;
    this.#onChange();
  }
}
