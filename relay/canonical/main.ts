#!/usr/bin/env node

import { join } from 'node:path';
import { ConfigurationError } from '../../systemd/errors.ts';
import { createLog, type Logger } from '../../systemd/log.ts';
import { type Program, type Running, run } from '../../systemd/program.ts';
import { openStore } from '../objects/open-store.ts';
import { EngineProcess } from './engine-process.ts';
import { Job, type JobOptions } from './job.ts';
import { type Exit, exits, faultOf, JobFault } from './job-fault.ts';
import { type JobSettings, jobSettings } from './job-settings.ts';
import type { Publication } from './publishing.ts';
import { Sweep } from './sweep.ts';

const text = {
  usage: 'npm run canonical --',
  summary:
    'Transcribes recordings of talks once more, in their own time, and publishes the result beside them. Exit status: 0 done (or done before), 65 not to be done, 70 a mistake of the program, 75 try again, 78 configuration.',
};

const states: Readonly<Record<Publication['pointer'], string>> = {
  moved: 'published',
  there: 'published before',
  kept: 'transcribed; another transcript counts more and stays',
  withheld: 'transcribed; an organizer has to look at it before it is published',
  withdrawn: 'deleted meanwhile; nothing of it is kept',
};

/** How this run knows whether Batch will start it again. */
function attemptOf({ attempts }: JobSettings, env: NodeJS.ProcessEnv): JobOptions['attempt'] {
  return attempts === undefined ? null : { number: Number(env.AWS_BATCH_JOB_ATTEMPT) || 1, of: attempts };
}

function checkModes({ manifest, all, watch, turnsModel, turns }: JobSettings): void {
  const problems: string[] = [];
  if ([manifest !== undefined, all, watch].filter(Boolean).length !== 1)
    problems.push('say one of --manifest KEY, --all and --watch');
  if (turnsModel !== undefined && turns === 'no') problems.push('--turns-model: is of no use without --turns yes');
  if (problems.length > 0) throw new ConfigurationError(problems);
}

function tell(log: Logger, key: string, fault: JobFault): void {
  const { code, message, hint, exit } = fault;
  log.error({ event: 'fault', code, hint, key, status: exit }, message);
  process.stdout.write(`${key}: ${message}. ${hint}\n`);
}

async function start(settings: JobSettings, env: NodeJS.ProcessEnv): Promise<Running> {
  checkModes(settings);
  const log = createLog(settings.logLevel);
  const { endpoint, region, kmsKey } = settings;
  const store = await openStore(settings.store, { endpoint, region, kmsKey });
  const ending = new AbortController();
  const { signal } = ending;
  const packages = join(import.meta.dirname, 'job');
  const clocks = { now: Date.now, clock: () => performance.now() };
  const job = new Job({
    store,
    signal,
    ...clocks,
    log: log('job'),
    engines: new EngineProcess({ python: settings.python, packages, env, log: log('engine') }),
    options: {
      engine: settings.engine,
      model: settings.model ?? null,
      streaming: settings.streaming === 'yes',
      turns: settings.turns === 'yes',
      turnsModel: settings.turnsModel ?? null,
      engineTime: settings.engineTime ?? null,
      replace: settings.replace,
      attempt: attemptOf(settings, env),
      workDir: settings.workDir,
    },
  });
  const work = async (key: string) => {
    try {
      const { pointer } = await job.run(key);
      log('main').info({ event: 'done', key, pointer }, states[pointer]);
      process.stdout.write(`${key}: ${states[pointer]}\n`);
    } catch (error) {
      const fault = faultOf(error);
      tell(log('main'), key, fault);
      throw fault;
    }
  };
  const sweep = new Sweep({
    ...{ store, work, signal, replace: settings.replace, log: log('sweep'), now: Date.now, random: Math.random },
  });

  const all = async (): Promise<Exit> => {
    if (settings.watch) return sweep.watch(settings.watchSeconds * 1000);
    if (settings.all) return sweep.once();
    await work(settings.manifest ?? '');
    return exits.done;
  };
  log('main').info({ event: 'started', store: store.name, engine: settings.engine }, 'The job has started');
  let status: Exit = exits.done;
  const done = all().then(
    (exit) => {
      status = exit;
    },
    (error: unknown) => {
      // Told to stop, a watch has left nothing undone that it will not find again.
      status = settings.watch && signal.aborted ? exits.done : faultOf(error).exit;
      if (!signal.aborted && settings.manifest === undefined) tell(log('main'), settings.store, faultOf(error));
    },
  );
  const stop = () => {
    ending.abort(new JobFault(exits.again, 'stopped', 'It was told to stop before it was done', 'Start it again.'));
    return done;
  };
  return { done, stop, status: () => status };
}

const canonical: Program<typeof jobSettings> = { ...text, settings: jobSettings, start };

await run(canonical, process);
