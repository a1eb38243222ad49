import fc from 'fast-check';
import { expect, test } from 'vitest';
import { intersect, type RangeSet, runEnd, size, subtract, union } from '../relay/protocol.js';

const max = 30;
/** Sets as the programs have them, in order and apart: all that is made of ranges in any order, overlapping or empty. */
const ranges = fc.array(fc.tuple(fc.nat(max), fc.nat(max)), { maxLength: 8 });
const sets = ranges.map((pieces) => union([], pieces));
const positions = Array.from({ length: max + 1 }, (_, i) => i);
/** The reference: a set of single positions. */
const plain = (set: RangeSet) =>
  new Set(positions.filter((position) => set.some(([from, to]) => from <= position && position < to)));
const isInOrder = (set: RangeSet) => set.every(([from, to], i) => from < to && from > (set[i - 1]?.[1] ?? -1));

test('union, difference and intersection of range sets are those of their positions, in order and apart', () => {
  fc.assert(
    fc.property(sets, ranges, sets, (a, loose, b) => {
      const [inA, inB, inLoose] = [plain(a), plain(b), plain(loose)];
      const those = (isIn: (position: number) => boolean) => new Set(positions.filter(isIn));
      const results: [RangeSet, Set<number>][] = [
        [union(a, loose), those((each) => inA.has(each) || inLoose.has(each))],
        [subtract(a, b), those((each) => inA.has(each) && !inB.has(each))],
        [intersect(a, b), those((each) => inA.has(each) && inB.has(each))],
      ];
      for (const [found, expected] of results) {
        expect(isInOrder(found)).toBe(true);
        expect(plain(found)).toEqual(expected);
        expect(size(found)).toBe(expected.size);
      }
    }),
    { numRuns: 2000 },
  );
});

test('a run ends at the first position that is not in the set', () => {
  fc.assert(
    fc.property(sets, fc.nat(max), (set, position) => {
      const inside = plain(set);
      expect(runEnd(set, position)).toBe(positions.find((each) => each >= position && !inside.has(each)) ?? max + 1);
    }),
  );
});

test('what is given to a set operation is not changed by it', () => {
  fc.assert(
    fc.property(sets, sets, (a, b) => {
      const before = JSON.stringify([a, b]);
      const joined = union(a, b);
      for (const range of joined) range[1]++;
      for (const range of subtract(a, b)) range[1]++;
      for (const range of intersect(a, b)) range[1]++;
      expect(JSON.stringify([a, b])).toBe(before);
    }),
  );
});
