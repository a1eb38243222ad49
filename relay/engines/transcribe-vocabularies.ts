import type { TranscribeClient as ControlClient } from '@aws-sdk/client-transcribe';
import type { LanguageCode } from '@aws-sdk/client-transcribe-streaming';
import { codeOf, type Explained } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import { classifyFailure } from './transcribe-failures.ts';
import { quietLogger } from './transcribe-sdk.ts';

/** The custom vocabularies of an account in one region: the service's control plane as far as it is needed. */
export interface VocabularyService {
  /** Those whose names contain `part`, all pages of them. */
  list(part: string, signal: AbortSignal): Promise<ListedVocabulary[]>;
  /** Why one of them failed, in the service's words. */
  failureReason(name: string, signal: AbortSignal): Promise<string>;
  create(name: string, language: LanguageCode, entries: readonly string[], signal: AbortSignal): Promise<void>;
  /** Does nothing where there is none of that name. */
  delete(name: string, signal: AbortSignal): Promise<void>;
}

export interface ListedVocabulary {
  readonly name: string;
  readonly state: 'PENDING' | 'READY' | 'FAILED';
}

export type LoadControlSdk = () => Promise<{
  readonly sdk: typeof import('@aws-sdk/client-transcribe');
  readonly credentials: typeof import('@aws-sdk/credential-provider-node');
}>;

/** Loads the packages when there is a first vocabulary to keep. */
export const loadInstalledControlSdk: LoadControlSdk = async () => {
  const [sdk, credentials] = await Promise.all([
    import('@aws-sdk/client-transcribe'),
    import('@aws-sdk/credential-provider-node'),
  ]);
  return { sdk, credentials };
};

const maxPages = 50;
const callTimeoutMs = 15_000;

/**
 * The service by the AWS SDK in its standard configuration: default credential chain, AWS_REGION, AWS_ENDPOINT_URL_TRANSCRIBE.
 * Nothing is loaded before the first call; a client whose call failed is made anew, so that credentials that were put
 * right are read.
 * @param region null: the SDK finds it
 */
export function transcribeVocabularies(
  region: string | null,
  log: Logger,
  load: LoadControlSdk = loadInstalledControlSdk,
): VocabularyService {
  let made: Promise<{ client: ControlClient; sdk: Awaited<ReturnType<LoadControlSdk>>['sdk'] }> | null = null;
  const connect = async () => {
    const { sdk, credentials } = await load();
    const logger = quietLogger(log);
    const client = new sdk.TranscribeClient({
      logger,
      ...(region && { region }),
      credentials: credentials.defaultProvider({ ignoreCache: true, logger }),
      requestHandler: { connectionTimeout: 5000, requestTimeout: callTimeoutMs, throwOnRequestTimeout: true },
    });
    return { client, sdk };
  };
  const call = async <T>(
    work: (parts: Awaited<ReturnType<typeof connect>>, options: { abortSignal: AbortSignal }) => Promise<T>,
    signal: AbortSignal,
  ) => {
    made ??= connect();
    try {
      return await work(await made, { abortSignal: signal });
    } catch (error) {
      made?.then(
        ({ client }) => client.destroy(),
        () => {},
      );
      made = null;
      throw error;
    }
  };
  return {
    list: (part, signal) =>
      call(async ({ client, sdk }, options) => {
        const found: ListedVocabulary[] = [];
        let token: string | undefined;
        for (let page = 0; page < maxPages; page++) {
          const answer = await client.send(
            new sdk.ListVocabulariesCommand({
              NameContains: part,
              MaxResults: 100,
              ...(token === undefined ? {} : { NextToken: token }),
            }),
            options,
          );
          for (const { VocabularyName: name, VocabularyState: state } of answer.Vocabularies ?? [])
            if (name && state) found.push({ name, state });
          token = answer.NextToken;
          if (!token) break;
        }
        return found;
      }, signal),
    failureReason: (name, signal) =>
      call(async ({ client, sdk }, options) => {
        const answer = await client.send(new sdk.GetVocabularyCommand({ VocabularyName: name }), options);
        return answer.FailureReason ?? '';
      }, signal),
    create: (name, language, entries, signal) =>
      call(async ({ client, sdk }, options) => {
        const command = new sdk.CreateVocabularyCommand({
          VocabularyName: name,
          LanguageCode: language,
          Phrases: [...entries],
        });
        await client.send(command, options);
      }, signal),
    delete: (name, signal) =>
      call(async ({ client, sdk }, options) => {
        try {
          await client.send(new sdk.DeleteVocabularyCommand({ VocabularyName: name }), options);
        } catch (error) {
          if (!(error instanceof Error && error.name === 'NotFoundException')) throw error;
        }
      }, signal),
  };
}

/** `refused`: what was asked for cannot be; `limit`: the account's vocabularies are used up; `unavailable`: nothing can be asked now. */
export type VocabularyFaultKind = 'refused' | 'conflict' | 'limit' | 'unavailable';

export interface VocabularyFault extends Explained {
  readonly kind: VocabularyFaultKind;
}

const permissions =
  'Give the relay’s credentials the permissions transcribe:ListVocabularies, transcribe:CreateVocabulary, transcribe:GetVocabulary and transcribe:DeleteVocabulary. Captions go on without.';

/** What an error of the control plane means. */
export function vocabularyFault(error: unknown): VocabularyFault {
  const { code, message, hint } = classifyFailure(error, {
    socketError: /^(E[A-Z]+|.*(CERT|TLS|SSL|SIGNED|ISSUER|VERIFY).*)$/.test(codeOf(error)) ? error : null,
    ready: false,
    ageMs: 0,
  });
  const name = error instanceof Error ? error.name : '';
  const said = error instanceof Error ? error.message : String(error);
  if (/^AccessDenied|^NotAuthorized/.test(name))
    return {
      kind: 'unavailable',
      code: 'vocabulary-permission',
      message: 'These credentials may not manage vocabularies of Amazon Transcribe.',
      hint: permissions,
    };
  if (name === 'ConflictException')
    return { kind: 'conflict', code: 'vocabulary-conflict', message: said, hint: 'Sala looks again what there is.' };
  // The service's one name for two things; what it says is not documented.
  if (name === 'LimitExceededException' && !/rate|too many requests|throttl/i.test(said))
    return {
      kind: 'limit',
      code: 'vocabulary-limit',
      message: `Amazon Transcribe keeps no more vocabularies: ${said}`,
      hint: 'An account has 100 in a region: delete some that are not needed, or ask AWS for more. Sala tries again.',
    };
  if (name === 'BadRequestException')
    return {
      kind: 'refused',
      code: 'vocabulary-refused',
      message: `Amazon Transcribe refused the vocabulary: ${said}`,
      hint: 'Change the phrases it names. Captions go on without.',
    };
  return { kind: 'unavailable', code, message, hint };
}
