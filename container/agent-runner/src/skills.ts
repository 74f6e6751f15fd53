/**
 * The skills of a group for Claude: laid anew for each process into a plugin of our own making, which holds names, descriptions and
 * instructions and nothing else of what lies in the group's folder: no hooks, servers, commands or rights come with a skill.
 */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Skill } from '../../../src/skills.ts';

/** Skills are called `nina:<name>`. */
const PLUGIN = 'nina';
const MAX_LISTED = 400;

/** Where the image has its own: beside this program. */
export const shippedDir = (): string => dirname(process.argv[1] ?? '/app/agent-runner.js');

export const skillName = ({ name }: Pick<Skill, 'name'>): string => `${PLUGIN}:${name}`;

/** Makes the plugin and gives its folder; null where there are no skills. Throws what the file system throws. */
export function layPlugin(skills: readonly Skill[]): string | null {
  if (skills.length === 0) return null;
  const root = fs.mkdtempSync(join(tmpdir(), 'nanoclaw-skills-'));
  fs.mkdirSync(join(root, '.claude-plugin'));
  const about = { name: PLUGIN, version: '1.0.0', description: 'What is known here about how to do things' };
  fs.writeFileSync(join(root, '.claude-plugin/plugin.json'), JSON.stringify(about));
  for (const skill of skills) {
    const dir = join(root, 'skills', skill.name);
    fs.mkdirSync(dir, { recursive: true });
    fs.writeFileSync(join(dir, 'SKILL.md'), textOf(skill));
  }
  return root;
}

/** JSON is YAML: whatever a description holds, it is one text. */
const textOf = ({ name, description, instructions, folder }: Skill): string =>
  `---\nname: ${JSON.stringify(name)}\ndescription: ${JSON.stringify(description)}\n---\n\n${instructions}\n\n(The files that belong to this skill, if there are any, lie in ${folder}/.)\n`;

/** What the model is told of them; nothing where there are none. `byTool`: it has the tool Skill. */
export function aboutSkills(skills: readonly Skill[], byTool: boolean): string[] {
  if (skills.length === 0) return [];
  const how = byTool
    ? 'What is known about how to do things; load one with the tool Skill before you do such work:'
    : 'What is known about how to do things; read the file before you do such work:';
  return [
    '',
    how,
    ...skills.map(
      (skill) => `- ${byTool ? skillName(skill) : `${skill.folder}/SKILL.md`}: ${short(skill.description)}`,
    ),
  ];
}

function short(text: string): string {
  const characters = [...text];
  return characters.length <= MAX_LISTED ? text : `${characters.slice(0, MAX_LISTED).join('')}…`;
}
