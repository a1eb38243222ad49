import type { Explained } from '../systemd/errors.ts';
import type { EngineFailure } from './engines/engine.ts';

/** What organizers are told of a room's engine sessions that the engine itself does not say. */

/** @param ahead rooms that are before this one */
export const noPlace = (ahead: number): EngineFailure => ({
  kind: 'capacity',
  code: 'engine-quota',
  message:
    ahead === 0
      ? 'All places of the captioning service are taken; this room is next.'
      : `All places of the captioning service are taken; ${ahead} ${ahead === 1 ? 'room is' : 'rooms are'} before this one.`,
  hint: 'Captions begin when another room rests or ends; a higher quota of the account and --max-engine-sessions make more places.',
});
/** There are places, and the service takes only so many new sessions at once. @param ahead rooms that are before this one */
export const noTurn = (ahead: number): EngineFailure => ({
  kind: 'capacity',
  code: 'engine-turn',
  message: `Many rooms begin at once, and sessions are opened one after the other; ${ahead} ${ahead === 1 ? 'room is' : 'rooms are'} before this one.`,
  hint: 'It takes a few seconds. Audio is kept meanwhile.',
});
export const spent = (message: string): EngineFailure => ({
  kind: 'configuration',
  code: 'engine-cost',
  message,
  hint: 'Captions go on tomorrow (UTC), or with a higher --max-cost-per-day or --max-room-cost-per-day. Audio is kept meanwhile.',
});
/** The present session said nothing, and another one that heard the same did. */
export const mute: EngineFailure = {
  kind: 'reopen',
  code: 'engine-mute',
  message: 'The captioning service went on taking audio and said nothing.',
  hint: 'Sala goes on with a new session and fills in what was missed; if this comes back, see the service’s health page.',
};
/** Neither did. */
export const noWords: Explained = {
  code: 'engine-no-words',
  message: 'There is sound in the room, and the captioning service finds no words in it.',
  hint: 'All is well if this is music, applause or noise. If somebody speaks, check the room’s language, and listen to its mixer.',
};
