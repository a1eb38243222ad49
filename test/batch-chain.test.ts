/**
 * From an event of S3 to a job that ended, by our own template: rule, input, command, exits, retries, failures. What
 * stands in for the container is a line of shell. Costs 2 s.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pointerKey, recordingFolder } from '../relay/canonical/contract.ts';
import { BatchChain } from './harness/batch-chain.ts';
import { decide, exitRules } from './harness/batch-exit.ts';
import { type JsonObject, readTemplate } from './harness/cloudformation.ts';
import { account, region } from './harness/cloudformation-values.ts';
import { transformed } from './harness/event-transformer.ts';
import { root, temporaryFolder } from './harness/programs.ts';

const text = readFileSync(join(root, 'provisioning/aws/canonical.yaml'), 'utf8');
const ours = readTemplate(text);
const talk = { event: 'fosdem', room: 'main-hall', talk: '20261122-0930' };
const manifest = `${recordingFolder(talk)}manifest.json`;

let folder: ReturnType<typeof temporaryFolder>;
let chain: BatchChain;

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await chain.stop();
  folder.remove();
});

/** The chain of a template, with a line of shell for the job; `$*` are the job's own arguments. */
function start(script: string, { template = text, parameters = {}, secondMs = 1000 } = {}): BatchChain {
  chain = new BatchChain({
    template: template === text ? ours : readTemplate(template),
    parameters: { ImageDigest: `sha256:${'0'.repeat(64)}`, ...parameters },
    names: { Talks: 'talks' },
    secondMs,
    container: ([, ...args], env) => ({
      file: 'bash',
      args: ['-c', script, 'job', ...args],
      env: { PATH: process.env.PATH, FOLDER: folder.path, ...env },
    }),
  });
  return chain;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
const created = (key = manifest, { bucket = 'talks', size = 5, reason = 'PutObject' } = {}): JsonObject => ({
  version: '0',
  id: '17793124-05d4-b198-2fde-7ededc63b103',
  'detail-type': 'Object Created',
  source: 'aws.s3',
  account,
  time: '2021-11-12T00:00:00Z',
  region,
  resources: [`arn:aws:s3:::${bucket}`],
  detail: {
    version: '0',
    bucket: { name: bucket },
    object: { key, size, etag: 'b1946ac92492d2347c6235b4d2611184', sequencer: '617f08299329d189' },
    'request-id': 'N4N7GDK58NMKJ12R',
    requester: '123456789012',
    'source-ip-address': '1.2.3.4',
    reason,
  },
});
/** Empty when it ended, whether or not somebody has asked how. */
const commandOf = (pid: string) =>
  existsSync(`/proc/${pid}/cmdline`) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : '';
const failures = () => chain.queues.get('Failures') ?? [];
const states = () => chain.jobs.map(({ status, attempts }) => [status, ...attempts.map(({ exitCode }) => exitCode)]);

describe('a manifest that was uploaded', () => {
  test('becomes one job that is told its key and where it is', async () => {
    start('echo "$*"; env | grep -E "^(AWS_|SALA_)" | sort');
    expect(chain.receive(created())).toBe(1);
    await chain.settled();
    const [job, ...more] = chain.jobs;
    expect(more).toEqual([]);
    expect(job).toMatchObject({ status: 'SUCCEEDED', parameters: { manifest, engine: 'parakeet' } });
    const [args, ...env] = job?.attempts[0]?.lines ?? [];
    expect(args).toBe(
      `relay/canonical/main.ts --store s3://talks --region ${region} --manifest ${manifest} --engine parakeet --attempts 3`,
    );
    expect(env).toEqual([
      'AWS_BATCH_JOB_ATTEMPT=1',
      `AWS_BATCH_JOB_ID=${job?.id}`,
      `AWS_REGION=${region}`,
      'SALA_STREAMING=Yes',
    ]);
    expect(failures()).toEqual([]);
  });

  test('is seen whole or in parts, and in the folder of a later revision', async () => {
    start('true');
    expect(chain.receive(created(manifest, { reason: 'CompleteMultipartUpload' }))).toBe(1);
    expect(chain.receive(created(`${recordingFolder(talk, 2)}manifest.json`))).toBe(1);
    await chain.settled();
    expect(states()).toEqual([
      ['SUCCEEDED', 0],
      ['SUCCEEDED', 0],
    ]);
  });

  test.each<[string, JsonObject]>([
    ['a part', created(manifest.replace('manifest.json', 'part-0001.flac'))],
    ['the live transcript', created(manifest.replace('manifest.json', 'live.json'))],
    ['what only ends like one', created(manifest.replace('manifest.json', 'my-manifest.json'))],
    ['one with something after it', created(`${manifest}.part`)],
    ['what points to a transcript', created(pointerKey(talk))],
    ['a manifest among transcripts', created(manifest.replace('recordings', 'transcripts'))],
    ['one of another version', created(manifest.replace('v1', 'v2'))],
    ['one below another folder', created(`backup/${manifest}`)],
    ['an empty one', created(manifest, { size: 0 })],
    ['one in another bucket', created(manifest, { bucket: 'talks-of-others' })],
    ['one of another account', { ...created(), account: '999999999999' }],
    ['one that was deleted', { ...created(), 'detail-type': 'Object Deleted' }],
    ['an event that somebody made up', { ...created(), source: 'my.s3' }],
  ])('but %s is none', (_, event) => {
    start('true');
    expect(chain.receive(event)).toBe(0);
    expect(chain.jobs).toEqual([]);
  });

  test('that came twice becomes two jobs: it is for the job to do no harm', async () => {
    start('true');
    chain.receive(created());
    chain.receive(created());
    await chain.settled();
    expect(chain.jobs).toHaveLength(2);
  });
});

describe('a job', () => {
  test('that says "try again" is tried again, three times in all, and then fails loudly', async () => {
    start('exit 75');
    chain.receive(created());
    await chain.settled();
    expect(states()).toEqual([['FAILED', 75, 75, 75]]);
    expect(failures()).toMatchObject([
      { 'detail-type': 'Batch Job State Change', detail: { status: 'FAILED', parameters: { manifest } } },
    ]);
  });

  test('knows which attempt it is, and is done when one succeeds', async () => {
    start('[ $AWS_BATCH_JOB_ATTEMPT = 3 ] || exit 75');
    chain.receive(created());
    await chain.settled();
    expect(states()).toEqual([['SUCCEEDED', 75, 75, 0]]);
    expect(failures()).toEqual([]);
  });

  test.each([1, 2, 7, 65, 69, 78, 137, 143, 175])('that ends with %i fails at once and loudly', async (status) => {
    start(`exit ${status}`);
    chain.receive(created());
    await chain.settled();
    expect(states()).toEqual([['FAILED', status]]);
    expect(failures()).toHaveLength(1);
  });

  test('whose machine is taken away begins again on another, with all that it had started gone', async () => {
    start('if [ $AWS_BATCH_JOB_ATTEMPT = 1 ]; then sleep 60 & echo $! >$FOLDER/started; touch $FOLDER/runs; wait; fi');
    chain.receive(created());
    const [job] = chain.jobs;
    if (!job) throw new Error('there is no job');
    await expect.poll(() => existsSync(join(folder.path, 'runs'))).toBe(true);
    chain.loseHost(job);
    await chain.settled();
    expect(states()).toEqual([['SUCCEEDED', null, 0]]);
    expect(job.attempts[0]?.statusReason).toMatch(/^Host EC2/);
    const started = readFileSync(join(folder.path, 'started'), 'utf8').trim();
    await expect.poll(() => commandOf(started)).toBe('');
  });

  test('whose machine is reclaimed is told before, and begins again on another', async () => {
    start(
      'if [ $AWS_BATCH_JOB_ATTEMPT = 1 ]; then trap "echo told; exit 75" TERM; touch $FOLDER/runs; while :; do sleep 0.01; done; fi',
    );
    chain.receive(created());
    const [job] = chain.jobs;
    if (!job) throw new Error('there is no job');
    await expect.poll(() => existsSync(join(folder.path, 'runs'))).toBe(true);
    chain.reclaimHost(job);
    await chain.settled();
    expect(job.attempts[0]?.lines).toContain('told');
    expect(states()).toEqual([['SUCCEEDED', null, 0]]);
  });

  test.each([
    ['that hangs', 'sleep 60', 143],
    ['that says "try again" when it is told to stop', 'trap "exit 75" TERM; while :; do sleep 0.01; done', 75],
  ])('%s is ended at the limit of time, is not tried again, and fails loudly', async (_, script, status) => {
    start(script, { parameters: { MaxJobSeconds: 900 }, secondMs: 0.2 });
    chain.receive(created());
    await chain.settled();
    expect(states()).toEqual([['FAILED', status]]);
    expect(chain.jobs[0]?.statusReason).toBe('Job attempt duration exceeded timeout');
    expect(failures()).toHaveLength(1);
  });

  test('that cannot be started fails loudly', async () => {
    start('true');
    chain = new BatchChain({
      template: ours,
      parameters: { ImageDigest: `sha256:${'0'.repeat(64)}` },
      names: { Talks: 'talks' },
      container: () => ({ file: join(folder.path, 'nothing'), args: [], env: {} }),
    });
    chain.receive(created());
    await chain.settled();
    expect(states()).toEqual([['FAILED', null]]);
    expect(failures()).toHaveLength(1);
  });

  test('waits for its turn where there are more than machines', async () => {
    start('n=$(ls $FOLDER | grep -c run); touch $FOLDER/run-$$; [ $n -lt 2 ] || exit 1; sleep 0.05; rm $FOLDER/run-$$');
    expect(chain.slots).toBe(2);
    for (let i = 0; i < 5; i++) chain.receive(created(manifest.replace('0930', `093${i}`)));
    await chain.settled();
    expect(states()).toEqual(Array.from({ length: 5 }, () => ['SUCCEEDED', 0]));
  });
});

describe('an event that cannot become a job', () => {
  test('is tried again, and then lies with the failures whole', async () => {
    start('true');
    chain.refuseSubmissions(100);
    chain.receive(created());
    await chain.settled();
    expect(states()).toEqual([['SUCCEEDED', 0]]);
    chain.refuseSubmissions(1000);
    chain.receive(created());
    expect(chain.jobs).toHaveLength(1);
    expect(failures()).toEqual([created()]);
    expect(chain.lost).toEqual([]);
  });

  test.each<[what: string, from: string, to: string]>([
    ['where the rule may not submit to the queue', '                  - !GetAtt Queue.JobQueueArn\n', ''],
    ['where the rule may do another thing only', 'batch:SubmitJob', 'batch:DescribeJobs'],
  ])('lies there %s', (_, from, to) => {
    expect(text).toContain(from);
    start('true', { template: text.replace(from, to) });
    chain.receive(created());
    expect(chain.jobs).toEqual([]);
    expect(failures()).toEqual([created()]);
  });

  test.each<[what: string, from: string, to: string]>([
    [
      'the queue of failures does not admit the rule',
      '[!GetAtt Recorded.Arn, !GetAtt Failed.Arn]',
      '!GetAtt Failed.Arn',
    ],
    ['it admits nobody', 'Action: sqs:SendMessage', 'Action: sqs:ReceiveMessage'],
    ['there is none', '          DeadLetterConfig: { Arn: !GetAtt Failures.Arn }\n', ''],
  ])('is lost where %s, and that is seen here', (_, from, to) => {
    expect(text).toContain(from);
    start('true', { template: text.replace(from, to) });
    chain.refuseSubmissions(1000);
    chain.receive(created());
    expect(chain.lost).toEqual([created()]);
    chain.refuseSubmissions(0);
  });
});

describe('a mistake in the template is seen here:', () => {
  test.each<[what: string, from: string, to: string, problem: RegExp]>([
    ['a parameter that nothing gives', 'Ref::manifest', 'Ref::key', /Ref::key/],
    ['a path that is in no event', '$.detail.object.key', '$.detail.key', /detail\.key/],
    ['a variable without a path', '<key>', '<name>', /<name>/],
    ['input that is no JSON', '<key>}}', '<key>}', /JSON/],
    ['input that the service does not know', '"Parameters"', '"Params"', /Params/],
  ])('%s', (_, from, to, problem) => {
    expect(text).toContain(from);
    start('true', { template: text.replace(from, to) });
    expect(() => chain.receive(created())).toThrow(problem);
  });

  test.each<[what: string, from: string, to: string, problem: RegExp]>([
    ['an asterisk in the midst of a reason', 'Host EC2*', 'Host*EC2', /Invalid/],
    ['a sign that no reason may have', 'Host EC2*', 'Host EC2 (*', /Invalid/],
    ['a name for a status', 'OnExitCode: "75"', 'OnExitCode: "EX_TEMPFAIL"', /Invalid/],
    ['an action that there is not', 'Action: EXIT', 'Action: STOP', /Invalid/],
    ['eleven attempts', 'Attempts: 3', 'Attempts: 11', /Attempts/],
    ['a pattern that is refused', 'recordings/v1/*/', 'recordings/v1/**/', /wildcard/],
    ['no room for a job', '{ Type: VCPU, Value: "4" }', '{ Type: VCPU, Value: "64" }', /no job ever has room/],
  ])('%s', (_, from, to, problem) => {
    expect(text).toContain(from);
    start('true');
    expect(() => start('true', { template: text.replace(from, to) })).toThrow(problem);
  });

  test('exits in the wrong order: then what can never succeed is tried again', async () => {
    const last = '          - { Action: EXIT, OnReason: "*" }\n';
    expect(text).toContain(last);
    start('exit 65', { template: text.replace(last, '') });
    chain.receive(created());
    await chain.settled();
    expect(states()).toEqual([['FAILED', 65, 65, 65]]);
  });
});

describe('the documented examples', () => {
  test('of what is done when an attempt ended (job_retries)', () => {
    const rules = exitRules.parse([
      { Action: 'RETRY', OnReason: 'AGENT' },
      { Action: 'RETRY', OnStatusReason: 'Task failed to start' },
      { Action: 'EXIT', OnReason: '*' },
    ]);
    const outcome = { exitCode: 1, statusReason: 'Essential container in task exited', reason: null };
    expect(decide(rules, outcome)).toBe('EXIT');
    expect(decide(rules, { ...outcome, reason: 'AGENT' })).toBe('RETRY');
    expect(decide(rules, { ...outcome, statusReason: 'Task failed to start' })).toBe('RETRY');
    expect(decide(rules.slice(0, 2), outcome)).toBe('RETRY');
  });

  test('all conditions of a rule have to hold, and an asterisk stands for what follows', () => {
    const rules = exitRules.parse([
      { Action: 'exit', OnExitCode: '13*', OnStatusReason: 'Essential*' },
      { Action: 'RETRY', OnReason: '*' },
    ]);
    const outcome = { exitCode: 137, statusReason: 'Essential container in task exited', reason: null };
    expect(decide(rules, outcome)).toBe('EXIT');
    expect(decide(rules, { ...outcome, exitCode: 13 })).toBe('EXIT');
    expect(decide(rules, { ...outcome, exitCode: 1 })).toBe('RETRY');
    expect(decide(rules, { ...outcome, statusReason: 'Host EC2' })).toBe('RETRY');
  });

  test('of input that is made of an event (InputTransformer)', () => {
    const InputPathsMap = { instance: '$.detail.instance', status: '$.detail.status' };
    const InputTemplate = '{"myInstance": <instance>,"myStatus": "<instance> is in state \\"<status>\\""}';
    expect(transformed({ InputPathsMap, InputTemplate }, { detail: { instance: 'i-1', status: 'RUNNING' } })).toEqual({
      myInstance: 'i-1',
      myStatus: 'i-1 is in state "RUNNING"',
    });
  });

  test('a key with signs of JSON in it stays a key', () => {
    const InputTemplate = '{"Parameters": {"manifest": <key>, "also": "<key>"}}';
    const key = 'a"b\\c<key>\n';
    expect(transformed({ InputPathsMap: { key: '$.key' }, InputTemplate }, { key })).toEqual({
      Parameters: { manifest: key, also: key },
    });
  });
});
