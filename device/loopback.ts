/** Captures what one application plays, for trying Sala out on a desktop: `npm run loopback -- --app firefox`. */
import { z } from 'zod';
import { toggle } from '../systemd/configuration.ts';
import { ConfigurationError } from '../systemd/errors.ts';
import { createLog } from '../systemd/log.ts';
import { type Program, type Running, run } from '../systemd/program.ts';
import { LoopbackSink, monitorName } from './loopback-sink.ts';
import { Pulse } from './pulse.ts';
import { listMixers } from './sources/list.ts';

const settings = z.object({
  app: z
    .string()
    .min(1)
    .optional()
    .register(z.globalRegistry, { placeholder: 'NAME', description: 'the application: its name, or its program' }),
  monitor: toggle(false).describe('play it on the usual output too, about 50 ms later'),
  clean: toggle(false).describe('give the applications their output back and remove what this made'),
  wait: z.coerce.number().min(0).max(3600).default(30).register(z.globalRegistry, {
    placeholder: 'SECONDS',
    description: 'how long to wait for the application to play',
  }),
});

/** The name of the ALSA card that stands for the sound server's capture. */
const alsaCard = 'pulse';

const alsaSnippet = `ALSA has no card "${alsaCard}" here. Install libasound2-plugins, or put this into ~/.asoundrc:

  pcm.${alsaCard} { type pulse hint { show on description "sound server" } }
  ctl.${alsaCard} { type pulse }
`;

const program: Program<typeof settings> = {
  usage: 'npm run loopback --',
  summary:
    'Captures what one application plays on a desktop with PipeWire or PulseAudio, to try Sala out without a mixer.',
  settings,
  async start({ app, monitor, clean, wait }, env): Promise<Running> {
    if (!clean && app === undefined) throw new ConfigurationError(['--app is required, or --clean']);
    const sink = new LoopbackSink(new Pulse(env));
    const done = (async () => {
      if (clean) {
        const removed = await sink.remove();
        process.stdout.write(removed > 0 ? 'The loopback is removed.\n' : 'There was no loopback.\n');
      }
      if (app === undefined) return;
      await sink.make(monitor);
      const moved = await sink.take(app, wait * 1000);
      const found = await listMixers({ execPath: process.execPath, env, log: createLog('silent')('loopback') });
      const hasCard = 'mixers' in found && found.mixers.some(({ name }) => name === alsaCard);
      process.stdout.write(
        [
          `"${app}" is captured (${moved} ${moved === 1 ? 'sound' : 'sounds'}). Start the device with`,
          '',
          `  PULSE_SOURCE=${monitorName} npm run device -- --source mixer:${alsaCard} --source-channels 1 …`,
          '',
          ...(hasCard ? [] : [alsaSnippet]),
          'npm run loopback -- --clean undoes this.',
          '',
        ].join('\n'),
      );
    })();
    return { stop: async () => {}, done };
  },
};

await run(program, process);
