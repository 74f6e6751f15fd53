import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { readSkills, type SkillFolders } from './skills.ts';
import { ENGLISH } from './words.ts';

const SHIPPED = path.resolve(import.meta.dirname, '../container');
let root: string;
let folders: SkillFolders;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'nanoclaw-skills-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const [groupDir, globalDir, shippedDir] = ['group', 'global', 'shipped'].map((name) =>
    path.join(root, name),
  ) as [string, string, string];
  folders = { groupDir, globalDir, shippedDir };
});
const skill = (dir: string, name: string, text: string | Buffer) => {
  mkdirSync(path.join(dir, 'skills', name), { recursive: true });
  writeFileSync(path.join(dir, 'skills', name, 'SKILL.md'), text);
};

it('are read from three places; the group’s go before the global ones, and those before the shipped ones', () => {
  for (const [scope, dir] of [
    ['shipped', folders.shippedDir],
    ['global', folders.globalDir],
    ['group', folders.groupDir],
  ] as const) {
    skill(
      dir,
      'baking',
      `---\nname: baking\ndescription: How to bake, ${scope}\nallowed-tools: Bash\n---\n\nBake ${scope}.`,
    );
    if (scope !== 'group') skill(dir, 'Making Tea', `# Tea\n\nHow ${scope} makes tea.\n`);
  }
  mkdirSync(path.join(folders.groupDir, 'skills', 'empty'));
  expect(readSkills(folders)).toEqual({
    skills: [
      {
        name: 'baking',
        description: 'How to bake, group',
        instructions: 'Bake group.',
        scope: 'group',
        folder: `${folders.groupDir}/skills/baking`,
      },
      {
        name: 'making-tea',
        description: 'Tea. How global makes tea.',
        instructions: '# Tea\n\nHow global makes tea.',
        scope: 'global',
        folder: `${folders.globalDir}/skills/Making Tea`,
      },
    ],
    notes: [],
  });
});

it('that are bad are named, with line and reason, and no link is followed', () => {
  skill(folders.groupDir, 'a-good', 'Do it well.');
  skill(folders.groupDir, 'b-yaml', '---\nname: [\n---\nDo it.');
  skill(folders.groupDir, 'c-empty', '---\nname: c\n---\n');
  skill(folders.groupDir, 'd-latin', Buffer.from([0xfc]));
  skill(root, 'elsewhere', 'a secret');
  symlinkSync(path.join(root, 'skills/elsewhere'), path.join(folders.groupDir, 'skills', 'e-link'));
  mkdirSync(path.join(folders.groupDir, 'skills', 'f-link'));
  symlinkSync(
    path.join(root, 'skills/elsewhere/SKILL.md'),
    path.join(folders.groupDir, 'skills', 'f-link', 'SKILL.md'),
  );
  mkdirSync(folders.globalDir);
  symlinkSync(path.join(root, 'skills'), path.join(folders.globalDir, 'skills'));
  const { skills, notes } = readSkills(folders);
  expect(skills.map(({ name }) => name)).toEqual(['a-good']);
  expect(
    notes.map(({ scope, folder, line, reason }) => `${scope} ${folder}:${line} ${reason(ENGLISH)}`),
  ).toEqual([
    expect.stringMatching(/^group b-yaml:2 the front matter is not YAML/),
    expect.stringMatching(/^group c-empty:4 there are no instructions/),
    expect.stringMatching(/^group d-latin:1 this is not UTF-8/),
    expect.stringMatching(/^group e-link:null it is a symbolic link/),
    expect.stringMatching(/^group f-link:null it is a symbolic link/),
    expect.stringMatching(/^global :null it is a symbolic link/),
  ]);
});

it('that are shipped are well formed, short, and called as their folders', () => {
  const { skills, notes } = readSkills({ ...folders, shippedDir: SHIPPED });
  expect(notes).toEqual([]);
  expect(skills.map(({ name }) => name)).toEqual(readdirSync(path.join(SHIPPED, 'skills')).sort());
  expect(skills.length).toBeGreaterThanOrEqual(3);
  for (const { name, description, instructions, folder } of skills) {
    expect(folder.endsWith(`/${name}`)).toBe(true);
    expect(description.length).toBeLessThan(300);
    expect(instructions.length).toBeLessThan(5000);
    expect(readFileSync(path.join(folder, 'SKILL.md'), 'utf8')).toMatch(
      /^---\nname: .+\ndescription: .+\n---\n\n# /,
    );
  }
});
