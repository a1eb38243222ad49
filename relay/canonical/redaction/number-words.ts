import { folded } from './tokens.ts';

/** How a language says numbers. Words are in small letters and without accents. */
export interface NumberWords {
  /** Words that are a number by themselves, compounds such as `zweiundvierzig` among them. */
  readonly values: ReadonlyMap<string, number>;
  readonly hundred: ReadonlySet<string>;
  readonly thousand: ReadonlySet<string>;
  readonly million: ReadonlySet<string>;
  /** Between tens and units (`y`, `et`), or behind a hundred (`and`). */
  readonly links: ReadonlySet<string>;
  /** `quatre vingt dix`: four before twenty is eighty, and 60 and 80 take up to 19. */
  readonly isVigesimal: boolean;
  /** `double four`. */
  readonly repeats: ReadonlyMap<string, number>;
  /** `zeros` in `three zeros`. */
  readonly plurals: ReadonlyMap<string, number>;
  /** What may stand within a number as it is read out. */
  readonly fillers: ReadonlySet<string>;
}

const listed = (words: string, first = 0): Array<[string, number]> =>
  words
    .split(' ')
    .flatMap((alternatives, index) => alternatives.split('/').map((word): [string, number] => [word, first + index]));
const tensOf = (words: string, first = 20): Array<[string, number]> =>
  words
    .split(' ')
    .flatMap((alternatives, index) =>
      alternatives.split('/').map((word): [string, number] => [word, first + 10 * index]),
    );
const setOf = (words: string) => new Set(words.split(' ').filter((word) => word !== ''));

const english: NumberWords = {
  values: new Map([
    ...listed(
      'zero/oh/nought/nil one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen',
    ),
    ...tensOf('twenty thirty forty/fourty fifty sixty seventy eighty ninety'),
  ]),
  hundred: setOf('hundred'),
  thousand: setOf('thousand'),
  million: setOf('million'),
  links: setOf('and'),
  isVigesimal: false,
  repeats: new Map([
    ['double', 2],
    ['triple', 3],
    ['treble', 3],
    ['quadruple', 4],
  ]),
  plurals: new Map(listed('zeros/zeroes ones twos threes fours fives sixes sevens eights nines')),
  fillers: setOf('and then uh um er erm ah hyphen space comma again so'),
};

const germanUnits =
  'null ein zwei drei vier funf sechs sieben acht neun zehn elf zwolf dreizehn vierzehn funfzehn sechzehn siebzehn achtzehn neunzehn'.split(
    ' ',
  );
const germanTens = 'zwanzig dreissig vierzig funfzig sechzig siebzig achtzig neunzig'.split(' ');

function germanBelowHundred(value: number): string {
  if (value < 20) return germanUnits[value] ?? '';
  const tens = germanTens[Math.floor(value / 10) - 2] ?? '';
  return value % 10 === 0 ? tens : `${germanUnits[value % 10] ?? ''}und${tens}`;
}

function* germanValues(): Generator<[string, number]> {
  const said = (word: string, value: number): Array<[string, number]> => {
    const shut = word.endsWith('ein') ? `${word}s` : word;
    const written = shut.replaceAll('funf', 'fuenf').replaceAll('zwolf', 'zwoelf');
    return [
      [shut, value],
      [written, value],
    ];
  };
  for (let value = 0; value < 100; value += 1) yield* said(germanBelowHundred(value), value);
  for (let value = 100; value < 1000; value += 1) {
    const rest = value % 100 === 0 ? '' : germanBelowHundred(value % 100);
    const hundreds = Math.floor(value / 100);
    yield* said(`${germanUnits[hundreds] ?? ''}hundert${rest}`, value);
    if (hundreds === 1) yield* said(`hundert${rest}`, value);
  }
  for (let value = 1; value < 100; value += 1) yield* said(`${germanBelowHundred(value)}tausend`, value * 1000);
  yield* listed('zwo zwote', 2);
  yield ['eine', 1];
  yield ['ein', 1];
  yield ['tausend', 1000];
}

