import { performance } from 'node:perf_hooks';
import { type Explained, SalaError } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import { defaultRecognition, explainConflicts } from '../recognition.ts';
import type { Engine, EngineFailure, EngineListener, EngineSession, SessionSettings } from './engine.ts';
import { CauseFinder } from './transcribe-cause.ts';
import { transcribeConflicts } from './transcribe-conflicts.ts';
import { isUnexplained } from './transcribe-failures.ts';
import type { VocabularyLender, VocabularyLoan } from './transcribe-loan.ts';
import { requestOf } from './transcribe-request.ts';
import { createTranscribeClient, type LoadSdk, loadInstalledSdk, type TranscribeClient } from './transcribe-sdk.ts';
import { type SessionLimits, TranscribeSession } from './transcribe-session.ts';

/** Figures from the service's documentation and from faults provoked in the SDK; see README.md. */
export const transcribeDefaults: SessionLimits = {
  maxQueuedMs: 30_000,
  readyAfterMs: 1000,
  stallTimeoutMs: 2000,
  startTimeoutMs: 10_000,
  requestTimeoutMs: 5000,
};

export interface TranscribeParts {
  readonly log: Logger;
  /** Monotonic, ms. */
  readonly now?: () => number;
  readonly loadSdk?: LoadSdk;
  readonly options?: Partial<SessionLimits>;
  /** The service ends a session then: 4 hours, not to be raised. */
  readonly maxSessionMs?: number | undefined;
  /** AWS region of rooms that name none, as far as it is known. */
  readonly region?: string | undefined;
  /** The vocabularies of rooms that name none. */
  readonly vocabularies?: VocabularyLender | undefined;
  /** HTTPS_PROXY or the like: the SDK does not use it, and whoever set it may think it does. */
  readonly proxy?: string | undefined;
}

/**
 * Amazon Transcribe streaming, by the AWS SDK in its standard configuration: default credential chain, AWS_REGION,
 * AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING. The SDK is loaded when the first session opens.
 */
export class TranscribeEngine implements Engine {
  readonly name = 'transcribe';
  readonly paid = true;
  readonly promptPartials = true;
  readonly maxSessionMs: number;
  readonly takesRecognition = true;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #loadSdk: LoadSdk;
  readonly #options: SessionLimits;
  readonly #region: string | null;
  readonly #vocabularies: VocabularyLender | null;
  readonly #causes: CauseFinder;
  /** By region; null is that of the SDK's standard configuration. */
  readonly #clients = new Map<string | null, Promise<TranscribeClient>>();

  constructor({
    log,
    now = () => performance.now(),
    loadSdk = loadInstalledSdk,
    options = {},
    region,
    maxSessionMs = 4 * 3_600_000,
    vocabularies,
    proxy,
  }: TranscribeParts) {
    this.#log = log;
    this.#now = now;
    this.#loadSdk = loadSdk;
    this.#options = { ...transcribeDefaults, ...options };
    this.#region = region || null;
    this.maxSessionMs = maxSessionMs;
    this.#vocabularies = vocabularies ?? null;
    this.#causes = new CauseFinder({ log, now, proxy });
  }

  check({ language, recognition = defaultRecognition }: SessionSettings): Explained | null {
    const conflicts = transcribeConflicts({ language, recognition, relayRegion: this.#region });
    return explainConflicts('transcribe-settings', conflicts);
  }

  open(settings: SessionSettings, listener: EngineListener): EngineSession {
    const { language, recognition = defaultRecognition } = settings;
    const loan = this.#borrow(settings);
    const session = new TranscribeSession({
      settings: requestOf(language, loan ? { ...recognition, vocabularies: [...loan.names] } : recognition),
      language,
      listener,
      limits: this.#options,
      now: this.#now,
      client: () => this.#connect(settings),
      onFailure: (failure, notes) => {
        // What a person has put right must be read again.
        if (failure.kind === 'credentials' || failure.kind === 'configuration')
          this.#clients.delete(recognition.region);
        if (notes.target && isUnexplained(failure, notes)) return this.#causes.explained(failure, notes.target);
        if (!loan || failure.code !== 'transcribe-vocabulary') return failure;
        loan.refused();
        return withoutVocabulary(failure);
      },
      onOver: () => loan?.release(),
    });
    session.start();
    return session;
  }

  findCause(failure: EngineFailure): Promise<Explained | null> {
    return this.#causes.find(failure);
  }

  /** What the room names itself goes before what is kept for it. */
  #borrow({ room, language, recognition = defaultRecognition }: SessionSettings): VocabularyLoan | null {
    const { identification, languageOptions, region, vocabularies } = recognition;
    if (vocabularies.length > 0) return null;
    return this.#vocabularies?.lend(room, identification === null ? [language] : languageOptions, region) ?? null;
  }

  async #connect(settings: SessionSettings): Promise<TranscribeClient> {
    const refused = this.check(settings);
    if (refused) throw new SalaError(refused.message, refused);
    const region = settings.recognition?.region ?? null;
    const made =
      this.#clients.get(region) ??
      createTranscribeClient(this.#loadSdk, this.#log, this.#options.requestTimeoutMs, region);
    this.#clients.set(region, made);
    return made;
  }
}

/** A vocabulary helps; it is no reason to have no captions. */
const withoutVocabulary = (failure: EngineFailure): EngineFailure => ({
  ...failure,
  kind: 'reopen',
  hint: 'Sala goes on without the vocabulary; /api/vocabulary says how it stands.',
});
