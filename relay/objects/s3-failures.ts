import { codeOf, messageOf, SalaError } from '../../systemd/errors.ts';
import { type StoreErrorCode, storeError } from './store-errors.ts';

interface Answer {
  /** 0: there was none. */
  readonly status: number;
  readonly attempts: number;
}

/** What the SDK keeps beside an error. */
export function answerOf(error: unknown): Answer {
  const metadata: unknown = error instanceof Error && '$metadata' in error ? error.$metadata : null;
  const number = (name: string) => {
    const value: unknown = typeof metadata === 'object' && metadata ? Reflect.get(metadata, name) : null;
    return typeof value === 'number' ? value : 0;
  };
  return { status: number('httpStatusCode'), attempts: number('attempts') };
}

/** The service's own name for it. */
const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');

type Words = readonly [code: StoreErrorCode, message: string, hint?: string];

const region =
  'Set the region, the endpoint and the path style that the bucket needs (--recording-region, --recording-endpoint).';
const credentials =
  'Give the program credentials: an instance profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.';

/** What an error of the SDK, the service or the line means. @param place the store in words @param what e.g. `put KEY` */
export function s3Failure(error: unknown, place: string, what: string): SalaError {
  if (error instanceof SalaError) return error;
  const [code, message, hint] = wordsFor(error, place);
  return storeError(code, `${message} (${what}: ${said(error)})`, error, hint);
}

function said(error: unknown): string {
  const { status } = answerOf(error);
  const words = [status || '', nameOf(error), messageOf(error)].filter((each) => each !== '' && each !== 'Error');
  return words.join(' ').slice(0, 300);
}

function wordsFor(error: unknown, place: string): Words {
  const name = nameOf(error);
  const { status } = answerOf(error);
  if (status === 412) return ['store-changed', `In ${place} the condition does not hold.`];
  if (
    /quota|StorageFull|InsufficientStorage/i.test(`${name} ${status === 403 ? messageOf(error) : ''}`) ||
    status === 507
  )
    return ['store-full', `${place} takes no more.`];
  if (/Digest|ContentSHA256Mismatch|ChecksumMismatch/.test(name) || /^Checksum mismatch/.test(messageOf(error)))
    return ['store-damaged', `What ${place} got or gave is not what was sent.`];
  if (/^InvalidPart/.test(name))
    return ['store-damaged', `${place} does not have the parts of an upload that it had taken.`];
  if (name === 'NoSuchBucket')
    return ['store-missing', `${place} does not exist.`, 'Create the bucket, or correct --recording-store.'];
  if (/^(NoSuchKey|NoSuchUpload|NotFound)$/.test(name) || status === 404)
    return ['store-missing', `It is not in ${place}.`];
  if (/RequestTimeTooSkewed/.test(name))
    return [
      'store-refused',
      `${place} finds the time of the request wrong.`,
      'Check this machine’s clock (timedatectl).',
    ];
  if (
    /PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint/.test(name) ||
    (status >= 300 && status < 400)
  )
    return ['store-refused', `${place} is in another region.`, region];
  if (/^(InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken)$/.test(name))
    return ['store-refused', `${place} does not accept the credentials.`, credentials];
  if (/CredentialsProviderError|TokenProviderError/.test(name))
    return ['store-refused', 'There are no credentials for the store.', credentials];
  if (/^(NotImplemented)$/.test(name) || status === 501)
    return [
      'store-refused',
      `${place} does not do what is asked of it.`,
      'Use a store that knows conditional writes: AWS S3, MinIO, Ceph from Reef on.',
    ];
  if (status === 401 || status === 403 || /^(AccessDenied|AllAccessDisabled|KMS|AccountProblem)/.test(name))
    return ['store-refused', `${place} refuses the access.`];
  if (/^Region is missing/.test(messageOf(error)))
    return ['store-refused', 'The region of the store is not known.', region];
  if (status >= 400 && status < 500 && status !== 408 && status !== 409 && status !== 429 && name !== 'RequestTimeout')
    return ['store-refused', `${place} takes this for a wrong request.`, region];
  if (status === 0 && /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/.test(codeOf(error)))
    return [
      'store-unreachable',
      `The certificate of ${place} is not trusted.`,
      'Correct the endpoint, or give Node the authority (NODE_EXTRA_CA_CERTS).',
    ];
  return ['store-unreachable', `${place} cannot be reached or does not answer as it should.`];
}
