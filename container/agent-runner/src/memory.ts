/**
 * What the agent knows from earlier conversations: plain files of the group, and of all groups, that people can read and edit.
 * Shown whole as far as a bound allows; what is left out is named. Reads only: how they are written is told in the prompt.
 */
import { localTime } from '../../../src/lib/local-time.ts';
import { readPart } from '../../../src/lib/read-below.ts';

const KB = 1024;
/** Of each file. Instructions stand at the beginning, what was learned last at the end. */
const BOUNDS = {
  instructions: { most: 64 * KB, end: 'beginning' },
  kept: { most: 32 * KB, end: 'end' },
  day: { most: 16 * KB, end: 'end' },
} as const;

export interface MemoryFolders {
  groupDir: string;
  globalDir: string;
}

interface Shown {
  root: string;
  path: readonly string[];
  bound: keyof typeof BOUNDS;
}

/** Of the day that it is now in the zone: `2026-11-21`. `before`: so many days earlier. */
export function dayIn(nowMs: number, timezone: string, before = 0): string {
  const today = localTime(nowMs, timezone).slice(0, 10);
  return new Date(Date.parse(`${today}T12:00:00Z`) - before * 86_400_000).toISOString().slice(0, 10);
}

/** The daily note, in its folder. */
export const dayFile = (day: string): readonly [string, string] => ['memory', `${day}.md`];

/** All files as one text; '' where there is nothing. The global ones come first, so that the group's have the last word. */
export function readMemory({ groupDir, globalDir }: MemoryFolders, nowMs: number, timezone: string): string {
  const days = [dayFile(dayIn(nowMs, timezone, 1)), dayFile(dayIn(nowMs, timezone))];
  const files = [globalDir, groupDir].flatMap((root): Shown[] => [
    { root, path: ['CLAUDE.md'], bound: 'instructions' },
    { root, path: ['MEMORY.md'], bound: 'kept' },
    ...days.map((path): Shown => ({ root, path, bound: 'day' })),
  ]);
  return files.map(show).filter(Boolean).join('\n\n');
}

function show({ root, path, bound }: Shown): string {
  const { most, end } = BOUNDS[bound];
  const part = readPart(root, path, most, end);
  if (part === null) return '';
  const file = [root, ...path].join('/');
  if ('reason' in part) return `<memory file="${file}" unreadable="yes"/>`;
  const text = part.text.trim().replace(/<(\/?memory)/gi, '&lt;$1');
  if (text === '') return '';
  const cut = part.isCut
    ? ` cut="only the ${end} is shown, ${Math.round(most / KB)} of ${Math.round(part.bytes / KB)} KB: read the rest when you need it, and shorten the file"`
    : '';
  return `<memory file="${file}"${cut}>\n${text}\n</memory>`;
}
