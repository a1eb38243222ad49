/** Where a text may be broken, by the grammar that can be seen from the words alone. */

/** What a break costs: from 0, where a sentence ends, to 1 between any two words, and more where it hurts. */
export const costs = {
  sentence: 0,
  clause: 0.2,
  caption: 0.3,
  conjunction: 0.5,
  preposition: 0.6,
  particle: 0.65,
  word: 1,
  short: 1.3,
  bound: 3,
  inside: 5,
};

interface Words {
  /** Begin a clause; better before them than anywhere else inside a sentence. */
  readonly conjunctions: ReadonlySet<string>;
  readonly prepositions: ReadonlySet<string>;
  /** Belong to the next word: articles, possessives, titles. */
  readonly bound: ReadonlySet<string>;
  /** Written with a full stop that ends no sentence. */
  readonly abbreviations: ReadonlySet<string>;
}

const set = (words: string) => new Set(words.split(' '));

const tables: Readonly<Record<string, Words>> = {
  en: {
    conjunctions: set(
      'and but or nor so yet because although though while whereas if unless until when whenever where wherever who whom whose which that what why how as than since before after',
    ),
    prepositions: set(
      'of in on at to for with without from by about into onto over under between among through during against across behind beyond near toward towards upon within like per via',
    ),
    bound: set(
      "a an the my your his her its our their this these those some any no every each not very more most too i'm you're we're they're it's is are was were be been am have has had will would can could should may might must do does did don't to",
    ),
    abbreviations: set('mr. mrs. ms. dr. prof. st. vs. e.g. i.e. etc. no. fig. approx. inc. ltd. jr. sr.'),
  },
  it: {
    conjunctions: set(
      'e ed o od ma però perché poiché quindi dunque se quando mentre anche oppure ovvero cioè che chi cui dove come sebbene affinché siccome né',
    ),
    prepositions: set(
      "di a da in con su per tra fra del dello della dell' dei degli delle al allo alla all' ai agli alle dal dallo dalla dall' dai dagli dalle nel nello nella nell' nei negli nelle sul sullo sulla sull' sui sugli sulle verso senza sotto sopra dopo prima durante contro",
    ),
    bound: set(
      'il lo la i gli le un uno una mio mia miei mie tuo tua tuoi tue suo sua suoi sue nostro nostra nostri nostre vostro vostra vostri vostre loro questo questa questi queste quel quello quella quei quegli quelle non più molto è sono era ho ha hai abbiamo avete hanno si ci vi ne mi ti',
    ),
    abbreviations: set('sig. sig.ra dott. dott.ssa prof. prof.ssa ing. avv. ecc. es. pag. art. n. cap. fig.'),
  },
};

const closing = `["'’”»)\\]}」』）】》]*$`;
const sentenceEnd = new RegExp(`[.!?…。！？؟।۔։]${closing}`, 'u');
const fullStop = new RegExp(`\\.${closing}`, 'u');
const clauseEnd = new RegExp(`[,;:、，；：،؛–—]${closing}`, 'u');
const initial = /^\p{L}\.$/u;

/** What can be seen of a word alone. */
interface Seen {
  /** Without what stands around it. */
  readonly bare: string;
  readonly end: 'sentence' | 'full stop' | 'clause' | 'apostrophe' | null;
  readonly isInitial: boolean;
  readonly begin: 'lower' | 'number' | 'dash' | null;
}

function see(word: string): Seen {
  const bare = word
    .toLowerCase()
    .replaceAll(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}.'’]+$/gu, '')
    .replaceAll('’', "'");
  const isEnd = sentenceEnd.test(word);
  const end = isEnd ? (fullStop.test(word) ? 'full stop' : 'sentence') : clauseEnd.test(word) ? 'clause' : null;
  const begin = /^[–—]/.test(word)
    ? 'dash'
    : /^\p{Ll}/u.test(word)
      ? 'lower'
      : /^[\p{N}%]/u.test(word)
        ? 'number'
        : null;
  return {
    bare,
    end: end ?? (/['’]$/.test(word) ? 'apostrophe' : null),
    isInitial: initial.test(word.replaceAll(/^[^\p{L}]+/gu, '')),
    begin,
  };
}

/** A talk says the same words again and again. */
const seen = new Map<string, Seen>();
const maxSeen = 5000;
const maxSeenLength = 40;

function look(word: string): Seen {
  const known = seen.get(word);
  if (known) return known;
  const fresh = see(word);
  if (seen.size >= maxSeen) seen.clear();
  if (word.length <= maxSeenLength) seen.set(word, fresh);
  return fresh;
}

/** Whether a sentence ends with this word. */
export function endsSentence(word: string, next: string | undefined, language: string): boolean {
  const { end, bare, isInitial } = look(word);
  if (end === 'sentence') return true;
  if (end !== 'full stop' || isInitial || tables[primary(language)]?.abbreviations.has(bare)) return false;
  return next === undefined || look(next).begin !== 'lower';
}

/** What it costs to break between two words of a language. */
export function breakCost(word: string, next: string, language: string): number {
  if (endsSentence(word, next, language)) return costs.sentence;
  const [one, two] = [look(word), look(next)];
  if (one.end === 'clause' || two.begin === 'dash') return costs.clause;
  const table = tables[primary(language)];
  // In most languages the shortest words belong to the next one.
  if (!table) return one.bare.length <= 2 ? costs.short : costs.word;
  const isTied = table.bound.has(one.bare) || table.prepositions.has(one.bare) || table.abbreviations.has(one.bare);
  if (isTied || table.conjunctions.has(one.bare) || one.end === 'apostrophe') return costs.bound;
  if (table.conjunctions.has(two.bare)) return costs.conjunction;
  if (table.prepositions.has(two.bare)) return costs.preposition;
  return one.begin === 'number' && two.begin === 'number' ? costs.bound : costs.word;
}

/** Small letters and marks that no line may begin with. */
const neverFirst = /^[ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶーゝゞ々〻]/u;
/** What ends a group of words. */
const particle = /^(は|が|を|に|で|と|も|へ|から|まで|ので|のに|けど|て|的|了|呢|吗|嗎|吧)$/u;
/** What belongs to the word before it. */
const following =
  /^(は|が|を|に|で|と|も|の|へ|や|な|だ|た|て|から|まで|より|ので|のに|けど|では|には|とは|について|による|により|によって|として|という|ます|ました|まして|です|でした|した|いる|ない|的|了|着|过|過|呢|吗|嗎|吧)$/u;
/** A piece of a verb, or a prefix: the segmenter takes them apart. */
const pieceOfWord = /^[あ-ん]$(?<![はがをにでともへやのなかねよて])/u;
const isPiece = (segment: string, next: string) =>
  pieceOfWord.test(segment) ||
  pieceOfWord.test(next) ||
  (/\p{Script=Han}$/u.test(segment) && /^\p{Script=Hiragana}/u.test(next));

/** The same inside a script without spaces: particles end what they belong to. */
export function unspacedCost(segment: string, next: string): number {
  if (sentenceEnd.test(segment)) return costs.sentence;
  if (clauseEnd.test(segment)) return costs.clause;
  if (neverFirst.test(next) || /[\p{Script=Katakana}ー]\|\p{Script=Katakana}/u.test(`${segment}|${next}`))
    return costs.inside;
  if (following.test(next) || isPiece(segment, next)) return costs.bound;
  return particle.test(segment) ? costs.particle : costs.word;
}

const primary = (language: string) => /^[^-]*/.exec(language)?.[0].toLowerCase() ?? '';
