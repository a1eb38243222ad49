/** How many letters were left out, put in, taken for another or swapped with their neighbour. */
function distance(one: string, other: string): number {
  const [rows, columns] = [[...one], [...other]];
  let before: number[] = [];
  let row = Array.from({ length: columns.length + 1 }, (_, column) => column);
  for (const [index, letter] of rows.entries()) {
    const next = [index + 1];
    for (const [column, each] of columns.entries()) {
      const isSwapped = letter === columns[column - 1] && each === rows[index - 1];
      next.push(
        Math.min(
          (next[column] ?? 0) + 1,
          (row[column + 1] ?? 0) + 1,
          (row[column] ?? 0) + (each === letter ? 0 : 1),
          isSwapped ? (before[column - 1] ?? 0) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    [before, row] = [row, next];
  }
  return row.at(-1) ?? 0;
}

/** The one of `names` that was probably meant, null where none is near. */
export function nearest(name: string, names: readonly string[]): string | null {
  const [best] = names
    .map((each) => ({ each, far: each.startsWith(name) && name.length > 1 ? 0 : distance(name, each) }))
    .sort((a, b) => a.far - b.far);
  return best && best.far <= Math.max(1, Math.floor(name.length / 3)) ? best.each : null;
}

/** `; did you mean "plan"?`, or nothing. */
export function didYouMean(name: string, names: readonly string[]): string {
  const meant = nearest(name, names);
  return meant === null ? '' : `; did you mean "${meant}"?`;
}
