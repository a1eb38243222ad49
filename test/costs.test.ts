/** What a day costs: the model by hand, the command, and the table that the readme shows. Costs 0.5 s. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { costSettings, costsOfDay, costTable, prices, pricesAsOf } from '../provisioning/cost-model.ts';
import { root } from './harness/programs.ts';

const rowsOf = (order: object = {}) => costsOfDay(costSettings.parse(order));
const moneyOf = (what: RegExp, order: object = {}) =>
  rowsOf(order).find((row) => what.test(row.what))?.money ?? Number.NaN;
const sum = (order: object = {}, part?: string) =>
  rowsOf(order).reduce((all, row) => all + (part === undefined || row.part === part ? row.money : 0), 0);

describe('a day of five rooms', () => {
  test('is 2,400 minutes of live captions', () => {
    expect(moneyOf(/^captions/)).toBeCloseTo(57.6, 10);
  });

  test('starts a GPU machine each time that talks end: 12 times 13 minutes, and 0.49 s for each minute of them', () => {
    const hours = (12 * 13) / 60 + (2400 * 0.49) / 3600;
    expect(moneyOf(/g6/)).toBeCloseTo(hours * 0.374, 10);
    expect(moneyOf(/g6/, { spot: 'no' })).toBeCloseTo(hours * 0.805, 10);
    expect(moneyOf(/g6/, { starts: 1 })).toBeCloseTo((13 / 60 + (2400 * 0.49) / 3600) * 0.374, 10);
  });

  test('keeps 40 hours of FLAC for three months', () => {
    const gb = (40 * 3600 * 32_000 * 0.55) / 1e9;
    expect(moneyOf(/^recordings/)).toBeCloseTo((gb * 0.023 * 90 * 24) / 730, 10);
  });

  test('costs after the talk a small part of what it costs live', () => {
    expect(sum({}, 'after the talk')).toBeLessThan(sum({}, 'live') / 20);
  });
});

describe('the model', () => {
  test('knows of nothing after the talk where nothing is recorded', () => {
    expect(sum({ recorded: 0 }, 'after the talk')).toBe(0);
    expect(sum({ rooms: 0 }, 'after the talk')).toBe(0);
    expect(sum({ recorded: 0 }, 'live')).toBe(sum({}, 'live'));
  });

  test.each([
    ['more rooms', { rooms: 6 }],
    ['longer days', { hours: 9 }],
    ['machines that are slow to come', { startMinutes: 20 }],
    ['machines on demand', { spot: 'no' }],
    ['dearer captions', { priceLive: 0.03 }],
    ['dearer machines', { priceGpu: 1 }],
    ['recordings that are kept longer', { keptDays: 365 }],
    ['shorter talks, and so more starts', { talkMinutes: 5 }],
    ['a slower engine', { gpuSeconds: 10 }],
    ['dearer storage', { priceStored: 1 }],
  ])('has %s cost more', (_, order) => {
    expect(sum(order)).toBeGreaterThan(sum());
  });

  test('takes its prices from one place, which says of when they are', () => {
    expect(costSettings.parse({})).toMatchObject({ priceLive: prices.live, priceStored: prices.stored });
    expect(pricesAsOf).toMatch(/^[A-Z][a-z]+ 20\d\d$/);
  });
});

test('the command shows the table, of other numbers too', () => {
  const say = (...args: string[]) =>
    execFileSync(process.execPath, [join(root, 'provisioning/costs.ts'), ...args], { encoding: 'utf8' });
  const order = { rooms: 3, hours: 6, spot: 'no', starts: 1 };
  expect(say('--rooms', '3', '--hours', '6', '--spot', 'no', '--starts', '1')).toBe(
    `${costTable(costSettings.parse(order))}\n`,
  );
});

test('the readmes show what the command does, with the date of its prices', () => {
  const [live, after] = ['live', 'after the talk'].map((part) => sum({}, part).toFixed(2));
  const top = readFileSync(join(root, 'README.md'), 'utf8');
  for (const each of [`${live} US dollars live`, `${after} [after the talk]`, `as of ${pricesAsOf}`])
    expect(top).toContain(each);
  const readme = readFileSync(join(root, 'provisioning/aws/README.md'), 'utf8');
  expect(readme).toContain(costTable(costSettings.parse({})));
  expect(readme).toContain(`as of ${pricesAsOf}`);
});
