/** A series of the text format. */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Exposition {
  readonly families: ReadonlyMap<string, { readonly type: string; readonly help: string }>;
  readonly series: readonly Series[];
}

const nameForm = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const sampleForm = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const labelForm = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/;
const suffixes: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let rest = text; rest !== ''; ) {
    const [whole, name = '', value = ''] = labelForm.exec(rest) ?? [];
    if (whole === undefined) throw new Error(`no label: ${rest}`);
    if (name in labels) throw new Error(`${name} twice in ${text}`);
    labels[name] = value.replace(/\\(.)/g, (_, each: string) => (each === 'n' ? '\n' : each));
    rest = rest.slice(whole.length);
  }
  return labels;
}

const numberOf = (text: string) => {
  const special: Record<string, number> = { '+Inf': Number.POSITIVE_INFINITY, '-Inf': Number.NEGATIVE_INFINITY };
  const isNone = /^nan$/i.test(text);
  const value = special[text] ?? (isNone ? Number.NaN : Number(text));
  if (Number.isNaN(value) !== isNone) throw new Error(`no number: ${text}`);
  return value;
};

/**
 * Reads Prometheus' text format 0.0.4 as strictly as its own parser.
 * @throws where a line is none, a series has no family before it, stands twice, or a family's lines are apart
 */
export function parseMetrics(text: string): Exposition {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, { type: string; help: string }>();
  const series: Series[] = [];
  const seen = new Set<string>();
  const closed = new Set<string>();
  let current = '';
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (kind === 'HELP') {
      if (!nameForm.test(name) || families.has(name)) throw new Error(`HELP: ${line}`);
      if (/\\(?![\\n])/.test(rest)) throw new Error(`not escaped: ${line}`);
      if (current) closed.add(current);
      current = name;
      families.set(name, { type: '', help: rest });
    } else if (kind === 'TYPE') {
      const family = families.get(name);
      if (!family || family.type || name !== current) throw new Error(`TYPE: ${line}`);
      if (!/^(counter|gauge|histogram|summary)$/.test(rest)) throw new Error(`TYPE: ${line}`);
      family.type = rest;
    } else if (!line.startsWith('#')) {
      const [, sample, labels = '', value = ''] = sampleForm.exec(line) ?? [];
      if (sample === undefined) throw new Error(`no sample: ${line}`);
      const type = families.get(current)?.type ?? '';
      if (!(suffixes[type] ?? ['']).some((suffix) => sample === current + suffix)) throw new Error(`alone: ${line}`);
      if (closed.has(current)) throw new Error(`apart: ${line}`);
      const each = { name: sample, labels: labelsOf(labels), value: numberOf(value) };
      const key = `${sample} ${JSON.stringify(Object.entries(each.labels).sort())}`;
      if (seen.has(key)) throw new Error(`twice: ${line}`);
      seen.add(key);
      series.push(each);
    } else throw new Error(`neither HELP nor TYPE: ${line}`);
  }
  return { families, series };
}
