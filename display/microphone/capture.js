// @ts-check
/** The browser's microphone as 16 kHz samples, and what is wrong with it in words. */
import { sampleRate } from '../../relay/protocol.js';
import { isUsable, Resampler } from './resampler.js';

/** @typedef {{ code: string, message: string, hint: string }} Fault what a person should know */

/**
 * @typedef {object} CaptureListener
 * @property {(samples: Int16Array) => void} audio 16 kHz mono
 * @property {() => void} started sound comes from now on; a new run
 * @property {(fault: Fault | null) => void} fault null: none
 * @property {(label: string) => void} device the name of the microphone in use
 */

/**
 * What a room is to be heard with. No echo cancellation: nothing plays here, and phones switch to the sound of a telephone
 * for it. No noise suppression: it takes speech from across a room for noise. Automatic gain: a person who speaks far away
 * is quiet, and nobody can turn a knob here.
 */
const constraints = { echoCancellation: false, noiseSuppression: false, autoGainControl: true, channelCount: 1 };
/** A microphone that was pulled out or taken by a call may be back, or another one is there. */
const againEveryMs = 2000;

/** @type {Record<string, Omit<Fault, 'code'>>} */
const faults = {
  NotAllowedError: {
    message: 'The browser may not use the microphone',
    hint: 'Allow the microphone for this page (the sign before its address), then press Start again.',
  },
  NotFoundError: {
    message: 'No microphone was found',
    hint: 'Plug one in, or use a phone.',
  },
  NotReadableError: {
    message: 'The microphone cannot be opened',
    hint: 'Another program may be using it: end calls and recorders, then press Start again.',
  },
};

/** @satisfies {Record<string, Fault>} */
const endings = {
  ended: {
    code: 'ended',
    message: 'The microphone was taken away',
    hint: 'Plug it in again or end the call that took it; this page looks for it by itself.',
  },
  muted: {
    code: 'muted',
    message: 'The system has muted the microphone',
    hint: 'End the call or switch off the mute; captions go on by themselves.',
  },
  suspended: {
    code: 'suspended',
    message: 'The browser has stopped the microphone',
    hint: 'Keep this page in front and the screen on. Press “Go on”.',
  },
};

/** @param {unknown} error @returns {Fault} */
function faultOf(error) {
  const name = error instanceof Error ? error.name : '';
  const words = faults[name === 'OverconstrainedError' ? 'NotFoundError' : name];
  const unknown = { message: 'The microphone did not start', hint: 'Reload the page; another browser may do better.' };
  return { code: name || 'unknown', ...(words ?? unknown) };
}

/** Why no browser would give a microphone to a page that came like this; null where one would.
 * @param {Window} window @returns {Fault | null} */
export function insecurity({ isSecureContext, navigator, location }) {
  if (isSecureContext && 'mediaDevices' in navigator) return null;
  return {
    code: 'insecure',
    message: 'Browsers give a microphone only to pages that came by https',
    hint:
      location.protocol === 'https:'
        ? 'This browser has no microphone for pages: use another one.'
        : `Open this page by https://${location.hostname}… – the address of the relay’s proxy – or on the relay’s own machine.`,
  };
}

export class Capture {
  #listener;
  #window;
  #isWanted = false;
  /** Counts starts: what belongs to an earlier one is ignored. */
  #run = 0;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #again;
  /** Ends every listener of a run. */
  #ears = new AbortController();
  rateHz = 0;
  label = '';

  /** @param {CaptureListener} listener @param {Window & typeof globalThis} window */
  constructor(listener, window) {
    this.#listener = listener;
    this.#window = window;
  }

  /** To be called in a person's press: browsers start no sound without one. Resolves to whether the microphone is on. */
  async start() {
    this.#isWanted = true;
    return this.#open();
  }

  /** Idempotent. */
  stop() {
    this.#isWanted = false;
    this.#close();
    this.#listener.fault(null);
  }

