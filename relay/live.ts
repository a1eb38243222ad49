/**
 * What the doors of the relay (HTTP, WebSockets, metrics) see of its running rooms. `room.ts` implements it.
 */
import type { CaptionLog } from './captions.ts';
import type { Spending } from './costs.ts';
import type { FailureKind } from './engines/engine.ts';
import type { Gap } from './gaps.ts';
import type {
  Amend,
  Clear,
  Health,
  InputLevel,
  LogMessage,
  Partial as PartialCaption,
  RoomState,
  Status,
  Talk,
} from './protocol.js';
import type { RestView } from './resting.ts';
import type { RoomChange, RoomRecord } from './rooms.ts';

export interface RoomListener {
  /** A message that is in the log now. */
  logged(message: LogMessage): void;
  /** The volatile tail; empty text withdraws it. */
  partial(partial: PartialCaption): void;
  status(status: Status): void;
  /** Another talk is on, or what is known of it changed. */
  talk?(talk: Talk | null): void;
  /** The organizer's settings changed. */
  settings?(record: RoomRecord): void;
  /** The room was deleted; nothing follows. */
  deleted(): void;
}

/** A room at this moment, for `GET /api/rooms/:room` and metrics. */
export interface RoomLive {
  readonly state: RoomState;
  readonly message: string;
  /** null while no source is connected. */
  readonly source: {
    readonly device: string;
    readonly connectedMs: number;
    readonly health: Health | null;
  } | null;
  readonly engine: {
    readonly name: string;
    readonly state: string;
    /** Why there is no session; null while there is one, or none is needed. */
    readonly failure: FailureKind | null;
    /** Of the failure, or of what is worth knowing although nothing failed; empty where there is neither. */
    readonly code: string;
    readonly message: string;
    readonly hint: string;
    /** Recognition settings that do nothing with the room's engine. */
    readonly withoutEffect: readonly string[];
  };
  /** Of the room's sound, in dBFS: what counts as speech, and whether the paid session rests. */
  readonly rest: RestView;
  /** Paid engine time of the day (UTC). */
  readonly spent: Spending;
  /** How far the engine's input is behind the newest audio received. */
  readonly lagMs: number;
  /** Audio the device holds and the relay has not received, as far as it is known. */
  readonly backlogMs: number;
  readonly backfillMs: number;
  /** Why that waits until tomorrow although its audio is stored, in words; empty when nothing stands against it. */
  readonly backfillHeld: string;
  /** What the relay's own disk does not take at the moment, in words; empty when all is well. */
  readonly storage: string;
  /** Ages of the last success, null before the first. */
  readonly lastAudioMs: number | null;
  readonly lastCaptionMs: number | null;
  readonly counters: Readonly<Record<string, number>>;
}

export interface LiveRoom {
  readonly record: RoomRecord;
  readonly log: CaptionLog;
  /** The volatile tail as it is now; null when there is none. */
  readonly tail: PartialCaption | null;
  readonly status: Status;
  /** What is on by the schedule. */
  readonly talk: Talk | null;
  /** How loud it is; computed only while somebody listens. */
  readonly inputLevel: { listen(listener: (level: InputLevel) => void): () => void };
  live(): RoomLive;
  /** The stretches of its time without audio. */
  gaps(): readonly Gap[];
  /** Returns what ends the subscription. */
  listen(listener: RoomListener): () => void;
  /** Empties the readers' screens. */
  clear(): Clear;
  /** Corrects a caption, or hides it (null); null where there is no such caption. The same again is no new act. */
  amend(of: number, text: string | null): Amend | null;
}

export interface LiveRooms {
  all(): readonly LiveRoom[];
  get(name: string): LiveRoom | undefined;
  /** Creates or changes a room; takes effect in the running talk.
   * @throws {SalaError} `settings-conflict` where settings do not go together, naming all that clash */
  put(name: string, change: RoomChange): LiveRoom;
  /** What is spoken from now on is not captioned, or is again; undefined where there is no such room. */
  pause(name: string, paused: boolean): LiveRoom | undefined;
  /** Closes its sockets and forgets the room with its captions and audio; false when there is none. */
  delete(name: string): Promise<boolean>;
}
