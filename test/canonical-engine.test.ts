/** The engines' own process: what is made of how it ends. Costs 2 s. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type EngineCall, EngineProcess, traceOf } from '../relay/canonical/engine-process.ts';
import { exits } from '../relay/canonical/job-fault.ts';
import { createLog } from '../systemd/log.ts';
import { heard } from './harness/canonical-recording.ts';
import { engineFile } from './harness/engine-file.ts';
import { temporaryFolder } from './harness/programs.ts';
import { until } from './harness/until.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
let made = 0;

/** A program that is started in Python's place, with what it is to write as its last argument of `--out`. */
function program(script: string): string {
  const file = join(folder.path, `python-${++made}`);
  writeFileSync(file, `#!/bin/sh\nwhile [ "$1" != --out ]; do shift; done\nout=$2\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

function engine(python: string, env: NodeJS.ProcessEnv = process.env) {
  return new EngineProcess({ python, packages: '/nowhere', env, log: createLog('silent')('engine'), killAfterMs: 300 });
}

const call = (fields: Partial<EngineCall> = {}): EngineCall => ({
  ...{ engine: 'parakeet', language: 'en-US', audio: ['a.flac'], out: join(folder.path, `out-${++made}`) },
  ...{ model: null, vad: 'vad', vocabulary: 'words', streaming: true, turns: false, turnsModel: null },
  timeoutMs: 20_000,
  ...fields,
});
const never = new AbortController().signal;
const { schema: _, segments, ...rest } = heard('hello world');
const said = Array.from({ length: 3 }, (_, i) =>
  segments.map((segment) => ({ ...segment, text: `${i}\u2028` })),
).flat();
const result = [...engineFile(said, () => rest)].join('');

test('its result is read', async () => {
  const python = program(`echo '{"progress":{"done_ms":1,"of_ms":2}}'\necho noise\nprintf %s '${result}' > "$out"`);
  const { segments: heardSegments, ...told } = await engine(python).run(call(), never);
  expect(told).toEqual({ schema: 'sala.engine.v1', ...rest });
  expect(Array.from({ length: heardSegments.length }, (_, i) => heardSegments.at(i))).toEqual(said);
});

test('it is told everything, and no secret of AWS', async () => {
  const seen = join(folder.path, 'seen');
  const python = join(folder.path, 'telling');
  writeFileSync(python, `#!/bin/sh\n{ printf '%s\\n' "$@"; env; } > ${seen}\nexit 75\n`);
  chmodSync(python, 0o755);
  const env = { PATH: process.env.PATH, AWS_SECRET_ACCESS_KEY: 'secret', HF_HOME: '/models' };
  const all = call({ audio: ['a', 'b'], model: '/m', turns: true, turnsModel: '/t', streaming: false });
  await expect(engine(python, env).run(all, never)).rejects.toMatchObject({ exit: exits.again });
  const told = readFileSync(seen, 'utf8');
  expect(told.split('\n').slice(0, 2)).toEqual(['-m', 'sala_job']);
  const words =
    '--audio\na\n--audio\nb|--model\n/m|--turns\nyes|--turns-model\n/t|--streaming\nno|--language\nen-US|--vad\nvad|--vocabulary\nwords';
  for (const part of words.split('|')) expect(told).toContain(`${part}\n`);
  expect(told).toContain('HF_HOME=/models');
  expect(told).toContain('PYTHONPATH=/nowhere');
  expect(told).not.toContain('AWS_');
});

const error = (code: string) => `echo noise >&2; echo '{"error":{"code":"${code}","message":"M","hint":"H"}}' >&2`;
test.each([
  { script: `${error('audio-bad')}; exit 65`, fault: { exit: exits.bad, code: 'audio-bad', message: 'M', hint: 'H' } },
  { script: `${error('model-missing')}; exit 69`, fault: { exit: exits.machine, code: 'model-missing' } },
  { script: `${error('system')}; exit 75`, fault: { exit: exits.again, code: 'system' } },
  { script: `${error('unexpected')}; exit 70`, fault: { exit: exits.mistake, code: 'unexpected' } },
  { script: 'exit 3', fault: { exit: exits.mistake, code: 'engine-ended' } },
  { script: 'kill -9 $$', fault: { exit: exits.again, code: 'engine-ended' } },
  { script: 'exit 0', fault: { exit: exits.mistake, code: 'engine-result' } },
  { script: `printf %s '${result.slice(0, 80)}' > "$out"`, fault: { exit: exits.mistake, code: 'engine-result' } },
  { script: `printf %s '${result.replace('0\u2028"', '0"!')}' > "$out"`, fault: { code: 'engine-result' } },
  { script: `printf %s '${result.replaceAll('\n', '')}' > "$out"`, fault: { code: 'engine-result' } },
  { script: `printf %s '${result.trimEnd().slice(0, -1)}' > "$out"`, fault: { code: 'engine-result' } },
  { script: `printf '{"schema":"sala.engine.v2"}' > "$out"`, fault: { exit: exits.mistake, code: 'engine-result' } },
])('$script is $fault.code', async ({ script, fault }) => {
  await expect(engine(program(script)).run(call(), never)).rejects.toMatchObject({
    ...fault,
    hint: expect.stringMatching(/\w/),
  });
});

test('a Python that is not there is a matter of configuration', async () => {
  const nowhere = join(folder.path, 'nowhere');
  await expect(engine(nowhere).run(call(), never)).rejects.toMatchObject({ code: 'configuration' });
});

describe('one that does not end', () => {
  /** Neither it nor what it started heeds SIGTERM. */
  const stubborn = (pids: string) => program(`trap '' TERM\nsleep 60 & echo $$ $! > ${pids}\nwait\nwait\nsleep 60`);
  const areGone = (pids: string) =>
    readFileSync(pids, 'utf8')
      .trim()
      .split(' ')
      .every((pid) => !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z '));

  test('is ended when its time is up, with all that it started', async () => {
    const pids = join(folder.path, 'pids-late');
    const running = engine(stubborn(pids)).run(call({ timeoutMs: 300 }), never);
    await expect(running).rejects.toMatchObject({ exit: exits.again, code: 'engine-too-slow' });
    await until(() => areGone(pids) || undefined, { what: 'the end of all' });
  });

  test('is ended when the job is told to stop, and the reason is told', async () => {
    const pids = join(folder.path, 'pids-stop');
    const ending = new AbortController();
    const running = engine(stubborn(pids)).run(call(), ending.signal);
    const told = expect(running).rejects.toThrow('no more');
    await until(() => existsSync(pids) || undefined, { what: 'its start' });
    const fromMs = performance.now();
    ending.abort(new Error('no more'));
    await told;
    expect(performance.now() - fromMs).toBeLessThan(5000);
    await until(() => areGone(pids) || undefined, { what: 'the end of all' });
  });
});

test('of what Python says of its mistakes, places are kept and words are not', () => {
  const python = `def secret(text): raise ValueError(text)\nsecret("they said hunter2")\n`;
  const file = join(folder.path, 'wrong.py');
  writeFileSync(file, python);
  let said = '';
  try {
    execFileSync('python3', [file], { stdio: 'pipe', encoding: 'utf8' });
  } catch (failure) {
    said = failure instanceof Error && 'stderr' in failure ? String(failure.stderr) : '';
  }
  expect(said).toContain('hunter2');
  const trace = said.split('\n').flatMap((line) => traceOf(line) ?? []);
  expect(trace).toEqual([`${file}:2 <module>`, `${file}:1 secret`, 'ValueError']);
});
