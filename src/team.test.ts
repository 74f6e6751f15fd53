import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { FIXTURES, REAL_SPECIALISTS, writeAgents } from '../test/support/specialists.ts';
import { MAX_SPECIALIST_BYTES } from './team/specialist.ts';
import {
  askedIn,
  behindAsk,
  MOST_FILES,
  nearTo,
  readTeam,
  type Team,
  type TeamFolders,
  whoIsAsked,
} from './team.ts';
import { ENGLISH } from './words.ts';

let folders: TeamFolders;
let root: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'nanoclaw-team-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  folders = { groupDir: path.join(root, 'family'), globalDir: path.join(root, 'global') };
  for (const dir of Object.values(folders)) mkdirSync(dir);
});

const group = (files: Record<string, string | Uint8Array>) => writeAgents(folders.groupDir, files);
const global = (files: Record<string, string | Uint8Array>) => writeAgents(folders.globalDir, files);
const team = (): Team => readTeam(folders);
const names = () => team().specialists.map(({ name }) => name);
const one = (name: string) => {
  const found = team().specialists.find((each) => each.name === name);
  if (!found) throw new Error(`no ${name} among ${names()}`);
  return found;
};
const said = () =>
  team().notes.map(
    ({ file, line, reason, isBad }) => `${isBad ? 'bad' : 'note'} ${file}:${line} ${reason(ENGLISH)}`,
  );

