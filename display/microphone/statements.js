// @ts-check
/** What the page knows, in plain words for the person who holds the phone. */

/** @import { Fault } from './capture.js' */
/** @import { LinkState } from './uplink.js' */

/**
 * @typedef {object} Known
 * @property {'off' | 'starting' | 'on' | 'ending'} microphone
 * @property {Fault | null} fault of microphone or page
 * @property {LinkState} link
 * @property {string} reason why the relay did not give the room, as it said
 * @property {boolean} wasInCharge since Start was pressed
 * @property {boolean} paused an organizer paused the captions
 * @property {boolean} silent nothing but silence for a while
 * @property {boolean} clipping
 * @property {number} unstoredSeconds
 * @property {string} holder device in charge of the room, before this page asks for it; empty: none, or not known
 */

/** @typedef {{ kind: 'idle' | 'ok' | 'waiting' | 'problem', message: string, hint: string }} Statement */

/** @param {number} seconds */
export function inWords(seconds) {
  const whole = Math.round(seconds);
  return whole < 90 ? `${whole} s` : `${Math.round(whole / 60)} min`;
}

/** @param {Known} known @returns {Statement} */
export function statementOf(known) {
  const { microphone, fault, link, unstoredSeconds } = known;
  if (fault) return { kind: 'problem', message: `${fault.message}.`, hint: fault.hint };
  if (link === 'refused')
    return {
      kind: 'problem',
      message: 'This link opens nothing any more.',
      hint: 'Ask an organizer for a new code. What was recorded here is kept while this page stays open.',
    };
  if (microphone === 'off') return idle(known);
  if (microphone === 'starting')
    return { kind: 'waiting', message: 'The microphone starts…', hint: 'Allow it, should the browser ask.' };
  if (link === 'lost')
    return {
      kind: 'problem',
      message: 'No connection to the relay.',
      hint: `Everything said is kept here (${inWords(unstoredSeconds)}) and sent by itself. Keep this page open.`,
    };
  if (microphone === 'ending')
    return {
      kind: 'waiting',
      message: `Handing in the last ${inWords(unstoredSeconds)}…`,
      hint: 'Keep this page open until it says that all has arrived.',
    };
  if (link === 'standing-by') return standingBy(known);
  return link === 'in-charge'
    ? inCharge(known)
    : { kind: 'waiting', message: 'Asking the relay for the room…', hint: 'What is said meanwhile is kept.' };
}

/** @param {Known} known @returns {Statement} */
function idle({ link, holder }) {
  if (link === 'finished')
    return { kind: 'ok', message: 'All that was said has arrived.', hint: 'You can close this page, or start again.' };
  const hint = holder
    ? `Now “${holder}” is in charge. As long as it has sound, this microphone stands by.`
    : 'Press Start and allow the microphone. Put this device near who speaks.';
  return { kind: 'idle', message: 'Ready.', hint };
}

/** @param {Known} known @returns {Statement} */
function standingBy({ wasInCharge, reason }) {
  const hint =
    'This microphone takes over by itself when no sound comes from there. To take over now, press the button.';
  return wasInCharge
    ? {
        kind: 'waiting',
        message: 'Another source is in charge again: the room’s kit is back.',
        hint: `You can stop. ${hint}`,
      }
    : { kind: 'waiting', message: `${reason || 'Another source is in charge of the room'}.`, hint };
}

/** @param {Known} known @returns {Statement} */
function inCharge({ paused, silent, clipping }) {
  if (paused)
    return {
      kind: 'waiting',
      message: 'An organizer has paused the captions.',
      hint: 'They go on when the organizer resumes them.',
    };
  if (silent)
    return {
      kind: 'problem',
      message: 'The room hears this device, but it hears nothing.',
      hint: 'Speak into it. Check that nothing covers the microphone and that the right one is chosen.',
    };
  if (clipping)
    return {
      kind: 'problem',
      message: 'The sound is too loud.',
      hint: 'Move the device away from the loudspeaker, or turn its input down.',
    };
  return {
    kind: 'ok',
    message: 'This device is the room’s microphone.',
    hint: 'Keep this page in front and the screen on. The room’s kit takes over again when it is back.',
  };
}
