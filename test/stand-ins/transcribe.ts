import { once } from 'node:events';
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { performance } from 'node:perf_hooks';
import { askedIn, wrongIn } from './transcribe-asked.ts';
import type { Fault } from './transcribe-faults.ts';
import { type HeardWord, type Hearing, NumberHearing, ScriptHearing } from './transcribe-hearing.ts';
import { type Describe, Segmenter, type SegmentLimits } from './transcribe-segments.ts';
import { refuse, type SessionLimits, StandInSession } from './transcribe-session.ts';
import { type Credentials, emptyPayload, SignatureChain, verifyRequest } from './transcribe-signature.ts';

export interface StandInLimits extends SessionLimits, SegmentLimits {
  /** Concurrent streams of the account. */
  readonly maxStreams: number;
  readonly maxStartsPerSecond: number;
  /** An event's date may differ this much from now. */
  readonly maxSkewMs: number;
}

/** The service's documented limits; its segments are a choice of the stand-in. */
export const standInLimits: StandInLimits = {
  idleTimeoutMs: 15_000,
  maxEventMs: 1000,
  maxSessionMs: 4 * 3600_000,
  maxStreams: 25,
  maxStartsPerSecond: 25,
  maxSkewMs: 300_000,
  maxSegmentWords: 10,
  pauseMs: 1000,
  unstableWords: 2,
};

export interface StandInOptions {
  readonly port?: number;
  readonly credentials?: Credentials;
  readonly limits?: Partial<StandInLimits>;
  /** Words said by the stream's time instead of the numbers heard in it. */
  readonly script?: readonly HeardWord[];
  /** What else turns the audio of a stream into words. */
  readonly hearing?: () => Hearing;
  /** Who says a word, in which language, and what the service would notice in it; nothing, unless told. */
  readonly describe?: Describe;
}

/** Credentials that mean nothing anywhere else. */
export const standInCredentials: Credentials = {
  accessKeyId: 'AKIASTANDIN0000000000',
  secretAccessKey: 'stand-in-secret-of-no-account',
};

/**
 * Takes the place of Amazon Transcribe streaming in tests: HTTP/2 without TLS, the service's framing, signatures,
 * limits, results and exceptions. It hears the numbered test signal, or says a script.
 */
export class TranscribeStandIn {
  /** Every stream accepted, in order. */
  readonly sessions: StandInSession[] = [];
  /** Starts refused before a session was made: the exceptions' names. */
  readonly refusals: string[] = [];
  /** Requests whose own signature was wrong. */
  badRequests = 0;
  limits: StandInLimits;

  readonly #credentials: Credentials;
  readonly #hearing: () => Hearing;
  readonly #describe: Describe;
  readonly #connections = new Set<ServerHttp2Session>();
  readonly #waiting = new Map<number, ((session: StandInSession) => void)[]>();
  #port: number;
  #server: Http2Server | null = null;
  #starts: number[] = [];
  #next: Fault[] = [];
  #every: Fault | null = null;

  constructor({
    port = 0,
    credentials = standInCredentials,
    limits = {},
    script,
    hearing,
    describe,
  }: StandInOptions = {}) {
    this.#port = port;
    this.#credentials = credentials;
    this.limits = { ...standInLimits, ...limits };
    this.#hearing = hearing ?? (() => (script ? new ScriptHearing(script) : new NumberHearing()));
    this.#describe = describe ?? (() => ({}));
  }

  /** @returns the address for AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING */
  async start(): Promise<{ url: string }> {
    await this.#listen();
    return { url: `http://127.0.0.1:${this.#port}` };
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const connection of this.#connections) connection.destroy();
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  /** From now on nobody listens; open streams go on. */
  async refuseConnections(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    // Its callback would wait for open connections; the listening socket is gone at once.
    server?.close();
  }

  /** Listens again, at the same port. */
  async acceptConnections(): Promise<void> {
    if (!this.#server) await this.#listen();
  }

  /** The next streams have these faults, one each. */
  failNext(...faults: Fault[]): void {
    this.#next.push(...faults);
  }

  /** Every stream to come has this fault, until told otherwise. */
  failEvery(fault: Fault | null): void {
    this.#every = fault;
  }

  /** The stream of that index, now or when it comes. */
  session(index: number): Promise<StandInSession> {
    const existing = this.sessions[index];
    if (existing) return Promise.resolve(existing);
    return new Promise((resolve) => {
      this.#waiting.set(index, [...(this.#waiting.get(index) ?? []), resolve]);
    });
  }

  async #listen(): Promise<void> {
    const server = createServer();
    server.on('session', (connection) => {
      this.#connections.add(connection);
      connection.on('error', () => {});
      connection.once('close', () => this.#connections.delete(connection));
      let streams = 0;
      connection.on('stream', (stream, headers) => {
        streams++;
        this.#accept(stream, headers, streams);
      });
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
    this.#server = server;
  }

  #accept(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, streams: number): void {
    const request = verifyRequest(headers, this.#credentials);
    if (!request) this.badRequests++;
    const refusal = request ? this.#refusal(headers, streams) : invalidToken;
    if (!request || refusal) {
      const { status, name, message } = refusal ?? invalidToken;
      this.refusals.push(name);
      refuse(stream, status, name, message);
      return;
    }
    this.#starts.push(performance.now());
    const sessionId = String(headers['x-amzn-transcribe-session-id'] ?? '');
    this.sessions
      .find((session) => !session.over && session.sessionId === sessionId)
      ?.raise('ConflictException', 'A new stream started with the same session ID.');

    const session = new StandInSession({
      stream,
      headers,
      chain: new SignatureChain(request, this.#credentials, this.limits.maxSkewMs),
      hearing: this.#hearing(),
      segmenter: new Segmenter(this.limits, askedIn(headers), this.#describe),
      region: request.scope.split('/')[1] ?? '',
      limits: this.limits,
      fault: this.#next.shift() ?? this.#every,
    });
    this.sessions.push(session);
    session.start();
    const index = this.sessions.length - 1;
    for (const resolve of this.#waiting.get(index) ?? []) resolve(session);
    this.#waiting.delete(index);
  }

  #refusal(headers: IncomingHttpHeaders, streams: number): Refusal | null {
    const wrong = streams > 1 ? 'A connection carries one stream.' : complaint(headers);
    if (wrong) return { status: 400, name: 'BadRequestException', message: wrong };
    const limited = (message: string) => ({ status: 429, name: 'LimitExceededException', message });
    const now = performance.now();
    this.#starts = this.#starts.filter((at) => now - at < 1000);
    if (this.#starts.length >= this.limits.maxStartsPerSecond)
      return limited('You are starting streams too quickly. Rate exceeded.');
    if (this.sessions.filter(({ over }) => !over).length >= this.limits.maxStreams)
      return limited('You have reached your concurrent stream limit.');
    return null;
  }
}

interface Refusal {
  readonly status: number;
  readonly name: string;
  readonly message: string;
}

const invalidToken: Refusal = {
  status: 403,
  name: 'UnrecognizedClientException',
  message: 'The security token included in the request is invalid.',
};

/** What the service would not take in a request's headers. */
function complaint(headers: IncomingHttpHeaders): string | null {
  if (headers[':method'] !== 'POST' || headers[':path'] !== '/stream-transcription') return 'Unknown operation.';
  if (headers['x-amz-content-sha256'] !== emptyPayload) return 'The payload is not a signed event stream.';
  return wrongIn(headers);
}
