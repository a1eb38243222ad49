import { folded, type Token } from './tokens.ts';

const pairs = (text: string): Array<[string, string]> =>
  text.split(' ').flatMap((entry) => {
    const [letter = '', words = ''] = entry.split(':');
    return words.split('/').map((word): [string, string] => [word, letter]);
  });

/** ICAO, and the names of German letters' telephone alphabet, which stand for themselves in no other language. */
const alphabet = pairs(
  'A:alfa/alpha B:bravo C:charlie D:delta E:echo F:foxtrot G:golf H:hotel I:india J:juliett/juliet K:kilo L:lima M:mike N:november O:oscar P:papa Q:quebec R:romeo S:sierra T:tango U:uniform V:victor W:whiskey/whisky X:xray Y:yankee Z:zulu',
);

const byLanguage = new Map<string, ReadonlyMap<string, string>>([
  [
    'en',
    new Map([
      ...alphabet,
      ...pairs(
        'C:cee B:bee D:dee F:ef G:gee H:aitch J:jay K:kay L:el M:em N:en Q:cue R:ar S:ess T:tee V:vee X:ex Y:wye Z:zed/zee',
      ),
    ]),
  ],
  [
    'it',
    new Map([
      ...alphabet,
      ...pairs(
        'B:bi C:ci D:di F:effe G:gi H:acca J:jota K:kappa/cappa L:elle M:emme N:enne P:pi Q:qu/cu R:erre S:esse T:ti V:vu/vi X:ics Y:ipsilon Z:zeta W:doppiavu',
      ),
      ...pairs(
        'A:ancona B:bari/bologna C:como D:domodossola E:empoli F:firenze G:genova I:imola J:jolly L:livorno M:milano N:napoli O:otranto P:palermo/padova Q:quarto R:roma S:savona T:torino U:udine V:venezia W:washington X:xeres Y:york Z:zara',
      ),
    ]),
  ],
  [
    'de',
    new Map([
      ...alphabet,
      ...pairs(
        'B:be C:ce/ze D:de F:ef G:ge H:ha J:jott K:ka L:el M:em N:en P:pe Q:ku/qu R:er S:es T:te V:vau W:we X:ix Y:ypsilon Z:zett',
      ),
      ...pairs(
        'A:anton B:berta C:casar/caesar D:dora E:emil F:friedrich G:gustav H:heinrich I:ida J:julius K:kaufmann/konrad L:ludwig M:martha N:nordpol O:otto P:paula Q:quelle R:richard S:samuel/siegfried T:theodor U:ulrich V:viktor W:wilhelm X:xanthippe Z:zacharias/zeppelin',
      ),
    ]),
  ],
  [
    'fr',
    new Map([
      ...alphabet,
      ...pairs(
        'B:be C:ce D:de F:effe G:ge H:ache J:ji K:ka L:elle M:emme N:enne P:pe Q:ku R:erre S:esse T:te V:ve X:ixe Y:igrec Z:zede',
      ),
      ...pairs(
        'A:anatole B:berthe C:celestin E:eugene F:francois G:gaston H:henri I:irma J:joseph L:louis M:marcel N:nicolas O:oscar P:pierre Q:quintal R:raoul S:suzanne T:therese U:ursule V:victor W:william X:xavier Y:yvonne Z:zoe',
      ),
    ]),
  ],
  [
    'es',
    new Map([
      ...alphabet,
      ...pairs(
        'B:be C:ce D:de F:efe G:ge H:hache J:jota K:ka L:ele M:eme N:ene P:pe Q:cu R:erre/ere S:ese T:te V:uve/ve X:equis Z:zeta/ceta',
      ),
    ]),
  ],
]);

/** Behind a letter that is told by a word: `R come Roma`, `R wie Richard`. */
const as = new Set(['come', 'wie', 'comme', 'como', 'for', 'as', 'de', 'di']);

/** A letter that was spelled out, and the token behind it. */
export interface SpelledLetter {
  readonly letter: string;
  readonly next: number;
}

/** What a language calls the letters. */
export type LetterNames = ReadonlyMap<string, string>;

export const letterNamesOf = (language: string): LetterNames =>
  byLanguage.get(folded(language.split('-')[0] ?? '')) ?? new Map(alphabet);

/** The letter that begins at a token: by itself, by its name or by a word of a spelling alphabet. */
export function spelledLetter(tokens: readonly Token[], at: number, names: LetterNames): SpelledLetter | null {
  const word = tokens[at]?.text ?? '';
  const letter = names.get(word) ?? (/^[a-z]$/.test(word) ? word.toUpperCase() : undefined);
  if (letter === undefined) return null;
  let next = at + 1;
  const isTold =
    tokens[next]?.kind === 'space' && as.has(tokens[next + 1]?.text ?? '') && tokens[next + 2]?.kind === 'space';
  if (isTold) {
    const told = tokens[next + 1]?.text === 'as' && tokens[next + 3]?.text === 'in' ? next + 5 : next + 3;
    if (tokens[told]?.kind === 'word' && tokens[told]?.text.startsWith(letter.toLowerCase())) next = told + 1;
  }
  return { letter, next };
}
