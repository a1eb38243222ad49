import { codeOf, messageOf, SalaError } from '../../systemd/errors.ts';
import type { EngineFailure, FailureKind } from './engine.ts';

/** What is known of an attempt beside the error itself. */
export interface FailureContext {
  /** What the socket said, if it said anything: the SDK hides it. */
  readonly socketError: unknown;
  /** The session worked: a broken connection is opened again at once. */
  readonly ready: boolean;
  /** How long the attempt has lasted. */
  readonly ageMs: number;
}

type Words = readonly [code: string, kind: FailureKind, message: string, hint: string];

/** A session cannot be longer (Transcribe's guidelines and quotas; the limit cannot be raised). */
const maxSessionMs = 4 * 3600_000;
const maxServiceTextLength = 300;
/** The SDK's own words for every connection that could not be made or died before an answer. */
const connectionPattern = /HTTP\/2 stream is abnormally aborted|http2 request did not get a response/;
/** Codes of Node for a connection or stream that died later. */
const connectionCodes = /^(ERR_HTTP2_|ERR_STREAM_PREMATURE_CLOSE$|E[A-Z]+$)/;

const permissions =
  'Give the relay credentials that may call transcribe:StartStreamTranscription: an instance profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.';
const clock = 'Check the relay’s clock (timedatectl): AWS refuses signatures more than five minutes off.';

/** Names of credential and permission faults as AWS services give them, with what each means. */
const credentialFaults: ReadonlyMap<string, readonly [message: string, hint: string]> = new Map([
  ['UnrecognizedClientException', ['AWS does not know these credentials.', permissions]],
  ['InvalidClientTokenId', ['AWS does not know these credentials.', permissions]],
  ['InvalidSignatureException', ['AWS did not accept the signature: the secret key is wrong.', permissions]],
  ['SignatureDoesNotMatch', ['AWS did not accept the signature: the secret key is wrong.', permissions]],
  ['IncompleteSignature', ['AWS did not accept the signature.', permissions]],
  ['MissingAuthenticationToken', ['The request carried no credentials.', permissions]],
  ['AccessDeniedException', ['These credentials may not use Amazon Transcribe streaming.', permissions]],
  ['AccessDenied', ['These credentials may not use Amazon Transcribe streaming.', permissions]],
  ['NotAuthorized', ['These credentials may not use Amazon Transcribe streaming.', permissions]],
  ['ExpiredTokenException', ['The AWS session token has expired.', 'Renew the temporary credentials of the relay.']],
  ['ExpiredToken', ['The AWS session token has expired.', 'Renew the temporary credentials of the relay.']],
  [
    'OptInRequired',
    ['The AWS account has not enabled Amazon Transcribe.', 'Open Amazon Transcribe once in the AWS console.'],
  ],
  [
    'SubscriptionRequiredException',
    ['The AWS account has not enabled Amazon Transcribe.', 'Open Amazon Transcribe once in the AWS console.'],
  ],
]);

/** What an error of the SDK or the service means for the room, and what to do about it. */
export function classifyFailure(error: unknown, context: FailureContext): EngineFailure {
  if (error instanceof SalaError)
    return { code: error.code, kind: 'configuration', message: error.message, hint: error.hint, cause: error };
  return failure(wordsFor(error, context), error);
}

/** Whether it is left open why there was no connection: worth a probe. */
export function isUnexplained({ code }: EngineFailure, { socketError, target }: UnexplainedContext): boolean {
  if (target === null || !unexplainedCodes.includes(code)) return false;
  return !/^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH)$/.test(codeOf(socketError));
}

interface UnexplainedContext {
  readonly socketError: unknown;
  /** null: it was never tried. */
  readonly target: URL | null;
}

const unexplainedCodes: readonly string[] = ['transcribe-connection', 'transcribe-start-timeout', 'transcribe-failed'];

/** What it means that the stream ended and nobody asked for it, without an error. */
export function brokenStream(context: FailureContext): EngineFailure {
  return failure(connectionLost(context), context.socketError ?? undefined);
}

function failure([code, kind, message, hint]: Words, cause: unknown): EngineFailure {
  return { code: `transcribe-${code}`, kind, message, hint, cause };
}

function wordsFor(error: unknown, context: FailureContext): Words {
  const name = error instanceof Error ? error.name : '';
  const said = serviceText(error);
  // The service says so of a wrong clock as of a wrong key; its words tell.
  if (/^InvalidSignature|^SignatureDoesNotMatch/.test(name) && /signature expired|not yet current/i.test(said))
    return ['clock', 'backoff', 'AWS finds the request’s time wrong.', clock];
  const credentials = credentialFaults.get(name);
  if (credentials) return ['credentials', 'credentials', ...credentials];
  switch (name) {
    case 'BadRequestException':
      return badRequest(said);
    case 'LimitExceededException':
      return limitExceeded(said, context.ageMs);
    case 'ThrottlingException':
    case 'TooManyRequestsException':
      return ['throttled', 'backoff', 'Amazon Transcribe takes no more requests for a moment.', 'Sala tries again.'];
    case 'ConflictException':
      return [
        'conflict',
        'backoff',
        'Another stream was started with the same session id.',
        'Sala tries again with a new one; report this if it comes back.',
      ];
    case 'InternalFailureException':
    case 'ServiceUnavailableException':
    case 'InternalServerException':
    case 'InternalFailure':
    case 'ServiceUnavailable':
      return [
        'service',
        'backoff',
        `Amazon Transcribe has a fault: ${said}`,
        'Sala tries again; see the AWS health page.',
      ];
    case 'RequestExpired':
    case 'RequestTimeTooSkewed':
      return ['clock', 'backoff', 'AWS finds the request’s time wrong.', clock];
    case 'CredentialsProviderError':
    case 'TokenProviderError':
      return ['credentials-missing', 'credentials', `There are no usable AWS credentials: ${said}`, permissions];
    case 'TimeoutError':
      return connectionLost(context);
  }
  return unnamed(error, said, context);
}

