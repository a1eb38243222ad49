/** Which source a setting names. */
import { ConfigurationError } from '../../systemd/errors.ts';
import { MixerSource } from './mixer.ts';
import type { MixerProcessOptions } from './mixer-process.ts';
import type { Source } from './source.ts';
import { ToneSource } from './tone.ts';
import { WavSource } from './wav.ts';

export { listSources } from './list.ts';

export interface SourceOptions extends MixerProcessOptions {
  /** What a mixer is opened with; its own default rate and all its channels (at most 8) where left out. */
  readonly rateHz?: number;
  readonly channels?: number;
}

const loopSuffix = '?loop=1';

/**
 * The source that `mixer:NAME`, `wav:FILE`, `wav:FILE?loop=1` or `tone` names. A mixer that is absent is a state of the
 * source, not an error.
 * @throws {ConfigurationError} for anything else, and for a file that cannot be played
 */
export function createSource(spec: string, options: SourceOptions): Source {
  const [kind = '', rest = ''] = spec.split(/:(.*)/s);
  if (spec === 'tone') return new ToneSource();
  if (kind === 'mixer' && rest.trim() !== '') return new MixerSource({ ...options, name: rest.trim() });
  if (kind === 'wav' && rest !== '' && rest !== loopSuffix) {
    const loop = rest.endsWith(loopSuffix);
    return new WavSource(loop ? rest.slice(0, -loopSuffix.length) : rest, loop, options.log);
  }
  throw new ConfigurationError(
    [`"${spec.slice(0, 200)}" is not a source`],
    'Give mixer:NAME, wav:FILE, wav:FILE?loop=1 or tone; --list-sources shows the mixers that are there.',
  );
}
