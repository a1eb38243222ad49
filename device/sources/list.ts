import type { Explained } from '../../systemd/errors.ts';
import type { Mixer } from './mixer-match.ts';
import { MixerProcess, type MixerProcessOptions } from './mixer-process.ts';

const listTimeoutMs = 10_000;

/** The sound inputs of the moment, or why they cannot be told. Asked in a process of its own: the libraries chatter, and may hang. */
export async function listMixers(options: MixerProcessOptions): Promise<{ mixers: Mixer[] } | { fault: Explained }> {
  const child = new MixerProcess(['list'], options);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<{ mixers: Mixer[] } | { fault: Explained }>((resolve) => {
      const give = (message: string) =>
        resolve({
          fault: { code: 'list-failed', message, hint: 'Unplug the mixer, plug it in again, and look once more.' },
        });
      timer = setTimeout(() => give('The sound library did not answer.'), listTimeoutMs);
      child.start({
        message: (message) => {
          if (message.type === 'devices')
            resolve({ mixers: message.devices.filter(({ maxInputChannels }) => maxInputChannels > 0) });
          if (message.type === 'failed') resolve({ fault: message.fault });
        },
        audio: () => {},
        ended: (reason) => give(`The sound library could not be asked: ${reason}.`),
      });
    });
  } finally {
    clearTimeout(timer);
    await child.kill();
  }
}

/** The text of `--list-sources`: what can be captured here, each with the setting that captures it. */
export async function listSources(options: MixerProcessOptions): Promise<string> {
  const found = await listMixers(options);
  const mixers =
    'fault' in found
      ? [found.fault.message, found.fault.hint]
      : found.mixers.length > 0
        ? found.mixers.flatMap(describe)
        : ['No sound input is there. Plug the mixer in, switch it on, and look again.'];
  return [
    'Mixers:',
    ...mixers.map((line) => `  ${line}`),
    '',
    'Without a mixer:',
    '  a WAV file in real time, and for ever with ?loop=1',
    "    --source 'wav:FILE'   --source 'wav:FILE?loop=1'",
    '  a test tone with a pip each second',
    '    --source tone',
    '',
  ].join('\n');
}

/** Quoted for a shell: the names of sound cards are full of spaces and brackets. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** ALSA's own cards carry their place; what has none is made of software, and takes as many channels as it is asked for. */
const isVirtual = (name: string) => !/\(hw:\d+,\d+\)/.test(name);
const maxRealChannels = 8;

function describe({ name, maxInputChannels, defaultSampleRate }: Mixer): string[] {
  const channels = maxInputChannels === 1 ? '1 channel' : `${maxInputChannels} channels`;
  const bare = isVirtual(name) && maxInputChannels > maxRealChannels ? ' --source-channels 1' : '';
  return [`${name}   (${channels}, ${defaultSampleRate} Hz)`, `  --source ${quoted(`mixer:${name}`)}${bare}`];
}
