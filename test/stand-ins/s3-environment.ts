import { standInKeys } from './s3.ts';

/** Credentials of the stand-in for the AWS SDK of a process, and nobody else's. */
export const s3StandInEnvironment = {
  AWS_REGION: 'eu-west-1',
  AWS_ACCESS_KEY_ID: standInKeys.accessKeyId,
  AWS_SECRET_ACCESS_KEY: standInKeys.secretAccessKey,
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
};
