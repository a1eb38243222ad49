import type { Aim } from './bench.ts';

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Said below the table. */
  readonly note?: string;
}

/** A table as plain text: the first column to the left, figures to the right. */
export function tableText({ title, columns, rows, note }: Table): string {
  const lines = [columns, ...rows];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const shown = lines.map((line) =>
    columns
      .map((_, i) => (i === 0 ? (line[i] ?? '').padEnd(widths[i] ?? 0) : (line[i] ?? '').padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return `${title}\n${[shown[0], rule, ...shown.slice(1)].join('\n')}\n${note ? `${note}\n` : ''}`;
}

/** The aims of all benches that ran, with what came of them. */
export function aimsTable(aims: readonly Aim[]): Table {
  return {
    title: 'Aims',
    columns: ['', 'measured', 'aim', ''],
    rows: aims.map(({ what, figure, below, unit }) => [
      what,
      Number.isFinite(figure) ? `${figure.toFixed(2)} ${unit}` : 'not measured',
      `< ${below} ${unit}`,
      Number.isFinite(figure) ? (figure < below ? 'met' : 'not met') : '',
    ]),
  };
}
