import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as transcribe from '@aws-sdk/client-transcribe';
import * as transcribeStreaming from '@aws-sdk/client-transcribe-streaming';
import { describe, expect, test } from 'vitest';
import { entriesOf, isObject, readTemplate } from './harness/cloudformation.ts';
import { brokenCopy, problemsOf, problemsOfCopy } from './harness/cloudformation-check.ts';
import { statementsOf } from './harness/cloudformation-policies.ts';
import { at, carryOut } from './harness/cloudformation-values.ts';
import { problemsOfPermission, unexplained } from './harness/iam-reference.ts';
import { root } from './harness/programs.ts';
import { actionsOf, storeCalls } from './harness/store-calls.ts';

const text = readFileSync(join(root, 'provisioning/aws/relay.yaml'), 'utf8');
const template = readTemplate(text);

const resource = (id: string, ...path: readonly (string | number)[]) => at(template, 'Resources', id, ...path);

test('the template is what the official schemas of its resources ask for', () => {
  expect(problemsOf(template)).toEqual([]);
});

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: CloudFormation's own
describe('a broken copy of the template is refused:', () => {
  test.each<[what: string, from: string | RegExp, to: string, problem: string]>([
    ['a misspelt property', 'HttpTokens: required', 'HttpToken: required', 'HttpToken: is not known'],
    ['a misspelt type', 'AWS::EC2::LaunchTemplate', 'AWS::EC2::LaunchTemplates', 'no type of resource'],
    ['a list for a text', 'VolumeType: gp3\n      Enc', 'VolumeType: [gp3]\n      Enc', 'must be of type string'],
    ['a text for a number', 'HttpPutResponseHopLimit: 1', "HttpPutResponseHopLimit: 'one'", 'of type integer'],
    ['a text for a truth', 'AssociatePublicIpAddress: true', 'AssociatePublicIpAddress: please', 'of type boolean'],
    ['a text for a list', 'Roles: [!Ref Role]', 'Roles: !Ref Role', 'gives a string, wanted is array'],
    ['a text for a map', 'IamInstanceProfile: { Arn: !GetAtt Profile.Arn }', 'IamInstanceProfile: me', 'is no map'],
    ['nothing where something is required', '      MaxSize: "1"\n', '', 'Relay.Properties.MaxSize: is required'],
    [
      'nothing for sure',
      'GroupDescription: HTTPS from everywhere, nothing else',
      'GroupDescription: !Ref AWS::NoValue',
      'is required',
    ],
    ['a reference to nothing', 'VpcId: !Ref Network', 'VpcId: !Ref Netwrok', 'there is no Netwrok'],
    ['an attribute that is not there', '!GetAtt Profile.Arn', '!GetAtt Profile.Aarn', 'has no attribute Aarn'],
    ['a name in a text that is not there', 'arn:${AWS::Partition}:s3', 'arn:${AWS::Partiton}:s3', 'AWS::Partiton'],
    ['a name in the user data that is not there', "'${Data}'", "'${Disk}'", 'there is no Disk'],
    ['a condition that is not there', 'Condition: HasZone', 'Condition: HasZones', 'no condition HasZones'],
    [
      'a resource that is there only sometimes',
      '!If [HasEmail, [!Ref Alarms], !Ref AWS::NoValue]',
      '[!Ref Alarms]',
      'only where HasEmail',
    ],
    ['an order that is a circle', '  Gateway:\n', '  Gateway:\n    DependsOn: Relay\n', 'waits for itself'],
    ['a wait for nothing', '[DefaultRoute, SubnetRoutes]', '[DefaultRoute, SubnetRoute]', 'there is no SubnetRoute'],
    ['an unknown policy', 'DeletionPolicy: Snapshot', 'DeletionPolicy: Keep', 'DeletionPolicy: is not known'],
    ['a misspelt update policy', 'WaitOnResourceSignals', 'WaitOnSignals', 'WaitOnSignals: is not known'],
    ['a default that its own pattern refuses', 'Default: t4g.small', 'Default: t3.small', 'does not match the pattern'],
    ['a parameter that nobody uses', '!Ref LogDays', '30', 'LogDays: is a parameter without use'],
    ['a section that is not known', 'Conditions:', 'Condition:', 'template.Condition: is not known'],
  ])('%s', (_, from, to, problem) => {
    expect(problemsOfCopy(text, from, to)).toContain(problem);
  });

  test.each([
    ['a function that is not known', '!GetAtt Profile.Arn', '!Get Profile.Arn'],
    ['a key that is there twice', '  Gateway:\n', '  Network:\n'],
    ['broken YAML', 'Outputs:', 'Outputs: ['],
  ])('%s', (_, from, to) => {
    const copy = brokenCopy(text, from, to);
    expect(() => readTemplate(copy)).toThrow();
  });
});
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: CloudFormation's own

