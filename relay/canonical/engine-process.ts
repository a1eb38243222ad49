import { type ChildProcess, spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { ConfigurationError, codeOf, messageOf } from '../../systemd/errors.ts';
import type { Logger } from '../../systemd/log.ts';
import type { Hearing } from './contract.ts';
import { type Exit, exits, JobFault } from './job-fault.ts';
import { readResult } from './result-file.ts';

/** What an engine is asked for. */
export interface EngineCall {
  readonly engine: string;
  readonly language: string;
  readonly audio: readonly string[];
  /** Where the result goes. */
  readonly out: string;
  readonly model: string | null;
  /** Files: where somebody speaks; names and terms, one a line. */
  readonly vad: string;
  readonly vocabulary: string;
  readonly streaming: boolean;
  readonly turns: boolean;
  readonly turnsModel: string | null;
  /** It is ended after this. */
  readonly timeoutMs: number;
}

export interface EngineProcessOptions {
  readonly python: string;
  /** The folder of the package `sala_job`. */
  readonly packages: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  /** From SIGTERM to SIGKILL. */
  readonly killAfterMs?: number;
}

/** Ten hours of words are some 15 MiB. */
const maxResultBytes = 256 * 1024 * 1024;
const maxLineLetters = 4096;
/** How often at most progress is logged. */
const progressEveryMs = 30_000;

const progressLine = z.object({ progress: z.object({ done_ms: z.number(), of_ms: z.number() }) });
const errorLine = z.object({ error: z.object({ code: z.string(), message: z.string(), hint: z.string() }) });

function parsed<T>(schema: z.ZodType<T>, line: string): T | null {
  try {
    return schema.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}

/** Of a Python traceback: in which files and lines, and the kind of error. Its words and code may hold what was said. */
export function traceOf(line: string): string | null {
  const frame = /^ {2}File "([^"]{1,300})", line (\d{1,7}), in ([\w<>]{1,80})$/.exec(line);
  if (frame) return `${frame[1]}:${frame[2]} ${frame[3]}`;
  return /^([A-Za-z_][\w.]{0,120}(?:Error|Exception|Interrupt|Exit))(?::|$)/.exec(line)?.[1] ?? null;
}

/** What the statuses of the Python program mean (`sala_job/faults.py`). */
const meanings: Readonly<Record<number, Exit>> = { 65: exits.bad, 69: exits.machine, 75: exits.again };

/** Runs the engines, which are Python, each in a process of its own. What they print beside progress and faults is not kept. */
export class EngineProcess {
  readonly #options: EngineProcessOptions;

  constructor(options: EngineProcessOptions) {
    this.#options = options;
  }

  /**
   * @returns what it heard, which is read from `call.out` as it is asked for
   * @throws {JobFault} what kept it from hearing the recording; the reason of `signal`
   */
  async run(call: EngineCall, signal: AbortSignal): Promise<Hearing> {
    const timeout = AbortSignal.timeout(call.timeoutMs);
    const ended = await this.#ended(call, AbortSignal.any([signal, timeout]));
    signal.throwIfAborted();
    if (ended.status === 0) return this.#result(call.out);
    if (timeout.aborted) throw tooSlow(call);
    const { status, fault, trace } = ended;
    if (trace.length > 0) this.#options.log.error({ event: 'engine-trace', trace }, 'Where the engine failed');
    const exit = status === null ? exits.again : (meanings[status] ?? exits.mistake);
    if (fault) throw new JobFault(exit, fault.code, fault.message, fault.hint);
    throw new JobFault(
      exit,
      'engine-ended',
      status === null ? `The engine was ended by ${ended.killedBy}` : `The engine ended with status ${status}`,
      status === null
        ? 'If it happens again, give it more memory.'
        : 'Run it by hand to see why: relay/canonical/job/README.md.',
    );
  }

  async #ended(call: EngineCall, signal: AbortSignal) {
    const { python, packages, env, log, killAfterMs = 3000 } = this.#options;
    // It calls no service of AWS; a group of its own, because it starts programs itself.
    const own = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('AWS_')));
    const child = spawn(python, ['-m', 'sala_job', ...argumentsOf(call)], {
      env: { ...own, PYTHONPATH: packages, PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number | null; killedBy: string }>();
    child.on('error', reject);
    child.on('close', (status, killedBy) => resolve({ status, killedBy: String(killedBy) }));
    let loggedMs = Number.NEGATIVE_INFINITY;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const progress = line.length <= maxLineLetters ? parsed(progressLine, line)?.progress : null;
      if (!progress || performance.now() - loggedMs < progressEveryMs) return;
      loggedMs = performance.now();
      log.info({ event: 'progress', doneMs: progress.done_ms, ofMs: progress.of_ms }, 'The engine is at work');
    });
    const faults: z.infer<typeof errorLine>['error'][] = [];
    const trace: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (line.length > maxLineLetters) return;
      const told = parsed(errorLine, line)?.error;
      if (told) faults.splice(0, 1, told);
      const traced = traceOf(line);
      if (traced) trace.push(traced);
      if (trace.length > 20) trace.shift();
    });
    const stopKilling = killedBy(signal, child, killAfterMs);
    try {
      return { ...(await promise), fault: faults[0], trace };
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EACCES') throw error;
      throw new ConfigurationError([`--python ${python} cannot be run: ${messageOf(error)}`], 'Install Python 3.11.');
    } finally {
      stopKilling();
      // What it started itself must not outlive it.
      killGroup(child, 'SIGKILL');
    }
  }

  async #result(file: string): Promise<Hearing> {
    const { size } = await stat(file).catch(() => ({ size: 0 }));
    try {
      if (size > 0 && size <= maxResultBytes) return await readResult(file);
    } catch (error) {
      if (codeOf(error) !== '') throw error;
    }
    const hint = 'This is a mistake in the engine’s program: report it.';
    throw new JobFault(exits.mistake, 'engine-result', 'What the engine left is no result', hint);
  }
}

function argumentsOf(call: EngineCall): string[] {
  const yesOrNo = (value: boolean) => (value ? 'yes' : 'no');
  return [
    ...['--engine', call.engine, '--language', call.language, '--out', call.out],
    ...['--vad', call.vad, '--vocabulary', call.vocabulary],
    ...['--streaming', yesOrNo(call.streaming), '--turns', yesOrNo(call.turns)],
    ...(call.model === null ? [] : ['--model', call.model]),
    ...(call.turnsModel === null ? [] : ['--turns-model', call.turnsModel]),
    ...call.audio.flatMap((file) => ['--audio', file]),
  ];
}

const tooSlow = ({ timeoutMs, engine }: EngineCall): JobFault =>
  new JobFault(
    exits.again,
    'engine-too-slow',
    `${engine} was not done after ${Math.round(timeoutMs / 60_000)} min`,
    'Take a faster machine, or allow more with --engine-time.',
  );

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

/** Asks the child to end when `signal` says so, and soon makes it. @returns what takes that back */
function killedBy(signal: AbortSignal, child: ChildProcess, killAfterMs: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  const kill = () => {
    killGroup(child, 'SIGTERM');
    timer = setTimeout(() => killGroup(child, 'SIGKILL'), killAfterMs);
  };
  if (signal.aborted) kill();
  signal.addEventListener('abort', kill, { once: true });
  return () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', kill);
  };
}
