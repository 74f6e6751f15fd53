/** Small bar charts by day, drawn as SVG; the figures stand in a table below for those who want or need them. */
import { byId, fillTable, make, row } from './dom.js';

/** @typedef {import('../page-sections.ts').UsageDay} UsageDay */
/** @typedef {import('../page-sections.ts').PageSections['usage']} Usage */

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 280;
const HEIGHT = 72;
const NUMBER = new Intl.NumberFormat(undefined);
const SHORT = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
const MONEY = new Intl.NumberFormat(undefined, {
  style: 'currency',
  currency: 'USD',
  currencyDisplay: 'narrowSymbol',
});

/** @type {{title: string, tone: string, of: (day: UsageDay) => number, show: (n: number) => string}[]} */
const CHARTS = [
  { title: 'Messages', tone: 'a', of: (day) => day.messages, show: (n) => NUMBER.format(n) },
  { title: 'Requests to the model', tone: 'b', of: (day) => day.requests, show: (n) => NUMBER.format(n) },
  {
    title: 'Tokens, in and out',
    tone: 'c',
    of: (day) => day.inputTokens + day.outputTokens,
    show: (n) => SHORT.format(n),
  },
  { title: 'Cost', tone: 'd', of: (day) => day.costUsd, show: (n) => MONEY.format(n) },
];

/** @param {Usage} usage */
export function showUsage(usage) {
  const used = usage.groups.map(({ group, tokens }) => `${group} ${SHORT.format(tokens)}`).join(' · ');
  // Where no model was asked there is nothing to draw of it.
  const shown = CHARTS.filter((kind, i) => i === 0 || usage.days.some((day) => kind.of(day) > 0));
  const charts = shown.map((kind) => chart(kind, usage.days));
  byId('charts', HTMLElement).replaceChildren(
    ...charts,
    ...(used ? [make('p', 'quiet most', `Most tokens today: ${used}`)] : []),
  );
  fillTable(
    'usage',
    [...usage.days].reverse().map((day) => {
      const line = row([
        day.day,
        NUMBER.format(day.messages),
        NUMBER.format(day.requests),
        NUMBER.format(day.failures),
        NUMBER.format(day.inputTokens),
        NUMBER.format(day.outputTokens),
        MONEY.format(day.costUsd),
      ]);
      // Left out on a phone, as their heads are.
      for (const cell of [line.cells[2], line.cells[3]]) cell?.classList.add('spare');
      return line;
    }),
  );
  showMonth(usage.month);
}

/** @param {Usage['month']} month */
function showMonth({ from, total, shown }) {
  const more = total > shown.length ? `, ${total - shown.length} more groups` : '';
  byId('month-of', HTMLElement).textContent = `since ${from}${more}`;
  fillTable(
    'month',
    shown.map(({ group, turns, inputTokens, outputTokens, costUsd }) =>
      row([
        group,
        NUMBER.format(turns),
        NUMBER.format(inputTokens),
        NUMBER.format(outputTokens),
        MONEY.format(costUsd),
      ]),
    ),
  );
}

/**
 * @param {typeof CHARTS[number]} kind
 * @param {UsageDay[]} days
 */
function chart({ title, tone, of, show }, days) {
  const values = days.map(of);
  const most = Math.max(...values, 0);
  const today = values.at(-1) ?? 0;
  const figure = make('figure', 'chart');
  figure.dataset.tone = tone;
  const caption = make('figcaption', '', make('span', 'quiet', title), ' ', make('strong', '', show(today)));
  caption.append(make('span', 'quiet', ' today'));
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  svg.setAttribute(
    'aria-label',
    `${title}: today ${show(today)}, at most ${show(most)} a day in ${days.length} days`,
  );
  const step = WIDTH / Math.max(1, values.length);
  values.forEach((value, i) => {
    const height = most === 0 || value === 0 ? 2 : Math.max(4, (value / most) * (HEIGHT - 4));
    const bar = document.createElementNS(SVG, 'rect');
    bar.setAttribute('x', String(i * step + 2));
    bar.setAttribute('width', String(step - 4));
    bar.setAttribute('y', String(HEIGHT - height));
    bar.setAttribute('height', String(height));
    bar.setAttribute('rx', '2');
    if (value === 0) bar.classList.add('zero');
    const words = document.createElementNS(SVG, 'title');
    words.textContent = `${days[i]?.day ?? ''}: ${show(value)}`;
    bar.append(words);
    svg.append(bar);
  });
  figure.append(caption, svg);
  return figure;
}
