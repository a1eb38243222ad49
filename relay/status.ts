import type { EngineFailure } from './engines/engine.ts';
import type { Health, Status } from './protocol.js';

export interface RoomCircumstances {
  /** By the organizer. */
  readonly paused: boolean;
  readonly connected: boolean;
  /** Audio came since this relay started. */
  readonly everHeard: boolean;
  readonly audioAgeMs: number | null;
  readonly health: Health | null;
  readonly failure: EngineFailure | null;
  readonly lagMs: number;
  /** Nobody has spoken for long, and the paid session is given back until somebody does. */
  readonly resting: boolean;
}

/** A connected source that gives no audio for this long has none. */
const noAudioAfterMs = 3000;
const delayedAboveMs = 5000;

/** The one state that says most about a room, in plain words for its readers. An organizer's pause comes first, then causes nearer to the source. */
export function statusOf({
  paused,
  connected,
  everHeard,
  audioAgeMs,
  health,
  failure,
  lagMs,
  resting,
}: RoomCircumstances): Status {
  const status = (state: Status['state'], message: string): Status => ({ type: 'status', state, message });
  if (paused) return status('paused', 'Captions are paused by the organizer.');
  if (!connected)
    return everHeard
      ? status('offline', 'The room is not connected at the moment.')
      : status('waiting', 'Waiting for the talk.');
  if (audioAgeMs === null || audioAgeMs > noAudioAfterMs)
    return status('no-audio', health && health.state !== 'ok' ? health.message : 'No sound comes from the room.');
  if (failure?.kind === 'capacity') return status('capacity', 'Waiting for capacity of the captioning service.');
  if (failure && failure.kind !== 'reopen' && failure.kind !== 'backoff')
    return status('fault', 'Captions are not available at the moment.');
  if (failure || lagMs > delayedAboveMs) return status('delayed', 'Captions are delayed.');
  if (resting) return status('resting', 'Nobody is speaking; captions go on with the next word.');
  return status('listening', 'Listening.');
}
