import { createLog } from '../systemd/log.ts';
import type { Running } from '../systemd/program.ts';
import { runBackup } from './backup.ts';
import { Check, readSpeech } from './check.ts';
import { Engines } from './engines/registry.ts';
import type { BackupOptions, CheckingOptions } from './options.ts';

const speechFolder = new URL('../provisioning/speech/', import.meta.url);

/** How the relay's own calls leave the house. */
export const proxyIn = (env: NodeJS.ProcessEnv) => env.HTTPS_PROXY ?? env.https_proxy ?? env.ALL_PROXY ?? env.all_proxy;

/** `--check`: one session with the present configuration, no port, no folder. */
export async function startCheck(options: CheckingOptions, env: NodeJS.ProcessEnv): Promise<Running> {
  // What it finds is told in words; the lines of a running relay would only hide them.
  const logs = createLog(options.logLevel === 'info' ? 'error' : options.logLevel);
  const { dataDir = '', ...rest } = options;
  const awsRegion = env.AWS_REGION || null;
  const engines = new Engines({ ...rest, dataDir, execPath: process.execPath, awsRegion, proxy: proxyIn(env) }, logs);
  const check = new Check({
    engine: engines.get(options.engine),
    settings: { room: 'check', language: options.language },
    region: awsRegion,
    speech: readSpeech(speechFolder),
    print: (line) => process.stdout.write(`${line}\n`),
  });
  const done = check.run();
  // Stopped half-way it has found nothing: that is no success.
  const stop = () => {
    check.stop();
    return done;
  };
  return { done, stop };
}

/** `--backup` and `--restore`. */
export async function startBackup(options: BackupOptions): Promise<Running> {
  const done = await runBackup(options);
  process.stdout.write(`${done}\n`);
  return { done: Promise.resolve(), stop: async () => {} };
}