const german: NumberWords = {
  values: new Map(germanValues()),
  hundred: setOf(''),
  thousand: setOf(''),
  million: setOf('millionen million'),
  links: setOf(''),
  isVigesimal: false,
  repeats: new Map([
    ['doppel', 2],
    ['doppelt', 2],
    ['zweimal', 2],
    ['dreimal', 3],
    ['viermal', 4],
  ]),
  plurals: new Map(
    listed(
      'nullen einsen zweien/zweier dreien/dreier vieren/vierer funfen/funfer sechsen/sechser siebenen/siebener achten/achter neunen/neuner',
    ),
  ),
  fillers: setOf('und dann ah ahm ehm also bindestrich strich leerzeichen komma nochmal die der'),
};

const italianUnits =
  'zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove'.split(
    ' ',
  );
const italianTens = 'venti trenta quaranta cinquanta sessanta settanta ottanta novanta'.split(' ');

function italianBelowHundred(value: number): string {
  if (value < 20) return italianUnits[value] ?? '';
  const tens = italianTens[Math.floor(value / 10) - 2] ?? '';
  const unit = value % 10;
  if (unit === 0) return tens;
  return `${unit === 1 || unit === 8 ? tens.slice(0, -1) : tens}${italianUnits[unit] ?? ''}`;
}

function* italianValues(): Generator<[string, number]> {
  for (let value = 0; value < 1000; value += 1) {
    const hundreds = Math.floor(value / 100);
    const rest = hundreds > 0 && value % 100 === 0 ? '' : italianBelowHundred(value % 100);
    const word = hundreds === 0 ? rest : `${hundreds === 1 ? '' : (italianUnits[hundreds] ?? '')}cento${rest}`;
    yield [word, value];
    if (word.endsWith('uno') && value > 20) yield [word.slice(0, -1), value];
    if (value > 1 && value < 200) yield [`${word}mila`, value * 1000];
    if (value > 0) yield [`mille${word}`, 1000 + value];
  }
  yield ['mille', 1000];
}

const italian: NumberWords = {
  values: new Map(italianValues()),
  hundred: setOf(''),
  thousand: setOf('mila'),
  million: setOf('milioni milione'),
  links: setOf('e'),
  isVigesimal: false,
  repeats: new Map([
    ['doppio', 2],
    ['doppia', 2],
    ['triplo', 3],
    ['tripla', 3],
    ['triplice', 3],
  ]),
  plurals: new Map(listed('zeri uni')),
  fillers: setOf('e poi eh ehm uhm allora quindi trattino spazio virgola ancora'),
};

const french: NumberWords = {
  values: new Map([
    ...listed('zero un/une deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize'),
    ...tensOf('vingt/vingts trente quarante cinquante soixante septante huitante/octante nonante'),
  ]),
  hundred: setOf('cent cents'),
  thousand: setOf('mille'),
  million: setOf('million millions'),
  links: setOf('et'),
  isVigesimal: true,
  repeats: new Map([
    ['double', 2],
    ['triple', 3],
  ]),
  plurals: new Map(listed('zeros uns')),
  fillers: setOf('et puis euh heu ben alors tiret espace virgule encore'),
};

const spanish: NumberWords = {
  values: new Map([
    ...listed(
      'cero un/uno/una dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis diecisiete dieciocho diecinueve veinte veintiuno/veintiun/veintiuna veintidos veintitres veinticuatro veinticinco veintiseis veintisiete veintiocho veintinueve',
    ),
    ...tensOf('treinta cuarenta cincuenta sesenta setenta ochenta noventa', 30),
    ...'cien/ciento doscientos/doscientas trescientos/trescientas cuatrocientos/cuatrocientas quinientos/quinientas seiscientos/seiscientas setecientos/setecientas ochocientos/ochocientas novecientos/novecientas'
      .split(' ')
      .flatMap((words, index) => words.split('/').map((word): [string, number] => [word, 100 * (index + 1)])),
  ]),
  hundred: setOf(''),
  thousand: setOf('mil'),
  million: setOf('millon millones'),
  links: setOf('y'),
  isVigesimal: false,
  repeats: new Map([
    ['doble', 2],
    ['triple', 3],
  ]),
  plurals: new Map(listed('ceros unos doses treses cuatros cincos seises sietes ochos nueves')),
  fillers: setOf('y luego eh este pues entonces guion espacio coma otra vez'),
};

const byLanguage = new Map([
  ['en', english],
  ['de', german],
  ['it', italian],
  ['fr', french],
  ['es', spanish],
]);

/** Those of a language tag; English where the language is none of the five. */
export function numberWordsOf(language: string): NumberWords {
  return byLanguage.get(folded(language.split('-')[0] ?? '')) ?? english;
}
