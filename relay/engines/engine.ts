/**
 * The engine port: what turns a room's audio into text. Interchangeable parts beside this file implement it, and one
 * conformance suite (test/engines.test.ts) holds them all to it.
 *
 * An engine session is one connection. Its clock is *engine time*: 16 kHz samples written since it opened. It never
 * knows streams or rooms; the feed maps engine time back to positions.
 */
import type { Explained } from '../../systemd/errors.ts';
import type { Recognition } from '../recognition.ts';

export interface Word {
  readonly text: string;
  /** Engine time in samples, `start` inclusive, `end` exclusive. */
  readonly start: number;
  readonly end: number;
  readonly kind: 'word' | 'punctuation';
  /** 0 to 1; null where the engine gives none. */
  readonly confidence: number | null;
  readonly speaker: string | null;
  /** In partials: the service promises not to change it again. */
  readonly stable: boolean;
}

/** What an engine noticed in the words of a final. */
export interface Mark {
  /** A word of the vocabulary filter, or personal data. */
  readonly kind: 'vocabulary-filter' | 'pii';
  /** The kind of personal data, e.g. `EMAIL`; null where there are no kinds. */
  readonly type: string | null;
  /** Engine time in samples, `start` inclusive, `end` exclusive. */
  readonly start: number;
  readonly end: number;
}

export interface EngineResult {
  /** Names a segment: partials of one id replace each other, its final ends it; never used again. */
  readonly id: string;
  readonly text: string;
  /** Engine time in samples, `start` inclusive, `end` exclusive. */
  readonly start: number;
  readonly end: number;
  /** Empty where the engine has no word times: such a final is owned whole. */
  readonly words: readonly Word[];
  /** BCP 47; what was recognised, or the session's own language. */
  readonly language: string;
  /** Left out where there are none. */
  readonly marks?: readonly Mark[];
}

/** What to do about a failure: reopen now, after backoff, when capacity returns, or not before a person acts. */
export type FailureKind = 'reopen' | 'backoff' | 'capacity' | 'credentials' | 'configuration';

export interface EngineFailure extends Explained {
  readonly kind: FailureKind;
  readonly cause?: unknown;
}

/** Called in order; after `ended` or `failed` nothing follows. */
export interface EngineListener {
  /** The session takes audio; in silence it may be the only call for hours. */
  ready(): void;
  /** An empty text takes the open segment back: it came to nothing. */
  partial(result: EngineResult): void;
  /** Never with an empty text. */
  final(result: EngineResult): void;
  /** All finals of what was written are out: the answer to `end()` alone. */
  ended(): void;
  /** The session is over and did not say why itself: `ended` will not come. */
  failed(failure: EngineFailure): void;
}

/** Where a piece of audio comes from; null for silence the feed put in, which has no position. */
export type AudioOrigin = { readonly stream: string; readonly position: number } | null;

export interface EngineSession {
  /** Takes 100 ms or less of mono s16le at 16 kHz (even byte count, at most 3200). Never waits, never throws. */
  write(audio: Uint8Array, origin: AudioOrigin): void;
  /** No more audio: the remaining finals, then `ended`; `failed` where that takes longer than `timeoutMs`. Idempotent. */
  end(timeoutMs: number): void;
  /** Ends at once, drops what is open, frees everything; no call follows. Idempotent. */
  abort(): void;
}

export interface SessionSettings {
  readonly room: string;
  /** BCP 47, e.g. `it-IT`; where the engine is to identify it, what results carry that name none. */
  readonly language: string;
  /** How to recognise; left out: by default. */
  readonly recognition?: Recognition;
}

export interface Engine {
  readonly name: string;
  /** Costs money while open: rests in silence, counts against quota and budget. */
  readonly paid: boolean;
  /** Says partials within seconds while somebody speaks: a session that goes on hearing speech and says nothing is doubted. */
  readonly promptPartials: boolean;
  /** Does what `recognition` asks for; without this, it turns speech of one language into text and no more. */
  readonly takesRecognition?: true;
  /** The service ends a session that lasts longer; left out where nobody does. */
  readonly maxSessionMs?: number;
  /** Why these settings cannot work with this engine, with a hint; null where they can. Needs no network. */
  check(settings: SessionSettings): Explained | null;
  /** Looks for what a failed session could not say of itself, why there is no connection; null where nothing is found. In bounded time. */
  findCause?(failure: EngineFailure): Promise<Explained | null>;
  /** Opens a session; every fault, also a missing library or credential, arrives by `listener.failed`, never as a throw. */
  open(settings: SessionSettings, listener: EngineListener): EngineSession;
}
