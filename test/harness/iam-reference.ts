/**
 * Which resources the actions that we use can be bound to, and so what is wrong with a permission. Taken from Amazon's
 * Service Authorization Reference (https://docs.aws.amazon.com/service-authorization/latest/reference/), as it was on
 * 2026-09-26; what a policy uses besides has to be looked up and entered here.
 */
import type { Statement } from './cloudformation-policies.ts';

/** `NAME` begins with no asterisk; `ANY` is a name that nobody can know beforehand, or the wildcard for it. */
const kinds = {
  bucket: 'arn:aws:s3:::BUCKET',
  object: 'arn:aws:s3:::BUCKET/NAME',
  queue: 'arn:aws:sqs:PLACE:NAME',
  secret: 'arn:aws:secretsmanager:PLACE:secret:NAME|arn:aws:secretsmanager:PLACE:NAME',
  stack: 'arn:aws:cloudformation:PLACE:stack/NAME',
  repository: 'arn:aws:ecr:PLACE:repository/NAME',
  logStream: 'arn:aws:logs:PLACE:log-group:NAME:ANY',
  jobDefinition: 'arn:aws:batch:PLACE:job-definition/NAME',
  jobQueue: 'arn:aws:batch:PLACE:job-queue/NAME',
  vocabulary: 'arn:aws:transcribe:PLACE:vocabulary/NAME',
  cluster: 'arn:aws:ecs:PLACE:cluster/NAME',
  containerInstance: 'arn:aws:ecs:PLACE:container-instance/NAME/ANY',
  volume: 'arn:aws:ec2:PLACE:volume/NAME',
  address: 'arn:aws:ec2:PLACE:elastic-ip/NAME',
  // Machines come and go, each with a name of its own; so do jobs.
  instance: 'arn:aws:ec2:PLACE:instance/ANY',
  networkInterface: 'arn:aws:ec2:PLACE:network-interface/ANY',
  job: 'arn:aws:batch:PLACE:job/ANY',
} as const;
type Kind = keyof typeof kinds;

/** None: the service binds the action to no resource. */
const actions: Readonly<Record<string, readonly Kind[]>> = {
  'batch:SubmitJob': ['jobDefinition', 'jobQueue', 'job'],
  'cloudformation:SignalResource': ['stack'],
  // It also knows data sets, which we do not have.
  'cloudwatch:PutMetricData': [],
  'ec2:AssociateAddress': ['address', 'instance', 'networkInterface'],
  'ec2:AttachVolume': ['instance', 'volume'],
  'ecr:BatchCheckLayerAvailability': ['repository'],
  'ecr:BatchGetImage': ['repository'],
  'ecr:GetAuthorizationToken': [],
  'ecr:GetDownloadUrlForLayer': ['repository'],
  'ecs:DeregisterContainerInstance': ['cluster'],
  'ecs:DiscoverPollEndpoint': [],
  'ecs:Poll': ['containerInstance'],
  'ecs:RegisterContainerInstance': ['cluster'],
  'ecs:StartTelemetrySession': ['containerInstance'],
  'ecs:SubmitAttachmentStateChanges': ['cluster'],
  'ecs:SubmitContainerStateChange': ['cluster'],
  'ecs:SubmitTaskStateChange': ['cluster'],
  'ecs:UpdateContainerInstancesState': ['containerInstance'],
  'logs:CreateLogStream': ['logStream'],
  'logs:PutLogEvents': ['logStream'],
  's3:AbortMultipartUpload': ['object'],
  's3:DeleteObject': ['object'],
  's3:GetObject': ['object'],
  's3:ListBucket': ['bucket'],
  's3:ListMultipartUploadParts': ['object'],
  's3:PutObject': ['object'],
  'secretsmanager:GetSecretValue': ['secret'],
  'sqs:SendMessage': ['queue'],
  // It also knows instances, but Amazon's own policy for Session Manager does not name them.
  'ssm:UpdateInstanceInformation': [],
  'ssmmessages:CreateControlChannel': [],
  'ssmmessages:CreateDataChannel': [],
  'ssmmessages:OpenControlChannel': [],
  'ssmmessages:OpenDataChannel': [],
  'transcribe:CreateVocabulary': [],
  'transcribe:DeleteVocabulary': ['vocabulary'],
  'transcribe:GetVocabulary': ['vocabulary'],
  'transcribe:ListVocabularies': [],
  'transcribe:StartStreamTranscription': [],
};

const patterns = Object.fromEntries(
  Object.entries(kinds).map(([kind, format]) => [
    kind,
    new RegExp(
      `^(?:${format
        .replaceAll('PLACE', '[a-z0-9-]+:\\d{12}')
        .replaceAll('BUCKET', '[^*/]+')
        .replaceAll('NAME', '[^*].*')
        .replaceAll('ANY', '.+')})$`,
    ),
  ]),
);
const fits = (kind: Kind, resource: string) => patterns[kind]?.test(resource) === true;

/** What of a permission is unknown, wider than need be, or of no effect. Refusals are as wide as they like. */
export function problemsOfPermission({ of, effect, actions: given, resources, condition }: Statement): string[] {
  if (effect !== 'Allow') return [];
  const problems: string[] = [];
  const say = (what: string, problem: string) => problems.push(`${of}: ${what} ${problem}`);
  for (const action of given) {
    const bindable = actions[action];
    if (bindable === undefined) say(action, 'is not in the reference');
    else if (bindable.length === 0 && !resources.includes('*')) say(action, 'has no effect: it knows no resource');
    else if (
      bindable.length > 0 &&
      !resources.some((each) => each === '*' || bindable.some((kind) => fits(kind, each)))
    )
      say(action, 'has no effect on what it is bound to');
    if (resources.includes('*') && bindable?.length !== 0) say(action, 'can be bound to a resource');
    if (action === 'cloudwatch:PutMetricData' && condition === null) say(action, 'can be bound to a namespace');
  }
  const useful = given.flatMap((action) => actions[action] ?? []);
  for (const resource of resources)
    if (resource !== '*' && !useful.some((kind) => fits(kind, resource)))
      say(resource, 'is no resource of these actions');
  return problems;
}

/** Lines of a template that open every resource of a service, and do not say why above their statement or policy. */
export function unexplained(template: string): string[] {
  const lines = template.split('\n');
  const isComment = (i: number) => lines[i]?.trim().startsWith('#') === true;
  return lines.flatMap((line, i) => {
    if (!/^\s*Resource: "\*"/.test(line)) return [];
    const statement = lines.findLastIndex((each, at) => at < i && each.trim().startsWith('- Effect:'));
    if (isComment(statement - 1)) return [];
    const isFirst = lines[statement - 1]?.trim() === 'Statement:';
    const policy = lines.findLastIndex((each, at) => at < statement && each.trim().startsWith('- PolicyName:'));
    return isFirst && isComment(policy - 1) ? [] : [`${i + 1}: ${line.trim()}`];
  });
}
