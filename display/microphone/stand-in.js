// @ts-check
/** The parts of a microphone that stands in for a kit, joined; what is known of them, for whoever shows it. */
import { Buffer } from './buffer.js';
import { Capture, insecurity } from './capture.js';
import { LevelMeter, lowestDbfs } from './level.js';
import { Timeline } from './timeline.js';
import { Uplink } from './uplink.js';

/** @import { Health } from '../../relay/protocol.js' */
/** @import { Fault } from './capture.js' */
/** @import { UplinkHost } from './uplink.js' */

/** The level below which a microphone hears nothing, and for how long before that is said. */
const silenceDbfs = -60;
const silentForMs = 10_000;
/** Samples at full scale in a second that are too many, and for how long it is said. */
const clippedSamples = 20;
const clippingForMs = 5000;

/**
 * @typedef {object} StandInOptions
 * @property {Window & typeof globalThis} window
 * @property {UplinkHost} host
 * @property {(words: string) => void} happened something worth a line with its time
 * @property {() => void} onChange
 */

export class StandIn {
  #options;
  #now;
  #meter = new LevelMeter();
  #level = { rmsDbfs: lowestDbfs, peakDbfs: lowestDbfs, clipped: 0 };
  #heardAtMs = 0;
  #clippedAtMs = Number.NEGATIVE_INFINITY;
  #droppedSeconds = 0;
  #id = '';
  #label = '';
  /** @type {'off' | 'starting' | 'on' | 'ending'} */
  microphone = 'off';
  /** @type {Fault | null} */
  fault = null;
  wasInCharge = false;

  /** @param {StandInOptions} options */
  constructor(options) {
    const { window, host, happened, onChange } = options;
    this.#options = options;
    this.#now = host.now;
    const newId = () => window.crypto.randomUUID();
    this.fault = insecurity(window);
    this.buffer = new Buffer({ newId });
    this.uplink = new Uplink({
      ...{ host, buffer: this.buffer },
      device: () => ({ id: this.#id, version: 'page', bootId: this.timeline.bootId }),
      health: () => this.#health(),
      onCut: () => this.timeline.cut(),
      onChange: () => this.#linkChanged(),
    });
    this.buffer.listen(this.uplink);
    if (this.fault === null) this.#id = `microphone-${newId().slice(0, 8)}`;
    this.timeline = new Timeline({
      track: this.buffer,
      clocks: { now: host.now, wall: () => Date.now(), newId: this.fault === null ? newId : () => '' },
      onGap: (ms) => happened(`The microphone gave nothing for ${(ms / 1000).toFixed(1)} s.`),
    });
    this.capture = new Capture(
      {
        started: () => this.timeline.end(),
        audio: (samples) => {
          this.#meter.hear(samples);
          this.timeline.hear(samples, this.#now());
        },
        fault: (fault) => {
          if (fault && fault.code !== this.fault?.code) happened(`${fault.message}.`);
          this.fault = fault;
          onChange();
        },
        device: (label) => {
          if (this.#label && label !== this.#label) happened(`Another microphone is in use: ${label}.`);
          this.#label = label;
        },
      },
      window,
    );
  }

  get label() {
    return this.#label;
  }

  get levelDbfs() {
    return this.#level.rmsDbfs;
  }

  get isSilent() {
    return this.microphone === 'on' && this.#now() - this.#heardAtMs > silentForMs;
  }

  get isClipping() {
    return this.#now() - this.#clippedAtMs < clippingForMs;
  }

  /** Leaving this page would lose what is said, or was. */
  get wouldLose() {
    if (this.uplink.state === 'standing-by' && !this.buffer.hasEnded) return false;
    return this.microphone === 'on' || this.microphone === 'starting' || this.buffer.unstoredSeconds > 0;
  }

  /** In a person's press. */
  async start() {
    if (this.microphone !== 'off' || !this.#id) return;
    this.microphone = 'starting';
    this.wasInCharge = false;
    this.#options.onChange();
    const isOn = await this.capture.start();
    if (this.microphone !== 'starting') return;
    this.microphone = isOn ? 'on' : 'off';
    this.#heardAtMs = this.#now();
    if (isOn) {
      this.#options.happened('Started.');
      this.uplink.start();
    }
    this.#options.onChange();
  }

  stop() {
    if (this.microphone !== 'on' && this.microphone !== 'starting') return;
    this.capture.stop();
    this.timeline.end();
    this.microphone = this.microphone === 'on' ? 'ending' : 'off';
    if (this.microphone === 'ending') {
      this.#options.happened('Stopped.');
      this.uplink.finish();
    }
    this.#options.onChange();
  }

  takeOver() {
    if (this.microphone === 'on') this.uplink.takeOver();
  }

  /** The page goes: what is on its way goes out, and nobody shall wait for it to come back. */
  leave() {
    this.capture.stop();
    this.timeline.end();
    this.uplink.leave();
  }

  /** A few times a second: the level since the last time, and what follows from the passing of time. */
  tick() {
    this.#level = this.#meter.take();
    const now = this.#now();
    if (this.#level.rmsDbfs > silenceDbfs) this.#heardAtMs = now;
    if (this.#level.clipped > clippedSamples) this.#clippedAtMs = now;
    const dropped = this.buffer.droppedSeconds;
    if (this.#droppedSeconds === 0 && dropped > 0)
      this.#options.happened('This page can keep no more: the oldest sound makes room for the newest.');
    this.#droppedSeconds = dropped;
  }

  #linkChanged() {
    const { state } = this.uplink;
    if (state === 'in-charge' && !this.wasInCharge) this.wasInCharge = true;
    const words = linkWords[state];
    if (words && state !== this.#toldState) this.#options.happened(words);
    if (words) this.#toldState = state;
    if (state === 'finished') this.microphone = 'off';
    this.#options.onChange();
  }

  #toldState = '';

  /** @returns {Health} */
  #health() {
    const { buffer, uplink, capture } = this;
    const ms = Math.round(buffer.unstoredSeconds * 1000);
    return {
      ...{ state: this.fault?.code ?? 'ok', message: this.fault?.message ?? '', hint: this.fault?.hint ?? '' },
      version: 'page',
      source: {
        state: this.microphone === 'on' && !this.fault ? 'capturing' : 'absent',
        name: this.#label.slice(0, 256),
        ...(capture.rateHz > 0 && { rateHz: capture.rateHz }),
        channels: 1,
      },
      level: this.#level,
      buffer: {
        ...{ heldMs: ms, backlogMs: ms, diskBytes: 0, droppedMs: Math.round(buffer.droppedSeconds * 1000) },
        state: buffer.droppedSeconds > 0 ? 'full' : 'ok',
      },
      uplink: { state: uplink.state, reconnects: Math.max(0, uplink.connections - 1) },
    };
  }
}

/** @type {Partial<Record<string, string>>} */
const linkWords = {
  'in-charge': 'This device is in charge of the room.',
  'standing-by': 'Another source is in charge of the room.',
  lost: 'The connection to the relay broke.',
  refused: 'The relay does not accept this link.',
  finished: 'All that was said has arrived.',
};