describe('what an owner may rely on', () => {
  const given = {
    ...{ DomainName: 'sala.example.org', AvailabilityZone: 'eu-south-1a', AlarmEmail: 'a@example.org' },
    ...{ ReleaseBucket: 'releases', ReleaseKey: 'sala-1.tar.gz', ReleaseSha256: '0'.repeat(64) },
  };
  const permissions = (parameters: Readonly<Record<string, string>> = {}) =>
    statementsOf(carryOut(template, { parameters: { ...given, ...parameters } }));
  const actionsIn = (service: string, statements = permissions()) =>
    statements
      .flatMap(({ actions }) => actions)
      .filter((action) => action.startsWith(`${service}:`))
      .toSorted();

  test('only port 443 is open, to IPv4 and IPv6, and there is no key for SSH', () => {
    const open = { IpProtocol: 'tcp', FromPort: 443, ToPort: 443 };
    const rules = resource('SecurityGroup', 'Properties', 'SecurityGroupIngress');
    expect(rules).toHaveLength(2);
    expect(rules).toMatchObject([
      { ...open, CidrIp: '0.0.0.0/0' },
      { ...open, CidrIpv6: '::/0' },
    ]);
    expect(text).not.toContain('KeyName');
  });

  test('the metadata service wants its token and answers no container', () => {
    expect(resource('Machine', 'Properties', 'LaunchTemplateData', 'MetadataOptions')).toMatchObject({
      HttpTokens: 'required',
      HttpPutResponseHopLimit: 1,
    });
  });

  test('every disk is encrypted, and the data outlives the stack', () => {
    expect(resource('Data', 'Properties', 'Encrypted')).toBe(true);
    expect(resource('Machine', 'Properties', 'LaunchTemplateData', 'BlockDeviceMappings', 0, 'Ebs', 'Encrypted')).toBe(
      true,
    );
    expect(resource('Data', 'DeletionPolicy')).toBe('Snapshot');
    expect(resource('Data', 'UpdateReplacePolicy')).toBe('Snapshot');
  });

  test('no permission is wider than it can be, and each that names no resource says why', () => {
    const statements = permissions({ RecordingBucket: 'talks' });
    expect(statements.length).toBeGreaterThan(8);
    expect(statements.flatMap(problemsOfPermission)).toEqual([]);
    expect(unexplained(text)).toEqual([]);
  });

  test('without a bucket for recordings the role knows no other than that of the release', () => {
    expect(actionsIn('s3')).toEqual(['s3:GetObject']);
  });

  test('with one it may what the relay does to its store, below its own event, no more and no less', () => {
    const statements = permissions({ RecordingBucket: 'talks', EventName: 'fosdem' });
    const calls = storeCalls(['relay/archive', 'relay/canonical/store-look.ts']);
    const own = statements.filter(({ resources }) => !resources.some((resource) => resource.includes('releases')));
    expect(new Set(actionsIn('s3', own))).toEqual(new Set(actionsOf(calls)));
    for (const { actions, resources } of own)
      for (const resource of resources.filter(() => actions.some((action) => action.startsWith('s3:'))))
        expect(resource).toMatch(/^arn:aws:s3:::talks(\/(recordings|transcripts)\/v1\/fosdem\/\*)?$/);
  });

  test('what the relay asks of Amazon Transcribe is what it may, no more and no less', () => {
    const sources = ['relay', 'relay/engines'].flatMap((folder) =>
      readdirSync(join(root, folder))
        .filter((name) => name.endsWith('.ts'))
        .map((name) => readFileSync(join(root, folder, name), 'utf8')),
    );
    const known = [...Object.keys(transcribe), ...Object.keys(transcribeStreaming)].filter((name) =>
      name.endsWith('Command'),
    );
    const used = new Set(
      sources.flatMap((source) => [...source.matchAll(/new (?:\w+\.)?(\w+Command)\(/g)].map(([, name = '']) => name)),
    );
    expect([...used].filter((name) => !known.includes(name))).toEqual([]);
    expect(actionsIn('transcribe')).toEqual(
      [...used].map((name) => `transcribe:${name.replace(/Command$/, '')}`).toSorted(),
    );
  });

  test('no parameter can carry anything into the shell', () => {
    for (const [name, parameter] of entriesOf(template.Parameters)) {
      if (!isObject(parameter) || parameter.Type !== 'String') continue;
      expect(typeof parameter.AllowedPattern, name).toBe('string');
      const whole = new RegExp(`^(?:${String(parameter.AllowedPattern)})$`);
      for (const evil of ["a'b", 'a"b', 'a$(b)', 'a`b`', 'a\nb', 'a b', 'a;b', 'a\\b', "Z'; reboot #"])
        expect(whole.test(evil), `${name} lets ${evil} pass`).toBe(false);
    }
  });

  test('the user data is short enough, and Bash understands it and what it calls', () => {
    const script = String(resource('Machine', 'Properties', 'LaunchTemplateData', 'UserData', 'Fn::Base64', 'Fn::Sub'));
    expect(Buffer.byteLength(script)).toBeLessThan(12_000); // of 16,384, for what is filled in
    execFileSync('bash', ['-n'], { input: script });
    for (const name of ['install.sh', 'journal-to-cloudwatch.sh'])
      execFileSync('bash', ['-n', join(root, 'provisioning/aws', name)]);
  });
});
