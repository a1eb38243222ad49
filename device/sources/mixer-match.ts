import type { Explained } from '../../systemd/errors.ts';

/** A sound card's input as PortAudio lists it. */
export interface Mixer {
  readonly id: number;
  readonly name: string;
  readonly maxInputChannels: number;
  readonly defaultSampleRate: number;
}

const maxListed = 8;
const maxNameLength = 60;

/** A few of many names, for a message. */
function listed(mixers: readonly Mixer[]): string {
  const names = mixers.slice(0, maxListed).map(({ name }) => `"${name.slice(0, maxNameLength)}"`);
  return `${names.join(', ')}${mixers.length > maxListed ? `, and ${mixers.length - maxListed} more` : ''}`;
}

/** The one input called `name`, or else the one whose name has it in it, in upper or lower case; or why there is none. */
export function matchMixer<M extends Mixer>(all: readonly M[], name: string): { mixer: M } | { fault: Explained } {
  const inputs = all.filter(({ maxInputChannels }) => maxInputChannels > 0);
  const exact = inputs.filter((each) => each.name === name);
  const matches =
    exact.length > 0 ? exact : inputs.filter((each) => each.name.toLowerCase().includes(name.toLowerCase()));
  const [mixer] = matches;
  if (mixer && matches.length === 1) return { mixer };
  if (mixer)
    return {
      fault: {
        code: 'mixer-ambiguous',
        message: `${matches.length} mixers are called "${name.slice(0, maxNameLength)}": ${listed(matches)}.`,
        hint: matches.every(({ name: other }) => other === mixer.name)
          ? 'They cannot be told apart by name: unplug all but one.'
          : 'Give more of the name, up to the whole of it as it stands above, or unplug all but one.',
      },
    };
  return {
    fault: {
      code: 'mixer-absent',
      message: `There is no mixer called "${name.slice(0, maxNameLength)}".`,
      hint:
        inputs.length > 0
          ? `Plug it in and switch it on, or choose one of those that are there: ${listed(inputs)}.`
          : 'Plug it in and switch it on. No other sound input is there.',
    },
  };
}
