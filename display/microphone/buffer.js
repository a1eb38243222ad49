// @ts-check
/** All audio that the relay has not stored yet, in this page's memory, by its address; bounded. */
import { sampleRate, size, subtract, union } from '../../relay/protocol.js';
import { Stream } from './stream.js';

/** @import { Anchor, Hole, HoleReason, RangeSet } from '../../relay/protocol.js' */

/**
 * What the buffer tells the uplink, after it has taken note.
 * @typedef {object} BufferListener
 * @property {(stream: Stream) => void} started
 * @property {(stream: Stream, position: number, audio: Uint8Array) => void} frame
 * @property {(stream: Stream) => void} ended
 * @property {(stream: Stream, hole: Hole) => void} hole
 * @property {(stream: Stream, anchor: Anchor) => void} anchor
 */

/** 19 MB: any phone has that. */
export const bufferDefaults = Object.freeze({ maxSeconds: 600 });
/** That another source sends nothing is seen after ten seconds; a relay may restart meanwhile. */
const standBySeconds = 60;

/** @param {number} samples */
const seconds = (samples) => samples / sampleRate;

export class Buffer {
  #newId;
  #maxSamples;
  /** Oldest first. @type {Stream[]} */
  #streams = [];
  /** @type {Stream | null} */
  #current = null;
  /** @type {BufferListener | null} */
  #listener = null;
  #dropped = 0;
  #isStandingBy = false;
  #relay = '';

  /** @param {{ newId: () => string, maxSeconds?: number }} options */
  constructor({ newId, maxSeconds = bufferDefaults.maxSeconds }) {
    this.#newId = newId;
    this.#maxSamples = maxSeconds * sampleRate;
  }

  /** @param {BufferListener} listener */
  listen(listener) {
    this.#listener = listener;
  }

  // ------------------------------------------------------------------------------------------------------- capture

  /** The position that the next sample will have. */
  get edge() {
    return this.#current?.edge ?? 0;
  }

  /** Takes what was captured next; it is not copied. @param {Uint8Array} audio s16le mono, at most a second */
  frame(audio) {
    const stream = this.#running();
    const position = stream.append(audio);
    this.#makeRoom();
    this.#listener?.frame(stream, position, audio);
  }

  /** The microphone gave nothing for so long. @param {number} samples @param {HoleReason} reason */
  hole(samples, reason) {
    const stream = this.#running();
    this.#addHoles(stream, [[stream.edge, stream.edge + samples]], reason);
  }

  /** @param {Anchor} anchor */
  anchor(anchor) {
    const stream = this.#running();
    stream.addAnchor(anchor);
    this.#listener?.anchor(stream, anchor);
  }

  /** The run is over; what comes later begins another. Idempotent. */
  end() {
    const stream = this.#current;
    if (!stream) return;
    this.#current = null;
    stream.ended = true;
    this.#listener?.ended(stream);
    this.#tidy();
  }

  #running() {
    if (this.#current) return this.#current;
    const stream = new Stream(this.#newId());
    this.#current = stream;
    this.#streams.push(stream);
    this.#listener?.started(stream);
    return stream;
  }

  // -------------------------------------------------------------------------------------------------------- uplink

  /** Newest first. */
  offered() {
    return this.#streams.toReversed();
  }

  /** The relay answered; another one has stored nothing of what its predecessor had.
   * @param {string} relay @param {ReadonlyMap<string, { stored: RangeSet, received: RangeSet }>} known by stream */
  welcomed(relay, known) {
    const isOther = this.#relay !== '' && this.#relay !== relay;
    this.#relay = relay;
    for (const stream of [...this.#streams]) {
      const { stored, received } = known.get(stream.id) ?? { stored: [], received: [] };
      if (isOther) stream.stored = [];
      stream.addStored(stored);
      if (known.has(stream.id))
        this.#addHoles(
          stream,
          subtract([[0, stream.edge]], union(stream.held, union(stream.stored, received))),
          stream.ended ? 'killed' : 'bound',
        );
    }
    this.#tidy();
  }

  /** @param {Stream} stream @param {RangeSet} ranges */
  stored(stream, ranges) {
    stream.addStored(ranges);
    this.#tidy();
  }

  /** Of runs that are over something waits for the relay. */
  get hasEnded() {
    return this.#streams.some((stream) => stream.ended);
  }

  /** Seconds that the relay has not confirmed to be on its disk. */
  get unstoredSeconds() {
    return seconds(this.#streams.reduce((sum, stream) => sum + size(stream.backlog), 0));
  }

  /** Seconds that had to make room, in all. */
  get droppedSeconds() {
    return seconds(this.#dropped);
  }

  /** Seconds it can hold. */
  get maxSeconds() {
    return seconds(this.#maxSamples);
  }

  /** Nothing is left to be sent or said. */
  get isEmpty() {
    return this.#streams.length === 0;
  }

  /** While another source has the room, its audio is what counts: of the running stream the newest is kept, should it fail.
   * @param {boolean} isStandingBy */
  standBy(isStandingBy) {
    this.#isStandingBy = isStandingBy;
  }

  #makeRoom() {
    const stream = this.#current;
    if (this.#isStandingBy && stream)
      while (size(stream.held) > standBySeconds * sampleRate)
        for (const hole of stream.dropOldest('other-source')) this.#listener?.hole(stream, hole);
    let held = this.#streams.reduce((sum, each) => sum + size(each.held), 0);
    while (held > this.#maxSamples) {
      const oldest = this.#streams.find(({ frames }) => frames.length > 0);
      if (!oldest) return;
      for (const hole of oldest.dropOldest('bound')) {
        const samples = hole.to - hole.from;
        held -= samples;
        this.#dropped += samples;
        this.#listener?.hole(oldest, hole);
      }
    }
  }

  /** @param {Stream} stream @param {RangeSet} ranges @param {HoleReason} reason */
  #addHoles(stream, ranges, reason) {
    for (const hole of stream.addHoles(ranges, reason)) this.#listener?.hole(stream, hole);
  }

  #tidy() {
    this.#streams = this.#streams.filter((stream) => !stream.done);
  }
}
