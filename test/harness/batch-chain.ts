/**
 * EventBridge and AWS Batch as far as a stack of ours uses them, carried out by the stack's own template: an event, the
 * rules that match it, the input that is made of it, a job, its command as a process, what is done when that ends.
 * Sources: https://docs.aws.amazon.com/batch/latest/userguide/ (job_retries, job_timeouts, example-use-parameters,
 * batch-cwe-target, batch_job_events) and https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html.
 * Other than there: repetitions follow at once, and what a template can never mean throws.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type Attempt, BatchAttempt, type Container } from './batch-attempt.ts';
import { decide, type ExitRule, exitRules } from './batch-exit.ts';
import type { Json, JsonObject } from './cloudformation.ts';
import { mayRole, mayService } from './cloudformation-policies.ts';
import { account, at, carryOut, region, type Stack, type StackOrder } from './cloudformation-values.ts';
import { eventMatcher } from './event-pattern.ts';
import { transformed } from './event-transformer.ts';

export interface ChainOrder extends StackOrder {
  readonly template: JsonObject;
  readonly container: Container;
  /** How long a second of the template's time limits takes here, in ms. */
  readonly secondMs?: number;
}

export interface BatchJob {
  readonly id: string;
  readonly name: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly attempts: readonly Attempt[];
  readonly status: 'RUNNABLE' | 'RUNNING' | 'SUCCEEDED' | 'FAILED';
  readonly statusReason: string;
}

const target = z.object({
  Id: z.string(),
  Arn: z.string(),
  RoleArn: z.string().optional(),
  BatchParameters: z
    .object({ JobDefinition: z.string(), JobName: z.string().regex(/^[A-Za-z0-9][\w-]{0,127}$/) })
    .optional(),
  InputTransformer: z.object({ InputPathsMap: z.record(z.string(), z.string()), InputTemplate: z.string() }).optional(),
  RetryPolicy: z.object({ MaximumRetryAttempts: z.int().min(0).max(185) }).optional(),
  DeadLetterConfig: z.object({ Arn: z.string() }).optional(),
});
const definition = z.object({
  Parameters: z.record(z.string(), z.string()).default({}),
  ContainerProperties: z.object({
    Command: z.array(z.string()),
    Environment: z.array(z.object({ Name: z.string(), Value: z.string() })).default([]),
    ResourceRequirements: z.array(z.object({ Type: z.string(), Value: z.string() })),
  }),
  RetryStrategy: z.object({ Attempts: z.int().min(1).max(10), EvaluateOnExit: exitRules }),
  Timeout: z.object({ AttemptDurationSeconds: z.int().min(60) }),
});
const submission = z.strictObject({ Parameters: z.record(z.string(), z.string()).default({}) });

interface Rule {
  readonly id: string;
  readonly arn: string;
  readonly matches: (event: Json) => boolean;
  readonly targets: readonly z.infer<typeof target>[];
}

interface RunningJob extends BatchJob {
  attempts: Attempt[];
  status: BatchJob['status'];
  statusReason: string;
  running: BatchAttempt | null;
}

/** The service gives a container 30 s to end by itself. */
const graceSeconds = 30;

export class BatchChain {
  readonly stack: Stack;
  readonly #jobs: RunningJob[] = [];
  /** What lies in queues, by their logical ids. */
  readonly queues = new Map<string, JsonObject[]>();
  /** Events that were matched and then lost, as nothing took them. */
  readonly lost: JsonObject[] = [];
  readonly #container: Container;
  readonly #secondMs: number;
  readonly #rules: readonly Rule[];
  readonly #queue: string;
  readonly #definition: z.infer<typeof definition>;
  readonly #exits: readonly ExitRule[];
  /** How many talks are worked on at a time. */
  readonly slots: number;
  readonly #idle: (() => void)[] = [];
  #refusals = 0;
  #stopped = false;

  /** @throws where the template has not one job definition, or holds what the services would refuse */
  constructor({ template, container, secondMs = 1000, ...order }: ChainOrder) {
    this.stack = carryOut(template, order);
    this.#container = container;
    this.#secondMs = secondMs;
    this.#queue = this.#only('AWS::Batch::JobQueue').id;
    this.#definition = definition.parse(this.#only('AWS::Batch::JobDefinition').properties);
    this.#exits = this.#definition.RetryStrategy.EvaluateOnExit;
    const most = Number(at(this.#only('AWS::Batch::ComputeEnvironment').properties, 'ComputeResources', 'MaxvCpus'));
    const each = this.#definition.ContainerProperties.ResourceRequirements.find(({ Type }) => Type === 'VCPU');
    this.slots = Math.floor(most / Number(each?.Value));
    if (!(this.slots >= 1)) throw new Error('no job ever has room among the vCPU');
    this.#rules = this.#of('AWS::Events::Rule').map(({ id, properties }) => ({
      id,
      arn: this.stack.arnOf(id),
      matches: eventMatcher(properties.EventPattern ?? null),
      targets: z.array(target).min(1).max(5).parse(properties.Targets),
    }));
    for (const { id } of this.#of('AWS::SQS::Queue')) this.queues.set(id, []);
  }

  /** In the order in which they were submitted. */
  get jobs(): readonly BatchJob[] {
    return this.#jobs;
  }

  /** An event on the account's bus; how many rules matched it. */
  receive(event: JsonObject): number {
    const matching = this.#rules.filter(({ matches }) => matches(event));
    for (const rule of matching) for (const each of rule.targets) this.#deliver(rule, each, event);
    return matching.length;
  }

  /** The next `count` calls that submit a job are refused, as by a service that is not well. */
  refuseSubmissions(count: number): void {
    this.#refusals = count;
  }

