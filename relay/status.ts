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
  readonly catchingUp: boolean;
  /** Nobody has spoken for long, and the paid session is given back until somebody does. */
  readonly resting: boolean;
}

/** Captions that lag by more than this are told to catch up, until they lag by less than the other. */
const catchingUpAboveMs = 2000;
const caughtUpBelowMs = 1000;
/** A missed stretch is followed by the next within about a second: so long it goes without saying. */
const holdMs = 3000;

/** Whether captions catch up: with what is spoken now, or with what was missed. It does not come and go from one second to the next. */
export class CatchingUp {
  readonly #now: () => number;
  #lastMs = Number.NEGATIVE_INFINITY;
  #isOn = false;

  /** @param now monotonic, ms */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * @param lagMs how far captions are behind what is spoken
   * @param isFilling a missed stretch is being captioned at this moment
   */
  see(lagMs: number, isFilling: boolean): boolean {
    const now = this.#now();
    if (isFilling || lagMs > (this.#isOn ? caughtUpBelowMs : catchingUpAboveMs)) this.#lastMs = now;
    this.#isOn = now - this.#lastMs < holdMs;
    return this.#isOn;
  }
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
  catchingUp,
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
  if (catchingUp) return status('catching-up', 'Captions are catching up with what was missed.');
  if (resting) return status('resting', 'Nobody is speaking; captions go on with the next word.');
  return status('listening', 'Listening.');
}
