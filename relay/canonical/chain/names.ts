import { cleaned } from '../../cue-text.ts';
import type { CanonicalTranscript, LiveTranscript } from '../contract.ts';
import { Stretches } from './stretches.ts';
import { isWord, type Sentence } from './words.ts';

export type SpeakerNames = CanonicalTranscript['speakers'];

/** How much of a name's time has to be one speaker's, and of that speaker's named time this name's. */
const sureShare = 0.8;
const sureMs = 10_000;
/** How many of all words have to be one speaker's to be the only one who is scheduled. */
const mainShare = 0.75;
const maxNameLength = 100;

type Spoken = Pick<Sentence, 'start_ms' | 'end_ms' | 'speaker'> & { readonly words: readonly { readonly w: string }[] };

/** Of all sentences of one. */
interface Speaker {
  readonly id: string;
  readonly words: number;
  /** How long each live label stands beside them. */
  readonly labelledMs: number[];
}

/**
 * Who the speakers are, where that is sure: a live label that is a name and was given to the same voice all along, or the only
 * scheduled speaker, for who says most.
 */
export function namesOf(
  sentences: Iterable<Spoken>,
  scheduled: readonly string[],
  live: LiveTranscript['captions'],
): SpeakerNames {
  const labels = labelsOf(live);
  const speakers = new Map<string, Speaker>();
  for (const sentence of sentences) {
    const id = sentence.speaker;
    if (id === null) continue;
    const { words, labelledMs } = speakers.get(id) ?? { words: 0, labelledMs: labels.map(() => 0) };
    labels.forEach(({ stretches }, i) => {
      labelledMs[i] = (labelledMs[i] ?? 0) + stretches.coveredMs(sentence);
    });
    speakers.set(id, { id, words: words + sentence.words.filter(isWord).length, labelledMs });
  }
  const spoken = [...speakers.values()];
  const names: SpeakerNames = Object.fromEntries(
    spoken.toSorted((a, b) => Number(a.id) - Number(b.id)).map(({ id }) => [id, { name: null, from: 'none' as const }]),
  );
  for (const [id, name] of liveNames(spoken, labels)) names[id] = { name, from: 'live' };
  const [only, ...more] = scheduled.map(nameIn);
  const words = spoken.reduce((sum, each) => sum + each.words, 0);
  const main = spoken.find((each) => each.words >= mainShare * words && each.words > 0);
  const isTaken = Object.values(names).some(({ name }) => name === only);
  if (main && only && more.length === 0 && !isTaken && names[main.id]?.name === null)
    names[main.id] = { name: only, from: 'schedule' };
  return names;
}

const nameIn = (text: string) => Array.from(cleaned(text)).slice(0, maxNameLength).join('').trim();
/** What engines number speakers with is no name. */
const isName = (label: string) => /\p{L}/u.test(label) && !/^(spk|speaker)[\s_-]*\d*$/i.test(label);

interface Label {
  readonly name: string;
  readonly stretches: Stretches;
}

function labelsOf(live: LiveTranscript['captions']): Label[] {
  const named = live.flatMap(({ start_ms, end_ms, speaker }) => {
    const name = nameIn(speaker ?? '');
    return isName(name) ? { start_ms, end_ms, name } : [];
  });
  return [...Map.groupBy(named, ({ name }) => name)]
    .slice(0, 100)
    .map(([name, captions]) => ({ name, stretches: new Stretches(captions) }));
}

function liveNames(spoken: readonly Speaker[], labels: readonly Label[]): [id: string, name: string][] {
  const times = labels.map(({ name }, i) => ({ name, byId: spoken.map(({ labelledMs }) => labelledMs[i] ?? 0) }));
  return times.flatMap(({ name, byId }) => {
    const total = byId.reduce((sum, ms) => sum + ms, 0);
    const most = Math.max(0, ...byId);
    const at = byId.indexOf(most);
    const { id } = spoken[at] ?? {};
    const ofId = times.reduce((sum, each) => sum + (each.byId[at] ?? 0), 0);
    const isSure = most >= sureMs && most >= sureShare * total && most >= sureShare * ofId;
    return id !== undefined && isSure ? [[id, name] as [string, string]] : [];
  });
}
