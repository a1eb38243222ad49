/** The stack that transcribes recordings again: its template against what it must be, and broken copies. Costs 3 s. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { jobSettings } from '../relay/canonical/job-settings.ts';
import { readConfiguration } from '../systemd/configuration.ts';
import { entriesOf, isObject, type Json, readTemplate } from './harness/cloudformation.ts';
import { brokenCopy, problemsOf, problemsOfCopy } from './harness/cloudformation-check.ts';
import { mayRole, statementsOf } from './harness/cloudformation-policies.ts';
import { at, carryOut } from './harness/cloudformation-values.ts';
import { problemsOfPermission, unexplained } from './harness/iam-reference.ts';
import { root } from './harness/programs.ts';
import { actionsOf, storeCalls } from './harness/store-calls.ts';
import { beyondRights } from './harness/store-rights.ts';

const text = readFileSync(join(root, 'provisioning/aws/canonical.yaml'), 'utf8');
const template = readTemplate(text);
const ImageDigest = `sha256:${'0'.repeat(64)}`;
const talks = 'arn:aws:s3:::talks';

const stackOf = (parameters: Readonly<Record<string, Json>> = {}, of = text) =>
  carryOut(readTemplate(of), {
    parameters: { ImageDigest, AlarmEmail: 'a@example.org', ...parameters },
    names: { Talks: 'talks' },
  });
const stack = stackOf();
const of = (id: string, ...path: readonly (string | number)[]) => at(stack.resources.get(id)?.properties, ...path);

test('the template is what the official schemas of its resources ask for', () => {
  expect(problemsOf(template)).toEqual([]);
});

describe('a broken copy of the template is refused:', () => {
  test.each<[what: string, from: string, to: string, problem: string]>([
    ['a misspelt strategy of retries', 'EvaluateOnExit:', 'EvaluateOnExits:', 'EvaluateOnExits: is not known'],
    ['a rule of exits without an action', '{ Action: RETRY, OnExitCode: "75" }', '{ OnExitCode: "75" }', 'is required'],
    ['a misspelt time limit', 'AttemptDurationSeconds', 'AttemptDuration', 'AttemptDuration: is not known'],
    ['no image', '        Image: !Sub', '        Images: !Sub', 'Image: is required'],
    ['a target without a job definition', 'JobDefinition: !Ref Job', 'Definition: !Ref Job', 'is required'],
    ['a list of vCPU', 'MaxvCpus: !Ref MaxvCpus', 'MaxvCpus: [8]', 'must be of type integer'],
    ['one type for many', 'InstanceTypes: !Ref InstanceTypes', 'InstanceTypes: g6.xlarge', 'must be a list'],
    ['a reference to nothing', '!GetAtt Failures.Arn', '!GetAtt Failure.Arn', 'there is no Failure'],
    ['a misspelt attribute', '!GetAtt Queue.JobQueueArn', '!GetAtt Queue.Arn', 'has no attribute Arn'],
    ['a bucket that nobody hears', 'EventBridgeEnabled', 'Enabled', 'Enabled: is not known'],
    ['an alarm for nobody', '!If [HasEmail, [!Ref Alarms], !Ref AWS::NoValue]', '[!Ref Alarms]', 'only where HasEmail'],
    ['a circle', '  Failures:\n    Type', '  Failures:\n    DependsOn: Recorded\n    Type', 'waits for itself'],
    ['an engine that there is not', 'Default: parakeet', 'Default: parrot', 'does not match the pattern'],
    [
      'a parameter without use',
      'Value: !Ref EnableStreaming',
      'Value: "Yes"',
      'EnableStreaming: is a parameter without use',
    ],
  ])('%s', (_, from, to, problem) => {
    expect(problemsOfCopy(text, from, to)).toContain(problem);
  });
});

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: CloudFormation's own
describe('permissions', () => {
  test('are no wider than they can be, and each that names no resource says why', () => {
    const statements = statementsOf(stack);
    expect(statements.filter(({ effect }) => effect === 'Allow').length).toBeGreaterThan(9);
    expect(statements.flatMap(problemsOfPermission)).toEqual([]);
    expect(unexplained(text)).toEqual([]);
    expect(text).not.toMatch(/ManagedPolicyArns|arn:aws:/);
  });

  test.each<[what: string, from: string, to: string, problem: string]>([
    ['every action of a service', 'Action: batch:SubmitJob', 'Action: "batch:*"', 'batch:* is not in the reference'],
    ['every action there is', 'Action: batch:SubmitJob', 'Action: "*"', '* is not in the reference'],
    ['a misspelt action', 'Action: s3:ListBucket', 'Action: s3:ListObjects', 'is not in the reference'],
    [
      'every object of every bucket',
      '[!Sub "${Talks.Arn}/recordings/v1/*", !Sub "${Talks.Arn}/transcripts/v1/*"]',
      '"*"',
      's3:GetObject can be bound to a resource',
    ],
    [
      'every object of the bucket',
      '[!Sub "${Talks.Arn}/recordings/v1/*", !Sub "${Talks.Arn}/transcripts/v1/*"]',
      '!Sub "${Talks.Arn}/*"',
      's3:GetObject has no effect',
    ],
    ['every bucket', '!Sub "${Talks.Arn}/transcripts/v1/*"\n', '"arn:aws:s3:::*/transcripts/v1/*"\n', 'has no effect'],
    [
      'a listing of objects, which lists nothing',
      'Resource: !GetAtt Talks.Arn\n',
      'Resource: !Sub "${Talks.Arn}/*"\n',
      'has no effect',
    ],
    ['every image', 'repository/${Repository}', 'repository/*', 'has no effect'],
    ['every cluster', 'cluster/AWSBatch-${AWS::StackName}-machines-*', 'cluster/*', 'has no effect'],
    ['a resource of another kind', 'ecr:${AWS::Region}', 'ecs:${AWS::Region}', 'is no resource of these actions'],
    [
      'metrics of everybody',
      '                Condition: { StringEquals: { cloudwatch:namespace: !Sub "Sala/${AWS::StackName}" } }\n',
      '',
      'can be bound to a namespace',
    ],
    [
      'more where nothing can be bound',
      '[ecs:DiscoverPollEndpoint, ecr:GetAuthorizationToken]',
      '[ecs:DiscoverPollEndpoint, ecr:BatchGetImage]',
      'ecr:BatchGetImage can be bound',
    ],
  ])('that are too wide, or of no effect, are seen: %s', (_, from, to, problem) => {
    expect(
      statementsOf(stackOf({}, brokenCopy(text, from, to)))
        .flatMap(problemsOfPermission)
        .join('\n'),
    ).toContain(problem);
  });

  test.each(['# The service binds neither to a resource.', '# CloudWatch binds it to no resource;'])(
    'an opening without a word of why is seen: %s',
    (comment) => {
      const line = text.split('\n').find((each) => each.includes(comment));
      expect(unexplained(brokenCopy(text, `${line}\n`, ''))).toHaveLength(1);
    },
  );

  test('of the job are what it does to its store, no more and no less', () => {
    const calls = storeCalls(['audio', 'job', 'publishing'].map((name) => `relay/canonical/${name}.ts`));
    const own = statementsOf(stack).filter((statement) => statement.of === 'JobRole');
    expect(new Set(own.flatMap(({ actions }) => actions))).toEqual(new Set(actionsOf(calls)));
  });

  test.each<[action: string, resource: string, may: boolean]>([
    ['s3:GetObject', `${talks}/recordings/v1/fosdem/main/1/part-0001.flac`, true],
    ['s3:PutObject', `${talks}/transcripts/v1/fosdem/main/1/canonical.json`, true],
    ['s3:DeleteObject', `${talks}/transcripts/v1/fosdem/main/1/canonical.json`, true],
    ['s3:PutObject', `${talks}/recordings/v1/fosdem/main/1/manifest.json`, false],
    ['s3:DeleteObject', `${talks}/recordings/v1/fosdem/main/1/part-0001.flac`, false],
    ['s3:GetObject', `${talks}-of-others/recordings/v1/fosdem/main/1/part-0001.flac`, false],
    ['s3:PutBucketPolicy', talks, false],
    ['sts:AssumeRole', 'arn:aws:iam::111122223333:role/sala-MachineRole', false],
  ])('let the job do %s with %s: %s', (action, resource, may) => {
    expect(mayRole(stack, 'JobRole', action, resource)).toBe(may);
  });

  test('that were not enough for what a program asked are seen', () => {
    const asked = (
      agent: string,
      operation: 'GetObject' | 'PutObject' | 'DeleteObject',
      key: string,
      status = 200,
    ) => ({
      ...{ operation, key, status },
      headers: { 'user-agent': `aws-sdk-js/3 lang/js ${agent}` },
    });
    const [recording, transcript] = ['recordings/v1/conf/a/b/live.json', 'transcripts/v1/conf/a/b/canonical.json'];
    expect(
      beyondRights([
        asked('app/job', 'GetObject', recording),
        asked('app/job', 'PutObject', transcript),
        asked('app/relay', 'PutObject', recording),
        asked('app/relay', 'DeleteObject', transcript, 404),
        asked('app/job', 'DeleteObject', recording),
        asked('app/relay', 'PutObject', transcript),
        asked('app/relay', 'GetObject', recording.replace('conf', 'others')),
        asked('', 'GetObject', recording),
      ]),
    ).toEqual([
      `job: s3:DeleteObject ${recording}`,
      `relay: s3:PutObject ${transcript}`,
      'relay: s3:GetObject recordings/v1/others/a/b/live.json',
      `nobody knows who asked: GetObject ${recording}`,
    ]);
  });

  test('of the machines reach no talk', () => {
    for (const action of ['s3:GetObject', 's3:PutObject', 's3:ListBucket'])
      expect(mayRole(stack, 'MachineRole', action, `${talks}/recordings/v1/x`)).toBe(false);
  });

  test('are taken on by whom they are for, in this account', () => {
    const trusted = [...stack.resources]
      .filter(([, { type }]) => type === 'AWS::IAM::Role')
      .map(([id, { properties }]) => [id, at(properties, 'AssumeRolePolicyDocument', 'Statement', 0)] as const);
    expect(Object.fromEntries(trusted.map(([id, each]) => [id, at(each, 'Principal', 'Service')]))).toEqual({
      SubmitRole: 'events.amazonaws.com',
      JobRole: 'ecs-tasks.amazonaws.com',
      MachineRole: 'ec2.amazonaws.com',
    });
    for (const [id, each] of trusted)
      expect(at(each, 'Condition', 'StringEquals', 'aws:SourceAccount'), id).toBe(
        id === 'MachineRole' ? undefined : '111122223333',
      );
  });
});
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: CloudFormation's own

describe('what an owner may rely on', () => {
  test('recordings are reached by TLS alone, encrypted, public to nobody, and without old versions of what was deleted', () => {
    for (const [name, value] of entriesOf(of('Talks', 'PublicAccessBlockConfiguration')))
      expect(value, name).toBe(true);
    expect(entriesOf(of('Talks', 'PublicAccessBlockConfiguration'))).toHaveLength(4);
    expect(JSON.stringify(of('Talks', 'BucketEncryption'))).toContain('"SSEAlgorithm":"AES256"');
    expect(of('Talks', 'VersioningConfiguration')).toBeUndefined();
    expect(of('TalksPolicy', 'Bucket')).toBe('talks');
    for (const [id, resources] of [
      ['TalksPolicy', [talks, `${talks}/*`]],
      ['FailuresPolicy', stack.arnOf('Failures')],
    ] as const)
      expect(of(id, 'PolicyDocument', 'Statement')).toContainEqual({
        ...{ Effect: 'Deny', Principal: '*', Action: id === 'TalksPolicy' ? 's3:*' : 'sqs:*', Resource: resources },
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      });
  });

  test('the bucket outlives the stack, ends what was never uploaded whole, and old recordings when that is wanted', () => {
    expect(at(template, 'Resources', 'Talks', 'DeletionPolicy')).toBe('Retain');
    expect(at(template, 'Resources', 'Talks', 'UpdateReplacePolicy')).toBe('Retain');
    const rules = (days: number) =>
      at(stackOf({ RecordingDays: days }).resources.get('Talks')?.properties, 'LifecycleConfiguration', 'Rules');
    const unfinished = { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 14 } };
    expect(rules(0)).toMatchObject([unfinished]);
    expect(rules(0)).toHaveLength(1);
    expect(rules(30)).toMatchObject([unfinished, { Status: 'Enabled', Prefix: 'recordings/', ExpirationInDays: 30 }]);
  });

  test('machines are on Spot or not, come with the first job, are few, and go', () => {
    const machines = (parameters = {}) =>
      at(stackOf(parameters).resources.get('Machines')?.properties, 'ComputeResources');
    expect(machines()).toMatchObject({
      ...{ Type: 'SPOT', AllocationStrategy: 'SPOT_PRICE_CAPACITY_OPTIMIZED', BidPercentage: 100 },
      ...{ MinvCpus: 0, MaxvCpus: 8, InstanceTypes: ['g6.xlarge', 'g5.xlarge'] },
    });
    const onDemand = machines({ UseSpotInstances: 'No' });
    expect(onDemand).toMatchObject({ Type: 'EC2', AllocationStrategy: 'BEST_FIT_PROGRESSIVE', MinvCpus: 0 });
    expect(onDemand).not.toHaveProperty('BidPercentage');
    expect(onDemand).not.toHaveProperty('DesiredvCpus');
  });

  test('nothing comes in to a machine, its disk is encrypted, its metadata want a token', () => {
    expect(of('SecurityGroup', 'SecurityGroupIngress')).toBeUndefined();
    expect(of('SecurityGroup', 'SecurityGroupEgress')).toMatchObject([{ FromPort: 443, ToPort: 443 }]);
    expect(of('Machine', 'LaunchTemplateData', 'BlockDeviceMappings', 0, 'Ebs', 'Encrypted')).toBe(true);
    expect(of('Machine', 'LaunchTemplateData', 'MetadataOptions')).toMatchObject({
      ...{ HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
    });
    expect(text).not.toMatch(/KeyName|Ec2KeyPair|Privileged/);
  });

  test('a job fits the smallest of the machines, and only its own image is ever run', () => {
    expect(of('Job', 'ContainerProperties', 'ResourceRequirements')).toEqual([
      { Type: 'GPU', Value: '1' },
      { Type: 'VCPU', Value: '4' },
      { Type: 'MEMORY', Value: '14336' },
    ]);
    expect(of('Job', 'ContainerProperties', 'Image')).toBe(
      `111122223333.dkr.ecr.eu-south-1.amazonaws.com/sala-canonical@${ImageDigest}`,
    );
  });

  test.each(['Yes', 'No'])(
    'the job understands what it is told, streaming "%s", and knows how often it is tried',
    (streaming) => {
      const job = stackOf({ EnableStreaming: streaming, Engine: 'whisper' }).resources.get('Job')?.properties;
      const list = (value: Json | undefined) => (Array.isArray(value) ? value : []);
      const [node, program, ...args] = list(at(job, 'ContainerProperties', 'Command')).map((part: Json) =>
        String(part)
          .replace('Ref::manifest', 'recordings/v1/fosdem/main/20261122-0930/manifest.json')
          .replace('Ref::engine', String(at(job, 'Parameters', 'engine'))),
      );
      expect([node, program]).toEqual(['node', 'relay/canonical/main.ts']);
      const env = Object.fromEntries(
        list(at(job, 'ContainerProperties', 'Environment')).map((each: Json) => [at(each, 'Name'), at(each, 'Value')]),
      );
      const read = readConfiguration(jobSettings, { usage: '', summary: '' }, args, env);
      expect(read).toMatchObject({
        settings: {
          ...{ store: 's3://talks', region: 'eu-south-1', engine: 'whisper', streaming: streaming.toLowerCase() },
          attempts: at(job, 'RetryStrategy', 'Attempts'),
        },
      });
      expect(env.AWS_REGION).toBe('eu-south-1');
    },
  );

  test('no parameter can carry anything into what a machine runs', () => {
    for (const [name, parameter] of entriesOf(template.Parameters)) {
      if (!isObject(parameter) || parameter.Type !== 'String' || parameter.AllowedValues !== undefined) continue;
      expect(typeof parameter.AllowedPattern, name).toBe('string');
      const whole = new RegExp(`^(?:${String(parameter.AllowedPattern)})$`);
      for (const evil of ["a'b", 'a"b', 'a$(b)', 'a`b`', 'a\nb', 'a b', 'a;b', 'a\\b'])
        expect(whole.test(evil), `${name} lets ${evil} pass`).toBe(false);
    }
  });

  test('Bash understands what a machine begins with, and the metrics are JSON of this stack', () => {
    const data = String(of('Machine', 'LaunchTemplateData', 'UserData'));
    expect(data).toMatch(/^MIME-Version: 1\.0\nContent-Type: multipart\/mixed; boundary="\/\/"\n\n--\/\/\n/);
    expect(data.trimEnd()).toMatch(/\n--\/\/--$/);
    const script = /\n(#!\/bin\/bash\n.*)\n--\/\/--/s.exec(data)?.[1] ?? '';
    execFileSync('bash', ['-n'], { input: script });
    const metrics: Json = JSON.parse(/<<'END'\n(.*?)\nEND\n/s.exec(script)?.[1] ?? '');
    expect(at(metrics, 'metrics', 'namespace')).toBe('Sala/sala');
    expect(at(metrics, 'metrics', 'metrics_collected', 'nvidia_gpu', 'measurement')).toContain('utilization_gpu');
  });
});
