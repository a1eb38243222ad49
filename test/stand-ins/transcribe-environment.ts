import { standInCredentials } from './transcribe.ts';

/** What makes the AWS SDK of a process talk to the stand-in at `url` and to nobody else. */
export function standInEnvironment(url: string) {
  return {
    AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING: url,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: standInCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: standInCredentials.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  };
}
