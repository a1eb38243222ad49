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

/**
 * Who the speakers are, where that is sure: a live label that is a name and was given to the same voice all along, or the only
 * scheduled speaker, for who says most.
 */
export function namesOf(
  sentences: readonly Sentence[],
  scheduled: readonly string[],
  live: LiveTranscript['captions'],
): SpeakerNames {
  const spoken = [...Map.groupBy(sentences, ({ speaker }) => speaker)].flatMap(([id, own]) =>
    id === null ? [] : [{ id, own, words: own.reduce((sum, { words }) => sum + words.filter(isWord).length, 0) }],
  );
  const names: SpeakerNames = Object.fromEntries(
    spoken.toSorted((a, b) => Number(a.id) - Number(b.id)).map(({ id }) => [id, { name: null, from: 'none' as const }]),
  );
  for (const [id, name] of liveNames(spoken, live)) names[id] = { name, from: 'live' };
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

function liveNames(
  spoken: readonly { readonly id: string; readonly own: readonly Sentence[] }[],
  live: LiveTranscript['captions'],
): [id: string, name: string][] {
  const named = live.flatMap((caption) => {
    const name = nameIn(caption.speaker ?? '');
    return isName(name) ? { ...caption, name } : [];
  });
  const times = [...Map.groupBy(named, ({ name }) => name)].slice(0, 100).map(([name, captions]) => {
    const stretches = new Stretches(captions);
    return { name, byId: spoken.map(({ own }) => own.reduce((sum, each) => sum + stretches.coveredMs(each), 0)) };
  });
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
