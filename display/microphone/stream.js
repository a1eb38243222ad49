// @ts-check
/** One uninterrupted run of the microphone: what of it is held here, what the relay has stored, and what no one will have. */
import { bytesPerSample, limits, sampleRate, size, subtract, union } from '../../relay/protocol.js';

/** @import { Anchor, Hole, HoleReason, RangeSet, StreamReport } from '../../relay/protocol.js' */

/** @typedef {{ position: number, audio: Uint8Array }} Frame */

/** At one in 10 s and every second one dropped when full, hours still have one in a few minutes. */
const maxAnchors = 128;

export class Stream {
  id;
  /** The newest position captured, exclusive. */
  edge = 0;
  ended = false;
  /** Oldest first, by position. @type {Frame[]} */
  frames = [];
  /** @type {RangeSet} */
  held = [];
  /** On the relay's disk, holes and time that another source covered included. @type {RangeSet} */
  stored = [];
  /** @type {Hole[]} */
  holes = [];
  /** @type {Anchor[]} */
  anchors = [];

  /** @param {string} id a UUID */
  constructor(id) {
    this.id = id;
  }

  /** Held, and not stored. */
  get backlog() {
    return subtract(this.held, this.stored);
  }

  /** Over, and the relay has all of it. */
  get done() {
    return this.ended && size(subtract([[0, this.edge]], this.stored)) === 0;
  }

  /** @param {Uint8Array} audio s16le, follows on */
  append(audio) {
    const position = this.edge;
    this.edge += audio.length / bytesPerSample;
    this.frames.push({ position, audio });
    this.held = union(this.held, [[position, this.edge]]);
    return position;
  }

  /**
   * Positions that no one will ever have; what is held or stored after all is left out of it.
   * @param {RangeSet} ranges @param {HoleReason} reason @returns {Hole[]} those that this adds
   */
  addHoles(ranges, reason) {
    /** @type {RangeSet} */
    const known = this.holes.map(({ from, to }) => [from, to]);
    const lost = subtract(ranges, union(union(this.held, this.stored), known));
    for (const [from, to] of lost) {
      const last = this.holes.findLast((hole) => hole.to === from && hole.reason === reason);
      if (last) last.to = to;
      else this.holes.push({ from, to, reason });
      this.edge = Math.max(this.edge, to);
    }
    this.holes.sort((a, b) => a.from - b.from);
    return lost.map(([from, to]) => ({ from, to, reason }));
  }

  /** @param {Anchor} anchor */
  addAnchor(anchor) {
    this.anchors.push(anchor);
    if (this.anchors.length > maxAnchors)
      this.anchors = this.anchors.filter((_, i) => i % 2 === 0 || i === this.anchors.length - 1);
  }

  /** What the relay has is forgotten here. @param {RangeSet} ranges */
  addStored(ranges) {
    this.stored = union(this.stored, ranges);
    this.#forget((from, to) => size(subtract([[from, to]], this.stored)) === 0);
    this.holes = this.holes.filter(({ from, to }) => size(subtract([[from, to]], this.stored)) > 0);
  }

  /** The oldest frame is not kept any more. @param {HoleReason} reason @returns {Hole[]} */
  dropOldest(reason) {
    const oldest = this.frames[0];
    if (!oldest) return [];
    this.#forget((from) => from === oldest.position);
    return this.addHoles([[oldest.position, oldest.position + oldest.audio.length / bytesPerSample]], reason);
  }

  /** @param {(from: number, to: number) => boolean} isOver */
  #forget(isOver) {
    /** @type {RangeSet} */
    const gone = [];
    this.frames = this.frames.filter(({ position, audio }) => {
      const end = position + audio.length / bytesPerSample;
      if (!isOver(position, end)) return true;
      gone.push([position, end]);
      return false;
    });
    this.held = subtract(this.held, gone);
  }

  /** The audio at `from`, as far as it is held without a break, to `to` at most. @param {number} from @param {number} to */
  read(from, to) {
    /** @type {Uint8Array[]} */
    const parts = [];
    let at = from;
    for (const { position, audio } of this.frames) {
      const end = position + audio.length / bytesPerSample;
      if (end <= at || position > at) continue;
      if (at >= to) break;
      parts.push(audio.subarray((at - position) * bytesPerSample, (Math.min(end, to) - position) * bytesPerSample));
      at = Math.min(end, to);
    }
    if (at === from) return null;
    const out = new Uint8Array((at - from) * bytesPerSample);
    let byte = 0;
    for (const part of parts) {
      out.set(part, byte);
      byte += part.length;
    }
    return out;
  }

  /** What `hello` and `stream` say of it; of more than the wire takes, the newest. @param {number} index @returns {StreamReport} */
  report(index) {
    return {
      index,
      id: this.id,
      format: { encoding: 'pcm_s16le', rate: sampleRate, channels: 1 },
      edge: this.edge,
      ended: this.ended,
      ranges: this.held.slice(-limits.maxRanges),
      holes: this.holes.slice(-limits.maxRanges),
      anchors: this.anchors,
    };
  }
}
