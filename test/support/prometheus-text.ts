/**
 * A strict reader of Prometheus' text format 0.0.4, after its description: every family with one HELP and one TYPE before its
 * samples, which stand together; no series twice; histograms cumulative, with +Inf as their count. Throws with the line.
 */
export interface Family {
  type: string;
  help: string;
  samples: { name: string; labels: Record<string, string>; value: number }[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: (-?\d+))?$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/;
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];

export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const fail = (why: string): never => {
      throw new Error(`${why}: ${line}`);
    };
    if (line === '') continue;
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      if (!NAME.test(name) || families.has(name)) fail('a name that is wrong or comes again');
      families.set(name, { type: '', help: rest, samples: [] });
      current = name;
    } else if (keyword === 'TYPE') {
      const family = families.get(name) ?? fail('TYPE without HELP');
      if (name !== current || family.type !== '' || !TYPES.includes(rest)) fail('a TYPE out of place');
      family.type = rest;
    } else if (line.startsWith('#')) fail('a comment that nobody expects');
    else {
      const [, full = '', labelText = '', value = ''] = SAMPLE.exec(line) ?? fail('no sample');
      const family = families.get(current) ?? fail('a sample before any TYPE');
      const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
      if (!suffixes.some((suffix) => full === current + suffix)) fail(`a sample among those of ${current}`);
      const labels = parseLabels(labelText, fail);
      const series = `${full}${JSON.stringify(Object.entries(labels).sort())}`;
      if (seen.has(series)) fail('a series that comes again');
      seen.add(series);
      family.samples.push({ name: full, labels, value: number(value) ?? fail('no number') });
    }
  }
  for (const [name, family] of families) {
    if (family.type === '') throw new Error(`${name} has no TYPE`);
    if (family.type === 'histogram') checkHistogram(name, family);
    if (family.type === 'counter' && family.samples.some(({ value }) => !(value >= 0)))
      throw new Error(`${name} is below zero`);
  }
  return families;
}

function parseLabels(text: string, fail: (why: string) => never): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== '') {
    const [all = '', name = '', value = ''] = LABEL.exec(rest) ?? fail('labels that cannot be read');
    if (Object.hasOwn(labels, name)) fail('a label that comes again');
    labels[name] = value.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
    rest = rest.slice(all.length);
  }
  return labels;
}

function number(text: string): number | undefined {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  if (text === 'NaN' || text === 'Nan') return Number.NaN;
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined;
}

function checkHistogram(name: string, { samples }: Family): void {
  const groups = new Map<string, { buckets: [number, number][]; count?: number; sum?: number }>();
  for (const { name: full, labels, value } of samples) {
    const { le, ...others } = labels;
    const key = JSON.stringify(Object.entries(others).sort());
    const group = groups.get(key) ?? { buckets: [] };
    groups.set(key, group);
    if (full === `${name}_bucket`) group.buckets.push([number(le ?? '') ?? Number.NaN, value]);
    else if (full === `${name}_count`) group.count = value;
    else group.sum = value;
  }
  for (const [key, { buckets, count, sum }] of groups) {
    const isRising = buckets.every(([le, n], i) => {
      const before = buckets[i - 1];
      return !before || (le > before[0] && n >= before[1]);
    });
    const [last, all] = buckets.at(-1) ?? [];
    if (!isRising || last !== Number.POSITIVE_INFINITY || all !== count || sum === undefined)
      throw new Error(`${name}${key} is no histogram`);
  }
}
