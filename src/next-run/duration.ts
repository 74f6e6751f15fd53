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

/** The two largest units: "2 h 5 min", "3 d", "40 s". */
export function formatDuration(ms: number): string {
  const names: [number, string][] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ];
  const parts: string[] = [];
  let rest = Math.max(0, Math.round(ms / 1000) * 1000);
  for (const [size, name] of names) {
    const count = Math.floor(rest / size);
    if (count > 0 && parts.length < 2) parts.push(`${count} ${name}`);
    else if (parts.length > 0) break;
    rest -= count * size;
  }
  return parts.length === 0 ? '0 s' : parts.join(' ');
}
