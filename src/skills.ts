/**
 * Skills: how to do something, in `skills/<name>/SKILL.md` of a group's folder, of the global one, and of what is shipped in the
 * agents' image. Read alike by the daemon (/skills) and by the agent runner. Of one name the group's goes before the global one,
 * and that before the shipped one. What cannot be used is named and keeps none of the others; no link is followed.
 */
import { type FileFault, oneLine, openingOf, readMarkdown, textOf } from './lib/front-matter.ts';
import { nameSlug } from './lib/name-slug.ts';
import { namesBelow, readBelow } from './lib/read-below.ts';

/** Below each of the three. */
export const SKILLS = 'skills';
const FILE = 'SKILL.md';
const MAX_SKILL_BYTES = 64 * 1024;
const MOST_SKILLS = 100;
const MAX_DESCRIPTION = 1000;

export type SkillScope = 'group' | 'global' | 'shipped';

export interface Skill {
  name: string;
  description: string;
  /** Everything behind the front matter. */
  instructions: string;
  scope: SkillScope;
  /** Its own, with what else lies there. */
  folder: string;
}

/** Why the skill in this folder cannot be used. */
export interface SkillNote extends FileFault {
  scope: SkillScope;
  /** '' where it is skills/ itself. */
  folder: string;
}

export interface SkillFolders {
  groupDir: string;
  globalDir: string;
  /** Holds skills/, as in the image. */
  shippedDir: string;
}

/** Reads the files as they are now. Never throws. */
export function readSkills(folders: SkillFolders): { skills: Skill[]; notes: SkillNote[] } {
  const found = new Map<string, Skill>();
  const notes: SkillNote[] = [];
  const roots = [
    [folders.groupDir, 'group'],
    [folders.globalDir, 'global'],
    [folders.shippedDir, 'shipped'],
  ] as const;
  for (const [root, scope] of roots) {
    const names = namesBelow(root, [SKILLS]);
    if ('reason' in names) {
      notes.push({ scope, folder: '', ...names });
      continue;
    }
    for (const [index, folder] of names.names.entries()) {
      const read = index < MOST_SKILLS ? readSkill(root, folder, scope) : tooMany(index);
      if (read !== null && 'reason' in read) notes.push({ scope, folder, ...read });
      else if (read !== null && !found.has(read.name)) found.set(read.name, read);
      if (index >= MOST_SKILLS) break;
    }
  }
  return { skills: [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), notes };
}

const tooMany = (count: number): FileFault => ({ line: null, reason: (w) => w.files.tooMany(count) });

/** Null: there is no skill in it. */
function readSkill(root: string, folder: string, scope: SkillScope): Skill | FileFault | null {
  const text = readBelow(root, [SKILLS, folder, FILE], MAX_SKILL_BYTES);
  if (text === null || typeof text !== 'string') return text;
  const markdown = readMarkdown(text);
  if ('reason' in markdown) return markdown;
  const { body, bodyLine } = markdown;
  if (body === '') return { line: bodyLine, reason: (w) => w.files.noInstructions };
  if (body.includes('\0')) return { line: null, reason: (w) => w.files.notText };
  const name = nameSlug(textOf(markdown, 'name') ?? '') || nameSlug(folder);
  if (name === '') return { line: null, reason: (w) => w.files.noName };
  const { heading, paragraph } = openingOf(body);
  const said =
    textOf(markdown, 'description') ?? [heading, paragraph].filter((part) => part !== null).join('. ');
  const description = oneLine(said, MAX_DESCRIPTION) || name;
  return { name, description, instructions: body, scope, folder: `${root}/${SKILLS}/${folder}` };
}