describe('the files of a team', () => {
  it('of every shape are specialists', () => {
    group(FIXTURES);
    expect(
      team().specialists.map(({ name, description, model, tools }) => ({ name, description, model, tools })),
    ).toEqual([
      {
        name: 'garden-planner',
        description: 'Plans beds, paths and what grows where',
        model: 'opus',
        tools: null,
      },
      {
        name: 'garden-planner-small',
        description: 'For balconies, and nothing else',
        model: null,
        tools: null,
      },
      {
        name: 'kitchen-manual',
        description: 'Kitchen — Operating Manual. Use these skills by default for this role:',
        model: null,
        tools: null,
      },
      {
        name: 'menu-writer',
        description: 'Writes menus: short ones',
        model: 'sonnet',
        tools: ['Read', 'Grep', 'Bash(git log:*, git diff:*)', 'TodoWrite'],
      },
      {
        name: 'plain-taster',
        description: 'Taster. You are the Taster, and you taste everything twice.',
        model: null,
        tools: null,
      },
    ]);
    expect(one('garden-planner').instructions).toBe(
      FIXTURES['garden-planner-large.md']?.split('\n').slice(7).join('\n').trim(),
    );
    expect(said()).toEqual([
      'note garden-planner-small.md:2 the name garden-planner is that of garden-planner-large.md; it is called garden-planner-small, as its file',
    ]);
  });

  it.skipIf(REAL_SPECIALISTS.length === 0)('that lie beside the checkout work as they are', () => {
    group(Object.fromEntries(REAL_SPECIALISTS.map(({ file, text }) => [file, text])));
    expect(names()).toEqual([
      ...['backend-architect', 'backend-architect-sovereign', 'backend-dev-operating-manual'],
      ...['backend-developer', 'backend-specialist'],
    ]);
    for (const { file, text } of REAL_SPECIALISTS) {
      const found = team().specialists.find((each) => each.file === file);
      expect(text.trim().endsWith(found?.instructions ?? '?')).toBe(true);
      expect(found?.instructions.length).toBeGreaterThan(text.length - 1500);
      expect(found?.description.length).toBeGreaterThan(20);
    }
    expect([one('backend-architect').model, one('backend-developer').model]).toEqual(['opus', 'sonnet']);
    expect(one('backend-developer').tools).toContain('Bash');
    expect(said().filter((line) => line.startsWith('bad'))).toEqual([]);
  });

  it('that are bad are named with line and reason, and the others work', () => {
    writeFileSync(path.join(root, 'secret.md'), 'You know a secret.');
    group({
      'a-good.md': 'You are good.',
      'b-yaml.md': '---\nname: b\ndescription: [unclosed\nmodel: opus\n---\nYou are b.',
      'c-colon.md': '---\nname: c\ndescription: one: two\n---\nYou are c.',
      'd-open.md': '---\nname: d\n\nYou are d.',
      'e-latin.md': Buffer.concat([Buffer.from('# E\n\nGr'), Buffer.from([0xfc]), Buffer.from('n\n')]),
      'f-large.md': `# F\n${'x'.repeat(MAX_SPECIALIST_BYTES)}`,
      'g-empty.md': '---\nname: g\n---\n\n  \n',
      'h-list.md': '---\n- name\n---\nYou are h.',
      'i-twice.md': '---\nname: i\nname: j\n---\nYou are i.',
      'j-nul.md': 'You are\0j.',
      '…!.md': 'You are nobody.',
      'notes.txt': 'no Markdown',
      '.hidden.md': 'not looked at',
    });
    symlinkSync(path.join(root, 'secret.md'), path.join(folders.groupDir, 'agents', 'k-link.md'));
    mkdirSync(path.join(folders.groupDir, 'agents', 'l-folder.md'));
    group({ 'm-good.md': 'You are good, too.' });
    expect(names()).toEqual(['a-good', 'm-good']);
    expect(said()).toEqual([
      expect.stringMatching(/^bad b-yaml\.md:4 the front matter is not YAML: \S/),
      expect.stringMatching(/^bad c-colon\.md:3 the front matter is not YAML: \S/),
      'bad d-open.md:1 the front matter that begins here has no end: expected a line --- behind it',
      'bad e-latin.md:3 this is not UTF-8 text; save the file as UTF-8',
      'bad f-large.md:null it is larger than 128 KB',
      'bad g-empty.md:4 there are no instructions behind the front matter',
      expect.stringMatching(/^bad h-list\.md:2 the front matter is no list of fields/),
      expect.stringMatching(/^bad i-twice\.md:3 the front matter is not YAML: .*unique/),
      'bad j-nul.md:null it holds a character that no text has (NUL)',
      'bad k-link.md:null it is a symbolic link, or lies behind one; expected a file of its own',
      'bad l-folder.md:null it is not a plain file',
      expect.stringMatching(/^bad ….*neither its front matter nor its file name/),
    ]);
  });

  it('are not followed out of the folder by a link in its place', () => {
    mkdirSync(path.join(root, 'elsewhere'));
    writeFileSync(path.join(root, 'elsewhere', 'x.md'), 'You are elsewhere.');
    symlinkSync(path.join(root, 'elsewhere'), path.join(folders.groupDir, 'agents'));
    expect(names()).toEqual([]);
    expect(said()).toEqual([expect.stringMatching(/^bad :null it is a symbolic link/)]);
  });

  it('are bounded in number, and no bomb of references is built', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefgh'
        .split('')
        .map((key, index) => `${key}: &${key} [${Array(9).fill(`*${'abcdefg'[index]}`)}]`),
    ];
    group({
      'a.md': `---\nname: a\n${bomb.join('\n')}\n---\nYou are a.`,
      ...Object.fromEntries(
        Array.from({ length: MOST_FILES + 5 }, (_, n) => [`s${1000 + n}.md`, `You are ${n}.`]),
      ),
    });
    expect(names()).toHaveLength(MOST_FILES);
    expect(said()).toEqual([
      'bad s1099.md:null this one and those behind it are left out: 100 files are enough',
    ]);
  });

  it('that are made to keep whoever reads them busy are read at once, each', () => {
    group({
      'a.md': `# A${' '.repeat(12_000)}b\n\nYou are a.`,
      'b.md': `---\ntools: a${','.repeat(8000)}Bash(git log, git show), Read\n---\nYou are b.`,
      'c.md': `---\n${'['.repeat(8000)}\n---\nYou are c.`,
      'd.md': `---\nx: y\na: ${'{a: '.repeat(51)}\n---\nYou are d.`,
      'e.md': `---\nname: e\nx: ${'y'.repeat(8192)}\n---\nYou are e.`,
      'f.md': `---\nx: ${'[]{}'.repeat(60)}\n---\n# Of # many ##\n\nYou are f.`,
      'g.md': '# #\n\nYou are g.',
      'h.md': `---\nx: y\na:\n${'- a\n'.repeat(500)}---\nYou are h.`,
      'i.md': `---\na: ${'&a *a'.repeat(300)}\n---\nYou are i.`,
      'j.md': `---\ntools: [${'a,'.repeat(500)}]\n---\nYou are j.`,
      'k.md': `---\ndescription: ${'words, and more words! (what?) '.repeat(100)}\n---\nYou are k.`,
    });
    expect(one('a').description).toMatch(/^A b\./);
    expect(one('b').tools).toEqual(['a', 'Bash(git log, git show)', 'Read']);
    expect(one('g').description).toBe('You are g.');
    expect(said()).toEqual([
      'bad c.md:2 the front matter is not YAML: nested too deep',
      'bad d.md:3 the front matter is not YAML: nested too deep',
      'bad e.md:1 the front matter is longer than 8192 characters',
      expect.stringMatching(/^bad f\.md:2 the front matter is not YAML: /),
      'bad h.md:403 the front matter is not YAML: more than 400 lines and values',
      'bad i.md:2 the front matter is not YAML: more than 400 lines and values',
      'bad j.md:2 the front matter is not YAML: more than 400 lines and values',
    ]);
  });

  it('have names that are safe: one word, no other folder of the workspace, in every script', () => {
    const named = (name: string) => `---\nname: ${JSON.stringify(name)}\n---\nYou are somebody.`;
    group({
      'a.md': named('../../etc/passwd'),
      'b.md': named('Memory'),
      'c.md': named('Бэкенд Архитектор'),
      'd.md': named('<b>"x"</b>\n</note>'),
      'e.md': named('…'),
      'f.md': '---\nname: 42\n---\nYou are a number.',
      'g.md': named('x'.repeat(300)),
    });
    expect(names().sort()).toEqual(
      [
        'etc-passwd',
        'memory-specialist',
        'бэкенд-архитектор',
        'b-x-b-note',
        'e',
        '42',
        'x'.repeat(64),
      ].sort(),
    );
    expect(said()).toEqual([
      'note b.md:2 memory is the name of something else here; it is called memory-specialist',
    ]);
    expect(whoIsAsked(team(), 'memory what?')?.specialist?.name).toBe('memory-specialist');
  });

  it('say which model thinks; an unknown one is named, and the group’s own thinks', () => {
    const model = (name: string) => `---\nmodel: ${name}\n---\nYou think.`;
    const written = ['Opus', 'haiku', 'inherit', 'claude-opus-4-8', 'gpt-4o', 'sonnet and more', '~'];
    group(Object.fromEntries(written.map((name, index) => [`m${index}.md`, model(name)])));
    expect(team().specialists.map((each) => each.model)).toEqual([
      ...['opus', 'haiku', null, 'claude-opus-4-8'],
      ...[null, null, null],
    ]);
    expect(said()).toEqual([
      expect.stringContaining('note m4.md:2 the model “gpt-4o” is unknown'),
      expect.stringContaining('note m5.md:2 the model “sonnet and more” is unknown'),
    ]);
  });

  it('of the group go before those for all of the same name', () => {
    global({ 'cook.md': 'You cook for all.', 'baker.md': 'You bake for all.' });
    group({ 'chef.md': '---\nname: cook\n---\nYou cook here.' });
    expect(team().specialists.map(({ name, scope, instructions }) => [name, scope, instructions])).toEqual([
      ['baker', 'global', 'You bake for all.'],
      ['cook', 'group', 'You cook here.'],
    ]);
  });

  it('with Windows line ends and a byte order mark read the same', () => {
    group({
      'w.md': '\uFEFF---\r\nname: win\r\ndescription: From Windows\r\n---\r\n\r\n# Hi\r\n\r\nYou are.\r\n',
    });
    expect(one('win')).toMatchObject({ description: 'From Windows', instructions: '# Hi\n\nYou are.' });
  });

  it('that two are called alike by name and file are told apart as far as that goes', () => {
    group({ 'cook.md': 'You cook.', 'a.md': '---\nname: cook\n---\nYou cook first.' });
    expect(names()).toEqual(['cook']);
    expect(said()).toEqual([expect.stringContaining('bad cook.md:null the name cook is that of a.md')]);
  });
});

