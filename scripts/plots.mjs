// @ts-check
/**
 * npm run plots: draws docs/pictures/performance.svg from bench/results.json: each figure as a multiple of its limit, with a
 * mark where the aim is. Figures whose aim is no multiple are left out. Readable on light and dark pages.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '..');
const [file = path.join(ROOT, 'bench/results.json'), out = path.join(ROOT, 'docs/pictures/performance.svg')] =
  process.argv.slice(2);
const { figures, machine, at, quick } = JSON.parse(readFileSync(file, 'utf8'));

const NAMES = 430;
const WIDTH = 960;
const LINE = 26;
const TOP = 34;
/** Longer bars are cut; the number tells. */
const MOST = 6;

const bars = figures.flatMap((/** @type {any} */ figure) =>
  figure.rows
    .filter((/** @type {any} */ row) => row.ratio !== null && /ratio|share/.test(row.aim?.kind ?? ''))
    .map((/** @type {any} */ row) => ({ ...row, name: `${figure.name}: ${row.name}` })),
);
const height = TOP + bars.length * LINE + 24;
const x = (/** @type {number} */ ratio) => NAMES + (Math.min(ratio, MOST) / MOST) * (WIDTH - NAMES - 70);
const escaped = (/** @type {string} */ text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

const lines = bars.map((/** @type {any} */ { name, ratio, aim, met }, /** @type {number} */ i) => {
  const y = TOP + i * LINE;
  return `<text x="${NAMES - 10}" y="${y + 14}" text-anchor="end">${escaped(name.slice(0, 66))}</text>
<rect class="${met ? 'met' : 'missed'}" x="${NAMES}" y="${y + 3}" width="${(x(ratio) - NAMES).toFixed(1)}" height="14" rx="2"/>
<path class="aim" d="M${x(aim.value).toFixed(1)} ${y}v20"/>
<text x="${(x(ratio) + 6).toFixed(1)}" y="${y + 14}">${ratio.toFixed(2)} ×${aim.kind === 'share' ? ' (more is better)' : ''}</text>`;
});
writeFileSync(
  out,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12"><title>Each figure beside its bare limit</title>
<style>text{fill:#57606a}.met{fill:#2da44e}.missed{fill:#d4763b}.aim{stroke:#57606a;stroke-width:2}@media(prefers-color-scheme:dark){text{fill:#adbac7}.aim{stroke:#adbac7}}</style>
<text x="${NAMES}" y="18">multiples of the bare limit; the mark is the aim</text>
${lines.join('\n')}
<text x="10" y="${height - 8}">${at.slice(0, 10)}, Node ${machine.node.slice(1)}, ${machine.cores} cores${quick ? ', a quick run' : ''}</text>
</svg>
`,
);