function unnamed(error: unknown, said: string, context: FailureContext): Words {
  const code = codeOf(error);
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND')
    return [
      'not-installed',
      'configuration',
      'The AWS SDK is not installed on this relay.',
      'Install the release with its dependencies (npm ci), or choose another engine.',
    ];
  if (/region/i.test(said))
    return [
      'region',
      'configuration',
      `No usable AWS region is configured: ${said}`,
      'Set AWS_REGION to one that offers Transcribe streaming, for example AWS_REGION=eu-west-1.',
    ];
  if (context.socketError !== null || connectionPattern.test(said) || connectionCodes.test(code))
    return connectionLost(context);
  return [
    'failed',
    'backoff',
    `The Transcribe session failed: ${said}`,
    'Sala tries again; report this if it comes back.',
  ];
}

function badRequest(said: string): Words {
  if (/no new audio|15 seconds/i.test(said))
    return ['no-audio', 'reopen', 'Amazon Transcribe had no audio for 15 seconds.', 'Sala opens a new session.'];
  if (/signature expired|not yet current/i.test(said))
    return ['signature-expired', 'reopen', 'Audio reached Amazon Transcribe too late or too early.', clock];
  if (/too big|frame size/i.test(said))
    return ['frame-size', 'configuration', `Amazon Transcribe refused the audio: ${said}`, 'Report this.'];
  if (/vocabular/i.test(said))
    return [
      'vocabulary',
      'configuration',
      `Amazon Transcribe refused a vocabulary or filter: ${said}`,
      'Check the names in the room’s recognition settings: each must be ready, and in the region that the room uses.',
    ];
  if (/language ?model/i.test(said))
    return [
      'language-model',
      'configuration',
      `Amazon Transcribe refused the custom language model: ${said}`,
      'Check its name in the room’s recognition settings: it must be ready, and in the region that the room uses.',
    ];
  if (/language/i.test(said))
    return [
      'language',
      'configuration',
      `Amazon Transcribe refused the language: ${said}`,
      'Choose another language for the room: not every region offers every language.',
    ];
  return ['refused', 'configuration', `Amazon Transcribe refused the request: ${said}`, 'Check the room’s settings.'];
}

function limitExceeded(said: string, ageMs: number): Words {
  // The service's words for this are not documented; the session's age tells as well.
  if (ageMs >= maxSessionMs * 0.98 || /session duration|maximum duration/i.test(said))
    return ['session-length', 'reopen', 'The session reached its longest duration, 4 hours.', 'Sala opens a new one.'];
  if (/too quickly|rate exceeded|throttl/i.test(said))
    return ['start-rate', 'backoff', 'Too many sessions were started at once.', 'Sala tries again.'];
  return [
    'quota',
    'capacity',
    'All concurrent streams of the AWS account are in use.',
    'Captions come when another room rests; ask AWS to raise the quota “concurrent HTTP/2 streams”.',
  ];
}

function connectionLost({ socketError, ready }: FailureContext): Words {
  if (ready)
    return [
      'lost',
      'reopen',
      'The connection to Amazon Transcribe broke.',
      'Sala opens a new session; if this goes on, check the relay’s network.',
    ];
  const code = codeOf(socketError);
  const say = (message: string, hint: string): Words => ['connection', 'backoff', message, hint];
  const address = 'Check AWS_REGION, the room’s own region and, if set, AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING.';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return say('The name of Amazon Transcribe could not be resolved.', `Check the relay’s DNS. ${address}`);
  if (code === 'ECONNREFUSED') return say('Amazon Transcribe refused the connection.', address);
  if (/CERT|TLS|SSL|SIGNED|ISSUER|VERIFY/.test(code))
    return say(
      `The connection to Amazon Transcribe is not trusted (${code}).`,
      `${clock} Look for a proxy in between.`,
    );
  if (code)
    return say(`Amazon Transcribe cannot be reached (${code}).`, 'Check the relay’s network. Sala tries again.');
  return say('The connection to Amazon Transcribe broke.', 'Check the relay’s network. Sala tries again.');
}

/** What the error says, cut: an unmodelled exception carries its JSON as message. */
function serviceText(error: unknown): string {
  const text = messageOf(error);
  const inner = /^\{.*"[Mm]essage"\s*:\s*"([^"]*)"/.exec(text)?.[1];
  return (inner ?? text).slice(0, maxServiceTextLength);
}