describe('asking', () => {
  beforeEach(() => group(FIXTURES));

  it.each([
    ['garden-planner which beds?', 'garden-planner', 'which beds?'],
    ['Garden Planner: which beds?', 'garden-planner', 'which beds?'],
    ['garden_planner-large, which beds?', 'garden-planner', 'which beds?'],
    ['garden planner small what\nof this?', 'garden-planner-small', 'what\nof this?'],
    ['MENU WRITER', 'menu-writer', ''],
  ])('%s', (words, name, request) => {
    expect(whoIsAsked(team(), words)).toMatchObject({ specialist: { name }, request });
  });

  it('somebody who is not there names the word, and who is near', () => {
    expect(whoIsAsked(team(), 'garden-plannr: what?')).toMatchObject({
      specialist: null,
      name: 'garden-plannr',
    });
    expect(whoIsAsked(team(), '  ')).toBeNull();
    const near = (name: string) => nearTo(team(), name).map((each) => each.name);
    expect(near('garden-plannr')).toEqual(['garden-planner', 'garden-planner-small']);
    expect(near('menu')).toEqual(['menu-writer']);
    expect(near('writer')).toEqual(['menu-writer']);
    expect(near('astronaut')).toEqual([]);
    expect(near('me')).toEqual([]);
  });

  it.each([
    ['ask plain-taster about soup', 'plain-taster'],
    ['Please ask the plain taster about soup', 'plain-taster'],
    ['frag plain-taster nach Suppe', 'plain-taster'],
    ['/ask@nina_bot plain-taster about soup', 'plain-taster'],
    ['[document: "soup.txt"] ask plain-taster about this', 'plain-taster'],
    ['ask me something about plain-taster', undefined],
    ['do not ask plain-taster', undefined],
    ['asking plain-taster', undefined],
  ])('a request: %s', (request, name) => {
    expect(askedIn(team, request)?.name).toBe(name);
  });

  it('reads no file for what asks nobody', () => {
    const never = () => {
      throw new Error('read');
    };
    expect(askedIn(never, 'what is this?')).toBeNull();
    expect(behindAsk('/ask')).toBe('');
  });
});
