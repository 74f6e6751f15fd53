/** Lengths of time as people write them: 90s, 15m, 2h, 1d, 2w, 1h30m; plain digits are milliseconds. Pure. */

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Milliseconds, or null when the text is no length. */
export function parseDuration(text: string): number | null {
  const compact = text.trim().toLowerCase().replace(/\s+/g, '');
  if (/^\d{1,15}$/.test(compact)) return Number(compact);
  if (!/^(\d{1,9}[smhdw])+$/.test(compact)) return null;
  let total = 0;
  for (const [, count, unit] of compact.matchAll(/(\d+)([smhdw])/g))
    total += Number(count) * (UNITS[unit ?? ''] ?? 0);
  return total;
}

export type Unit = 'd' | 'h' | 'min' | 's';
export type Length = readonly [count: number, unit: Unit][];

const SIZES: readonly [number, Unit][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
];

/** The two largest units, without those that are empty. */
export function durationOf(ms: number): Length {
  const parts: [number, Unit][] = [];
  let rest = Math.max(0, Math.round(ms / 1000) * 1000);
  for (const [size, unit] of SIZES) {
    const count = Math.floor(rest / size);
    if (count > 0 && parts.length < 2) parts.push([count, unit]);
    else if (parts.length > 0) break;
    rest -= count * size;
  }
  return parts.length === 0 ? [[0, 's']] : parts;
}

/** How long ago, or how far ahead, at a glance. */
export function ageOf(ms: number): Length {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [minutes, hours, days] = [60, 3600, 86_400].map((size) => Math.floor(seconds / size)) as [
    number,
    number,
    number,
  ];
  if (minutes === 0) return [[seconds, 's']];
  if (hours === 0) return [[minutes, 'min']];
  if (days === 0)
    return [
      [hours, 'h'],
      [minutes % 60, 'min'],
    ];
  return [
    [days, 'd'],
    [hours % 24, 'h'],
  ];
}

const plain = (length: Length): string => length.map(([count, unit]) => `${count} ${unit}`).join(' ');

/** "2 h 5 min", "3 d", "40 s" */
export const formatDuration = (ms: number): string => plain(durationOf(ms));
/** "40 s", "3 min", "2 h 5 min", "3 d 4 h" */
export const age = (ms: number): string => plain(ageOf(ms));
