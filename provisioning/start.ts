/**
 * `npm start`: one room on this computer. Starts the real relay and the real device, lets the device play the bundled
 * minute of speech (or another source), and prints where the captions are to be seen.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { z } from 'zod';
import { address, toggle } from '../systemd/configuration.ts';
import { type Program, run } from '../systemd/program.ts';
import { awsRegion } from './aws-configuration.ts';
import { Demo } from './demo.ts';

const settings = z.object({
  listen: address
    .refine(({ port }) => port !== 0, 'must name a port; the next free one is taken where it is in use')
    .prefault('127.0.0.1:8080')
    .describe('where the relay listens; the next free port where that one is taken [127.0.0.1:8080]')
    .meta({ placeholder: 'HOST:PORT' }),
  source: z
    .string()
    .optional()
    .describe('mixer:NAME, wav:FILE or tone [the bundled minute of speech]')
    .meta({ placeholder: 'SOURCE' }),
  engine: z
    .string()
    .optional()
    .describe('transcribe, pocketsphinx, … [transcribe where AWS is configured, else pocketsphinx]')
    .meta({ placeholder: 'ENGINE' }),
  language: z.string().default('en-US').describe('what is spoken').meta({ placeholder: 'BCP47' }),
  loop: toggle(false).describe('plays the bundled speech for ever'),
});

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function chooseEngine(env: NodeJS.ProcessEnv): string {
  const region = awsRegion({ env, home: homedir(), read: fileText });
  process.stdout.write(
    region
      ? `Engine: Amazon Transcribe in ${region}. It costs money; --engine pocketsphinx does not.\n`
      : 'Engine: PocketSphinx, offline, modest, English only. With an AWS region and credentials: Amazon Transcribe.\n',
  );
  return region ? 'transcribe' : 'pocketsphinx';
}

const program: Program<typeof settings> = {
  usage: 'npm start --',
  summary:
    'Live captions on this computer: a relay, a device that plays a minute of speech, and the page to read them on.',
  settings,

  async start({ listen, source, engine, language, loop }, { SALA_CONFIG: _, ...env }) {
    const demo = new Demo({
      listen,
      source,
      engine: engine ?? chooseEngine(env),
      language,
      loop,
      execPath: process.execPath,
      env,
      terminal: process.stdout,
    });
    process.once('exit', () => demo.abandon());
    return { stop: () => demo.stop(), done: demo.run() };
  },
};

// A closed terminal ends it like Ctrl-C, or the programs it started would stay.
process.once('SIGHUP', () => process.kill(process.pid, 'SIGTERM'));
await run(program, process);