  /** The machine on which the job runs is taken away: its processes get no chance. */
  loseHost(job: BatchJob): void {
    this.#jobs.find(({ id }) => id === job.id)?.running?.loseHost();
  }

  /** The machine is told to shut down, as when a Spot instance is reclaimed: SIGTERM, and 30 s later it is gone. */
  reclaimHost(job: BatchJob): void {
    this.#jobs.find(({ id }) => id === job.id)?.running?.reclaimHost(graceSeconds * this.#secondMs);
  }

  /** Every job has ended, those included that came meanwhile. */
  async settled(): Promise<void> {
    while (this.#jobs.some(({ status }) => status === 'RUNNABLE' || status === 'RUNNING'))
      await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Ends what runs; nothing is begun any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const job of this.#jobs) {
      if (job.status === 'RUNNABLE') this.#end(job, 'FAILED', 'stopped');
      job.running?.loseHost();
    }
    await this.settled();
  }

  #deliver(rule: Rule, to: z.infer<typeof target>, event: JsonObject): void {
    const input = to.InputTransformer ? transformed(to.InputTransformer, event) : event;
    const tries = 1 + (to.RetryPolicy?.MaximumRetryAttempts ?? 185);
    for (let i = 0; i < tries; i++) if (this.#give(rule, to, input)) return;
    if (!to.DeadLetterConfig || !this.#put(rule, to.DeadLetterConfig.Arn, event)) this.lost.push(event);
  }

  #give(rule: Rule, to: z.infer<typeof target>, input: JsonObject): boolean {
    if (!to.BatchParameters) return this.#put(rule, to.Arn, input);
    const { JobDefinition, JobName } = to.BatchParameters;
    const role = this.#of('AWS::IAM::Role').find(({ id }) => to.RoleArn === this.stack.arnOf(id))?.id;
    const isAllowed = [JobDefinition, to.Arn].every((arn) => mayRole(this.stack, role ?? '', 'batch:SubmitJob', arn));
    if (!isAllowed || this.#refusals-- > 0) return false;
    this.#refusals = 0;
    this.#submit(JobName, submission.parse(input).Parameters);
    return true;
  }

  /** Into a queue that admits the rule. */
  #put(rule: Rule, arn: string, message: JsonObject): boolean {
    const id = [...this.queues.keys()].find((each) => arn === this.stack.arnOf(each));
    if (id === undefined || !mayService(this.stack, 'events.amazonaws.com', 'sqs:SendMessage', arn, rule.arn))
      return false;
    this.queues.get(id)?.push(message);
    return true;
  }

  #submit(name: string, given: Readonly<Record<string, string>>): void {
    const parameters = { ...this.#definition.Parameters, ...given };
    const command = this.#definition.ContainerProperties.Command.map((part) => {
      if (!part.includes('Ref::')) return part;
      const value = parameters[part.replace(/^Ref::/, '')];
      if (value === undefined) throw new Error(`nothing gives ${part} of the command a value`);
      return value;
    });
    this.#jobs.push({
      ...{ id: randomUUID(), name, parameters, command },
      ...{ attempts: [], status: 'RUNNABLE', statusReason: '', running: null },
    });
    this.#begin();
  }

  #begin(): void {
    const running = this.#jobs.filter(({ status }) => status === 'RUNNING').length;
    const next = this.#jobs.filter(({ status }) => status === 'RUNNABLE').slice(0, Math.max(0, this.slots - running));
    if (!this.#stopped) for (const job of next) void this.#run(job);
  }

  async #run(job: RunningJob): Promise<void> {
    job.status = 'RUNNING';
    const { RetryStrategy, Timeout, ContainerProperties } = this.#definition;
    const own = Object.fromEntries(ContainerProperties.Environment.map(({ Name, Value }) => [Name, Value]));
    const env = { ...own, AWS_BATCH_JOB_ID: job.id, AWS_BATCH_JOB_ATTEMPT: String(job.attempts.length + 1) };
    job.running = new BatchAttempt(this.#container(job.command, env), {
      limitMs: Timeout.AttemptDurationSeconds * this.#secondMs,
      graceMs: graceSeconds * this.#secondMs,
    });
    const attempt = await job.running.ended;
    job.running = null;
    job.attempts.push(attempt);
    const isLast = job.attempts.length >= RetryStrategy.Attempts || attempt.timedOut || this.#stopped;
    if (attempt.exitCode === 0) this.#end(job, 'SUCCEEDED', attempt.statusReason);
    else if (isLast || decide(this.#exits, attempt) === 'EXIT') this.#end(job, 'FAILED', attempt.statusReason);
    else job.status = 'RUNNABLE';
    this.#begin();
  }

  #end(job: RunningJob, status: 'SUCCEEDED' | 'FAILED', statusReason: string): void {
    job.status = status;
    job.statusReason = statusReason;
    const arn = `arn:aws:batch:${region}:${account}:job/${job.id}`;
    const detail = { jobArn: arn, jobName: job.name, jobId: job.id, jobQueue: this.stack.arnOf(this.#queue) };
    this.receive({
      ...{
        version: '0',
        id: randomUUID(),
        'detail-type': 'Batch Job State Change',
        source: 'aws.batch',
        account,
        region,
      },
      resources: [arn],
      detail: { ...detail, status, statusReason, parameters: { ...job.parameters } },
    });
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #of(type: string): { id: string; properties: JsonObject }[] {
    return [...this.stack.resources]
      .filter(([, each]) => each.type === type)
      .map(([id, { properties }]) => ({ id, properties }));
  }

  #only(type: string): { id: string; properties: JsonObject } {
    const [one, ...more] = this.#of(type);
    if (!one || more.length > 0) throw new Error(`the template has ${one ? 'several' : 'no'} ${type}`);
    return one;
  }
}
