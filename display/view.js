// @ts-check
/**
 * What the two ways of showing captions have in common. `screen.js` is for a room's screen and a video mix: rows of its
 * own making that never change. `reader.js` is for whoever reads along on a phone or laptop: paragraphs that scroll.
 */

/** @import { PageParameters } from './parameters.js' */
/** @import { Place } from './place.js' */
/** @import { Strings } from './strings.js' */
/** @import { Durable, Tail } from './messages.js' */

/**
 * @typedef {object} View
 * @property {(message: Durable, isOld: boolean) => void} message the next one of the room's log: each once, in order of
 *   `seq`; whether it was in the log already when the page connected
 * @property {(tail: Tail | null) => void} setTail what may still change; null: nothing
 * @property {() => void} reset another log begins: all that came before is void
 */

/**
 * @typedef {object} ViewParts
 * @property {HTMLElement} container `#captions`, empty
 * @property {PageParameters} parameters
 * @property {Strings} strings
 * @property {Place} place where history is read
 * @property {(stage: 'before' | 'talk') => void} onStage whether there is anything to read: before, the room's name is shown
 */

export {};
