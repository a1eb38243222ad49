import { connect as connectTcp, isIP } from 'node:net';
import { Readable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { TranscriptEvent, TranscriptResultStream } from '@aws-sdk/client-transcribe-streaming';
import type { Logger } from '../../systemd/log.ts';
import type { TranscribeRequest } from './transcribe-request.ts';

/** What the SDK does not tell of a stream's connection. */
export interface ConnectionNotes {
  connected: boolean;
  /** Where the request went, once there were credentials to sign it with. */
  target: URL | null;
  /** What the socket failed with, null while it has not. */
  socketError: unknown;
  /** The service ended the stream by END_STREAM after ours, neither reset nor cut. */
  endedCleanly: boolean;
}

export interface StreamRequest {
  readonly settings: TranscribeRequest;
  /** Never throws, ends when no more audio comes. */
  readonly audio: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
  /** Written to while the stream runs. */
  readonly notes: ConnectionNotes;
}

/** One account and region: starts streams. */
export interface TranscribeClient {
  /** The events of one stream. Settles with the first event, not with the connection. */
  stream(request: StreamRequest): Promise<AsyncIterable<TranscriptEvent>>;
}

export type LoadSdk = () => Promise<{
  readonly sdk: typeof import('@aws-sdk/client-transcribe-streaming');
  readonly http: typeof import('@smithy/node-http-handler');
  readonly credentials: typeof import('@aws-sdk/credential-provider-node');
}>;

/** Loads the packages when the first room needs them: a relay with other engines never does. */
export const loadInstalledSdk: LoadSdk = async () => {
  const [sdk, http, credentials] = await Promise.all([
    import('@aws-sdk/client-transcribe-streaming'),
    import('@smithy/node-http-handler'),
    import('@aws-sdk/credential-provider-node'),
  ]);
  return { sdk, http, credentials };
};

/**
 * A client in the SDK's standard configuration. Files with credentials are read anew by each client, so that a person
 * can put them right while the relay runs.
 * @param requestTimeoutMs without any traffic for this long a stream is ended (without an error, says the SDK)
 * @param region null: the SDK finds it
 */
export async function createTranscribeClient(
  load: LoadSdk,
  log: Logger,
  requestTimeoutMs: number,
  region: string | null,
): Promise<TranscribeClient> {
  const { sdk, http, credentials } = await load();
  const notesBySignal = new WeakMap<object, ConnectionNotes>();
  const handle: InstanceType<typeof http.NodeHttp2Handler>['handle'] = async (request, options = {}) => {
    const notes = options.abortSignal && notesBySignal.get(options.abortSignal);
    const port = request.port === undefined ? '' : `:${request.port}`;
    if (notes) notes.target = new URL(`${request.protocol}//${request.hostname}${port}`);
    // One handler a stream, as one connection a stream is anyway: so its socket can be told from the others'.
    const handler = new http.NodeHttp2Handler({
      requestTimeout: requestTimeoutMs,
      disableConcurrentStreams: true,
      ...(notes && { nodeHttp2ConnectOptions: { createConnection: (url) => observedSocket(url, notes) } }),
    });
    const answer = await handler.handle(request, options);
    const body: unknown = answer.response.body;
    if (notes && body instanceof Readable)
      body.once('end', () => {
        notes.endedCleanly = isWhole(body);
      });
    return answer;
  };
  const logger = quietLogger(log);
  const client = new sdk.TranscribeStreamingClient({
    logger,
    ...(region && { region }),
    credentials: credentials.defaultProvider({ ignoreCache: true, logger }),
    // A stream cannot be retried; the feed opens a new one.
    maxAttempts: 1,
    requestHandler: {
      metadata: { handlerProtocol: 'h2' },
      handle,
      updateHttpClientConfig() {},
      httpHandlerConfigs: () => ({}),
    },
  });
  return {
    async stream({ settings, audio, signal, notes }) {
      notesBySignal.set(signal, notes);
      const command = new sdk.StartStreamTranscriptionCommand({ ...settings, AudioStream: audioEvents(audio) });
      const { TranscriptResultStream } = await client.send(command, { abortSignal: signal });
      return transcripts(TranscriptResultStream ?? []);
    },
  };
}

function observedSocket(url: URL, notes: ConnectionNotes) {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const secure = url.protocol === 'https:';
  const port = Number(url.port || (secure ? 443 : 80));
  const socket = secure
    ? connectTls({ host, port, ALPNProtocols: ['h2'], ...(isIP(host) === 0 && { servername: host }) })
    : connectTcp({ host, port });
  socket.once(secure ? 'secureConnect' : 'connect', () => {
    notes.connected = true;
  });
  socket.on('error', (error) => {
    notes.socketError ??= error;
  });
  return socket;
}

/** Neither cut nor reset. Node marks an HTTP/2 stream `aborted` where the peer ended it before we did. */
function isWhole(body: Readable): boolean {
  return 'rstCode' in body && body.rstCode === 0 && 'aborted' in body && body.aborted === false;
}

async function* audioEvents(audio: AsyncIterable<Uint8Array>) {
  for await (const AudioChunk of audio) yield { AudioEvent: { AudioChunk } };
}

/** Exceptions are thrown by the SDK itself; events of kinds yet unknown are passed over. */
async function* transcripts(
  events: AsyncIterable<TranscriptResultStream> | readonly TranscriptResultStream[],
): AsyncGenerator<TranscriptEvent> {
  for await (const { TranscriptEvent } of events) if (TranscriptEvent) yield TranscriptEvent;
}

/** Without a logger the SDK prints on the console. Its objects may hold results: only its sentences are kept. */
export function quietLogger(log: Logger) {
  const write = (...said: unknown[]) => {
    const [sentence] = said;
    if (typeof sentence === 'string') log.debug(sentence);
  };
  return { trace() {}, debug: write, info: write, warn: write, error: write };
}
