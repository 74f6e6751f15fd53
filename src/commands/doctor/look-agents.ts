/** Files that specialists and skills of the groups are made of: which cannot be used, where and why. */
import path from 'node:path';
import { oneLine } from '../../lib/one-line.ts';
import { projectRoot } from '../../lib/project-root.ts';
import { groupPaths } from '../../mailbox/layout.ts';
import { readSkills, SKILLS } from '../../skills.ts';
import { AGENTS, readAgents } from '../../team.ts';
import type { Sentence } from '../../words.ts';
import { ENGLISH } from '../../words.ts';
import { type Check, some } from './check.ts';
import { ok, warn } from './finding.ts';
import { type Ground, groupsOf } from './ground.ts';

/** `global` and the groups that are registered. */
const placesOf = (ground: Ground): { folder: string; dir: string }[] => {
  const { globalDir } = groupPaths(ground.home, 'global');
  const groups = groupsOf(ground).map(({ folder }) => ({
    folder,
    dir: groupPaths(ground.home, folder).groupDir,
  }));
  return [{ folder: 'global', dir: globalDir }, ...groups];
};

const said = (file: string, line: number | null, reason: Sentence): string =>
  ENGLISH.team.refusedFile(oneLine(file, 160), line, reason(ENGLISH));

const specialists: Check = {
  id: 'specialists',
  async look(ground) {
    const bad: string[] = [];
    let count = 0;
    for (const { folder, dir } of placesOf(ground)) {
      const team = readAgents(dir, folder === 'global' ? 'global' : 'group');
      count += team.specialists.length;
      for (const { file, line, reason, isBad } of team.notes)
        if (isBad) bad.push(said(path.join(folder, AGENTS, file), line, reason));
    }
    if (bad.length === 0) return ok('specialists', `${count} specialists can be asked.`);
    return warn(
      'specialists',
      `${count} specialists can be asked; cannot be used: ${some(bad, MOST_NAMED)}.`,
      'Mend the files, or lay them aside: /team remove NAME FOLDER in main.',
    );
  },
};

const skills: Check = {
  id: 'skills',
  async look(ground) {
    const shippedDir = path.join(projectRoot(), 'container');
    const none = path.join(shippedDir, 'no-group');
    const bad: string[] = [];
    let count = 0;
    const look = (folders: Parameters<typeof readSkills>[0], named: (folder: string) => string) => {
      const found = readSkills(folders);
      count += found.skills.length;
      for (const { folder, line, reason } of found.notes) bad.push(said(named(folder), line, reason));
    };
    look({ groupDir: none, globalDir: none, shippedDir }, (folder) => path.join('(shipped)', SKILLS, folder));
    for (const { folder, dir } of placesOf(ground))
      look({ groupDir: dir, globalDir: none, shippedDir: none }, (skill) =>
        path.join(folder, SKILLS, skill, skill === '' ? '' : 'SKILL.md'),
      );
    if (bad.length === 0) return ok('skills', `${count} skills can be used.`);
    return warn(
      'skills',
      `${count} skills can be used; cannot be: ${some(bad, MOST_NAMED)}.`,
      'Mend the files; docs/agents.md describes them.',
    );
  },
};

const MOST_NAMED = 20;

export const AGENTS_CHECKS: readonly Check[] = [specialists, skills];
