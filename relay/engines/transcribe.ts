import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { type Explained, SalaError } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import { sampleRate } from '../protocol.js';
import type { Engine, EngineListener, EngineSession, SessionSettings } from './engine.ts';
import { isTranscribeLanguage, nearLanguages } from './transcribe-languages.ts';
import { createTranscribeClient, type LoadSdk, loadInstalledSdk, type TranscribeClient } from './transcribe-sdk.ts';
import { type SessionLimits, TranscribeSession } from './transcribe-session.ts';

/** What a session asks of the service, beside the room's language. */
export interface TranscribeOptions extends SessionLimits {
  /** How soon words of partials are promised not to change; `high` is soonest and slightly less exact. */
  readonly partialResultsStability: 'high' | 'medium' | 'low';
}

/** Figures from the service's documentation and from faults provoked in the SDK; see README.md. */
export const transcribeDefaults: TranscribeOptions = {
  partialResultsStability: 'high',
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
  readonly options?: Partial<TranscribeOptions>;
}

/**
 * Amazon Transcribe streaming, by the AWS SDK in its standard configuration: default credential chain, AWS_REGION,
 * AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING. The SDK is loaded when the first session opens.
 */
export class TranscribeEngine implements Engine {
  readonly name = 'transcribe';
  readonly paid = true;
  readonly promptPartials = true;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #loadSdk: LoadSdk;
  readonly #options: TranscribeOptions;
  #client: Promise<TranscribeClient> | null = null;

  constructor({ log, now = () => performance.now(), loadSdk = loadInstalledSdk, options = {} }: TranscribeParts) {
    this.#log = log;
    this.#now = now;
    this.#loadSdk = loadSdk;
    this.#options = { ...transcribeDefaults, ...options };
  }

  check({ language }: SessionSettings): Explained | null {
    if (isTranscribeLanguage(language)) return null;
    const near = nearLanguages(language);
    return {
      code: 'transcribe-language',
      message: `Amazon Transcribe has no language ${JSON.stringify(language)}.`,
      hint:
        near.length > 0
          ? `Choose one it has: ${near.join(', ')}.`
          : 'Choose one it has, by language and country: en-US, it-IT, de-DE, …',
    };
  }

  open(settings: SessionSettings, listener: EngineListener): EngineSession {
    const { language } = settings;
    const session = new TranscribeSession({
      settings: {
        ...(isTranscribeLanguage(language) && { LanguageCode: language }),
        MediaEncoding: 'pcm',
        MediaSampleRateHertz: sampleRate,
        SessionId: randomUUID(),
        EnablePartialResultsStabilization: true,
        PartialResultsStability: this.#options.partialResultsStability,
      },
      language,
      listener,
      limits: this.#options,
      now: this.#now,
      client: () => this.#connect(settings),
      onFailure: ({ kind }) => {
        // What a person has put right must be read again.
        if (kind === 'credentials' || kind === 'configuration') this.#client = null;
      },
    });
    session.start();
    return session;
  }

  async #connect(settings: SessionSettings): Promise<TranscribeClient> {
    const refused = this.check(settings);
    if (refused) throw new SalaError(refused.message, refused);
    this.#client ??= createTranscribeClient(this.#loadSdk, this.#log, this.#options.requestTimeoutMs);
    return this.#client;
  }
}