  /** The page is shown again, or a person pressed: a context that the system stopped may go on. */
  resume() {
    if (this.#isWanted && this.#context && this.#context.state !== 'running')
      void this.#context.resume().catch(() => {});
  }

  async #open() {
    this.#close();
    const run = ++this.#run;
    const { AudioContext, navigator } = this.#window;
    // The contexts are made before anything is waited for, while the person's press still counts.
    const exact = new AudioContext({ sampleRate });
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: constraints });
      if (run !== this.#run) {
        for (const track of stream.getTracks()) track.stop();
        void exact.close();
        return false;
      }
      this.#stream = stream;
      const context = await this.#connect(exact, stream, run);
      if (!context) return false;
      this.#listener.fault(null);
      this.#listener.device(this.label);
      this.#watch(context, stream);
      return true;
    } catch (error) {
      if (exact.state !== 'closed') void exact.close();
      if (run !== this.#run) return false;
      this.#close();
      this.#listener.fault(faultOf(error));
      return false;
    }
  }

  /** @param {AudioContext} exact @param {MediaStream} stream @param {number} run */
  async #connect(exact, stream, run) {
    try {
      return await this.#tap(exact, stream, run);
    } catch (error) {
      // Some browsers take a microphone only at the rate of the sound card.
      if (!(error instanceof DOMException) || error.name !== 'NotSupportedError') throw error;
      void exact.close();
      return this.#tap(new this.#window.AudioContext(), stream, run);
    }
  }

  /** @param {AudioContext} context @param {MediaStream} stream @param {number} run */
  async #tap(context, stream, run) {
    const source = context.createMediaStreamSource(stream);
    await context.audioWorklet.addModule(new URL('./capture-worklet.js', import.meta.url).href);
    if (run !== this.#run) {
      void context.close();
      return null;
    }
    // Asked for is not given: what the context says counts.
    this.rateHz = context.sampleRate;
    if (!isUsable(this.rateHz)) throw new DOMException(`a rate of ${this.rateHz} Hz`, 'NotReadableError');
    this.#context = context;
    this.label = stream.getAudioTracks()[0]?.label ?? '';
    const resampler = this.rateHz === sampleRate ? null : new Resampler(this.rateHz);
    const tap = new this.#window.AudioWorkletNode(context, 'tap', {
      channelCount: 1,
      channelCountMode: 'explicit',
      numberOfInputs: 1,
      numberOfOutputs: 1,
    });
    this.#listener.started();
    tap.port.onmessage = ({ data }) => {
      if (run !== this.#run || !(data instanceof Float32Array)) return;
      this.#listener.audio(toS16(resampler ? resampler.process(data) : data));
    };
    // Browsers run only what leads to the loudspeaker; it says nothing there.
    source.connect(tap).connect(context.destination);
    if (context.state !== 'running') void context.resume().catch(() => {});
    return context;
  }

  /** @param {AudioContext} context @param {MediaStream} stream */
  #watch(context, stream) {
    const { document, navigator } = this.#window;
    const { signal } = this.#ears;
    const [track] = stream.getAudioTracks();
    const { fault, device } = this.#listener;
    const ended = () => {
      this.#close();
      fault(endings.ended);
      this.#retry();
    };
    const look = () => {
      if (signal.aborted) return;
      if (context.state === 'running') fault(track?.muted ? endings.muted : null);
      else {
        fault(endings.suspended);
        if (document.visibilityState === 'visible') this.resume();
      }
    };
    track?.addEventListener('ended', ended, { signal });
    track?.addEventListener('mute', look, { signal });
    track?.addEventListener('unmute', look, { signal });
    context.addEventListener('statechange', look, { signal });
    navigator.mediaDevices.addEventListener('devicechange', () => device(this.label), { signal });
    setTimeout(look, 1000); // one that never began to run says nothing of it
  }

  #retry() {
    clearTimeout(this.#again);
    this.#again = setTimeout(async () => {
      if (this.#isWanted && !(await this.#open())) this.#retry();
    }, againEveryMs);
  }

  #close() {
    this.#run++;
    clearTimeout(this.#again);
    this.#ears.abort();
    this.#ears = new AbortController();
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    const context = this.#context;
    this.#context = null;
    if (context && context.state !== 'closed') void context.close();
  }
}

/** @param {Float32Array} samples -1 to 1 */
function toS16(samples) {
  return Int16Array.from(samples, (sample) => Math.max(-32768, Math.min(32767, Math.round(sample * 32767))));
}
