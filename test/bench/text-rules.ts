import { setImmediate as turn } from 'node:timers/promises';
import { applyRules, compileRules, type Replacement, type TextRules } from '../../relay/text-rules.ts';
import type { Bench, BenchSettings } from './bench.ts';
import { percentiles, quantile } from './figures.ts';

const text =
  'so today we are going to look at how the quick brown fox jumps over the lazy dog and why cube or netties is not what you really wanted to';
const words = text.split(' ').map((word, i) => ({ text: word, from: i * 8000, to: (i + 1) * 8000 }));
const rules = 200;
const partials = 2000;

const replacement = (find: string, replace: string, regex = false): Replacement => ({
  find,
  replace,
  regex,
  case: 'found',
  language: null,
});
const literals = Array.from({ length: rules }, (_, i) => replacement(`misheard name ${i}`, `Name ${i}`));
const patterns = Array.from({ length: rules }, (_, i) => {
  const kinds = [
    `word${i} (\\d+)`,
    `vers(i|e)on${i} (\\w+)`,
    `(?i)\\bcube ?or ?net+ies${i}\\b`,
    `(?i)[ck]ube.{0,5}t${i}`,
  ];
  return replacement(kinds[i % kinds.length] ?? '', 'x', true);
});
const blocked = Array.from({ length: 500 }, (_, i) => ({ word: `swear${i}`, method: 'mask' as const, language: null }));

const cases: readonly { readonly what: string; readonly rules: TextRules }[] = [
  { what: `${rules} literals, none found`, rules: { replacements: literals, blocked: [] } },
  {
    what: `${rules} literals, 10 of them found`,
    rules: {
      replacements: literals.map((rule, i) => (i % 20 === 0 ? replacement(words[i / 10]?.text ?? '', 'Ada L') : rule)),
      blocked: [],
    },
  },
  { what: `${rules} literals and ${blocked.length} blocked words`, rules: { replacements: literals, blocked } },
  { what: `${rules} patterns, none found`, rules: { replacements: patterns, blocked: [] } },
];

async function run({ tell }: BenchSettings) {
  tell(`rules: ${partials} partials of ${words.length} words through each of ${cases.length} sets of text rules`);
  const measured: { what: string; compileMs: number; tookUs: number[] }[] = [];
  for (const each of cases) {
    const begun = performance.now();
    const set = compileRules('room', each.rules, (rule, message) => {
      throw new Error(`${rule}: ${message}`);
    });
    const compileMs = performance.now() - begun;
    const tookUs: number[] = [];
    for (let i = 0; i < partials; i++) {
      const said = { text: `${text} ${i}`, words }; // no two are the same
      const from = performance.now();
      applyRules([set], said, 'en-US');
      tookUs.push((performance.now() - from) * 1000);
      if (i % 100 === 0) await turn();
    }
    measured.push({ what: each.what, compileMs, tookUs });
  }
  return {
    tables: [
      {
        title: `Text rules on a partial of ${words.length} words`,
        columns: ['rules', 'a partial, us: p50 / p95 / p99', 'made ready, ms'],
        rows: measured.map(({ what, compileMs, tookUs }) => [what, percentiles(tookUs, 0), compileMs.toFixed(1)]),
      },
    ],
    aims: measured.map(({ what, tookUs }) => ({
      what: `text rules on a partial, median: ${what}`,
      figure: quantile(tookUs, 0.5),
      below: 500,
      unit: 'us',
    })),
  };
}

export const textRules: Bench = {
  name: 'rules',
  summary: 'what 200 text rules cost on a partial',
  run,
};
