/** /skills: what the agent of this group knows how to do, and the files that it cannot use. */
import path from 'node:path';
import { oneLine } from '../lib/front-matter.ts';
import { projectRoot } from '../lib/project-root.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { readSkills, SKILLS, type Skill, type SkillNote } from '../skills.ts';
import type { ChatCommandContext, Handler } from './chat-commands.ts';

const LISTED = 50;
const MAX_LISTED_DESCRIPTION = 200;

export const SKILL_COMMANDS = {
  skills: { listed: 'everyone', run: skills },
} as const satisfies Record<string, Handler>;

function skills({ db, group, registry, words }: ChatCommandContext, args: string): string {
  const other = args !== '' && group.isMain ? db.groups.byFolder(args) : null;
  const { groupDir, globalDir } = groupPaths(registry.home, (other ?? group).folder);
  const found = readSkills({ groupDir, globalDir, shippedDir: path.join(projectRoot(), 'container') });
  const w = words.skills;
  const line = ({ name, description, scope }: Skill) =>
    `${name} – ${oneLine(description, MAX_LISTED_DESCRIPTION)} (${w.from[scope]})`;
  const fault = ({ scope, folder, line: at, reason }: SkillNote) => {
    const where = [
      ...(scope === 'global' ? ['global'] : []),
      SKILLS,
      ...(folder === '' ? [] : [oneLine(folder, 100)]),
    ];
    return words.team.refusedFile(where.join('/'), at, reason(words));
  };
  return [
    ...(found.skills.length === 0 ? [w.none] : [w.title, ...found.skills.slice(0, LISTED).map(line)]),
    ...(found.skills.length > LISTED ? [words.andMore(found.skills.length - LISTED)] : []),
    ...(found.notes.length === 0 ? [] : [words.team.bad, ...found.notes.slice(0, LISTED).map(fault)]),
    ...(group.isMain ? [w.howToAdd] : []),
  ].join('\n');
}
