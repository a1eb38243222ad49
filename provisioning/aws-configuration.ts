import { join } from 'node:path';

/** What the decision looks at, so that tests need no machine of their own. */
export interface AwsSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** The text of a file, `''` where there is none. */
  read(path: string): string;
}

const marks = [
  'AWS_ACCESS_KEY_ID',
  'AWS_PROFILE',
  'AWS_ROLE_ARN',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
];

/** The lines under `[name]` of an AWS configuration file. */
function section(text: string, name: RegExp): string {
  const lines = text.split('\n').map((line) => line.trim());
  const from = lines.findIndex((line) => name.test(line));
  if (from === -1) return '';
  const rest = lines.slice(from + 1);
  const to = rest.findIndex((line) => line.startsWith('['));
  return ['[]', ...(to === -1 ? rest : rest.slice(0, to))].join('\n');
}

/**
 * The region in which Amazon Transcribe can probably be used, by the places the AWS SDK itself looks at; null where
 * there is no sign of a region or of credentials. Asks no network: wrong credentials show as the room's state.
 */
export function awsRegion({ env, home, read }: AwsSurroundings): string | null {
  const profile = env.AWS_PROFILE ?? 'default';
  const escaped = profile.replace(/[^\w-]/g, '\\$&');
  const config = section(
    read(env.AWS_CONFIG_FILE ?? join(home, '.aws/config')),
    new RegExp(`^\\[\\s*(profile\\s+)?${escaped}\\s*\\]`),
  );
  const credentials = section(
    read(env.AWS_SHARED_CREDENTIALS_FILE ?? join(home, '.aws/credentials')),
    new RegExp(`^\\[\\s*${escaped}\\s*\\]`),
  );
  const onEc2 = /amazon ec2/i.test(read('/sys/devices/virtual/dmi/id/sys_vendor'));
  const signed =
    marks.some((name) => env[name]) ||
    credentials !== '' ||
    /^(sso_|role_arn|credential_process|aws_access_key_id)/m.test(config) ||
    (onEc2 && env.AWS_EC2_METADATA_DISABLED !== 'true');
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION || /^region\s*=\s*(\S+)/m.exec(config)?.[1];
  return signed && region ? region : null;
}
