/**
 * docs/cli.md says what is so: a section for each command of the command line and no other, with its arguments, exactly its
 * options, and the shape of its --json, which is held against what the command really prints, on a home with data.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProgram, withDescendants } from '../../src/commands/all.ts';
import { fingerprintOf } from '../../src/mcp/definition.ts';
import { runCli, startCli } from '../support/cli.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';
import { misfits } from '../support/shape.ts';

const MANUAL = readFileSync(path.resolve(import.meta.dirname, '../../docs/cli.md'), 'utf8');

interface Section {
  usage: string;
  options: string[];
  /** By the options that bring it, as they stand behind ```json. */
  shapes: Map<string, unknown>;
}

const sections = new Map<string, Section>();
for (const part of MANUAL.split(/^### nanoclaw /m).slice(1)) {
  const usage = part.slice(0, part.indexOf('\n')).trim();
  const name = usage.split(/ [<[]/)[0] ?? '';
  const body = part.split(/^## /m)[0] ?? '';
  const options = [...body.matchAll(/^\| `(-[^`]+)` \|/gm)].map(([, flags]) => flags ?? '');
  const blocks = [...body.matchAll(/^```json *([^\n]*)\n([\s\S]*?)^```/gm)];
  const shapes = new Map(
    blocks.map(([, args = '', text = '']) => [args.trim(), JSON.parse(text) as unknown]),
  );
  sections.set(name, { usage, options, shapes });
}

const program = await createProgram([]);
const leaves = withDescendants(program)
  .filter((each) => each !== program && (each.commands.length === 0 || hasAction(each)))
  .map((command) => ({ name: nameOf(command), command }));

function hasAction(command: Command): boolean {
  return (command as unknown as { _actionHandler: unknown })._actionHandler !== null;
}
function nameOf(command: Command): string {
  return command.parent?.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}

it('there is a section for each command, and no other', () => {
  expect([...sections.keys()]).toEqual(leaves.map(({ name }) => name));
});

describe.each(leaves)('nanoclaw $name', ({ name, command }) => {
  const section = sections.get(name);

  it('has exactly these arguments and options', () => {
    const args = command.registeredArguments.map((argument) => {
      const text = `${argument.name()}${argument.variadic ? '…' : ''}`;
      return argument.required ? `<${text}>` : `[${text}]`;
    });
    expect(section?.usage).toBe([name, ...args].join(' '));
    const options = command.options.filter(({ long }) => long !== '--json').map(({ flags }) => flags);
    expect(section?.options).toEqual(options);
  });

  it('tells the shape of its --json, if it has one', () => {
    const has = command.options.some(({ long }) => long === '--json');
    expect({ has, told: (section?.shapes.size ?? 0) > 0 }).toEqual({ has, told: has });
  });
});

let api: BotApi;
let home: TestHome;
let stopped: TestHome;
/** The task with a run, and one to change. */
let tasks: string[];
let backup: string;
let chat: number;

beforeAll(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  stopped = new TestHome({ CONTAINER_RUNTIME: 'process' });
  chat = api.group('Family');
  home.registerAll([{ chatJid: String(chat), name: 'Family', folder: 'family', timezone: 'Europe/Berlin' }]);
  stopped.registerAll([
    { chatJid: '-42', name: 'Family', folder: 'family', network: 'allowlist', networkAllow: ['a.example'] },
  ]);
  const at = new Date().toISOString();
  stopped.write(
    `INSERT INTO problems (kind, subject, detail, opened_at) VALUES ('engine', '', 'it is away', '${at}')`,
  );
  await home.start();
  await api.ask(chat, '@Nina ping');
  api.sim.say({ chat, from: 'anna', text: 'not for her' });
  api.sim.say({ chat: api.group('Strangers'), from: 'anna', text: 'hello' });
  tasks = [];
  for (const what of ['say water', 'say plants']) {
    const { stdout } = await runCli(
      home,
      {},
      'tasks',
      'add',
      what,
      '--group',
      'family',
      '--schedule',
      '0 9 * * *',
      '--json',
    );
    tasks.push((JSON.parse(stdout) as { id: string }).id);
  }
  await runCli(home, {}, 'tasks', 'run', tasks[0] ?? '');
  await home.until(
    () => home.row("SELECT 1 FROM task_runs WHERE state = 'finished' AND delivered = 1"),
    'the run',
  );
  await home.until(() => home.row("SELECT 1 FROM chats WHERE name = 'Strangers'"), 'the other chat');
  writeFileSync(home.file('groups/family/mcp.json'), MCP_FILE);
  backup = home.file('mine.tar.gz');
  expect((await runCli(home, {}, 'backup', '--to', backup)).code).toBe(0);
});
afterAll(async () => {
  await home.dispose();
  await stopped.dispose();
  await api.close();
});

type Case = [
  name: string,
  args: () => string[],
  options?: { of?: string; home?: () => TestHome; code?: number; lines?: boolean },
];

/** A server that can be used, and one that cannot. */
const WEATHER = { command: 'weather', args: ['--metric'], env: {} };
const MCP_FILE = JSON.stringify({
  mcpServers: { weather: WEATHER, bad: { type: 'sse', url: 'https://a.example' } },
});
const fingerprint = () => fingerprintOf({ name: 'weather', type: 'stdio', ...WEATHER });

/** In this order: later ones change what earlier ones list. `of`: which block of the section. */
const CASES: Case[] = [
  ['status', () => []],
  ['status', () => [], { of: 'stopped', home: () => stopped, code: 1 }],
  ['groups list', () => []],
  ['groups list', () => [], { home: () => stopped }],
  ['groups list', () => ['--available'], { of: '--available' }],
  ['groups add', () => ['--chat', '-77', '--name', 'Seven', '--folder', 'seven']],
  ['groups set', () => ['seven', '--name', 'The seven']],
  ['groups remove', () => ['seven']],
  ['tasks list', () => ['--all']],
  ['tasks runs', () => [tasks[0] ?? '']],
  ['tasks add', () => ['say tea', '--group', 'family', '--schedule', '2h']],
  ['tasks pause', () => [tasks[1] ?? '']],
  ['tasks resume', () => [tasks[1] ?? '']],
  ['tasks run', () => [tasks[1] ?? '']],
  ['tasks cancel', () => [tasks[1] ?? '']],
  ['tasks preview', () => ['30 2 * * *', '--tz', 'Europe/Berlin', '--from', '2027-03-27T12:00:00Z']],
  ['pair', () => [], { home: () => stopped }],
  ['audit', () => []],
  ['messages', () => ['family']],
  ['messages', () => ['family', '--search', 'ping'], { of: '--search' }],
  ['forget', () => ['family']],
  ['turns', () => []],
  ['allowance set', () => ['family', '1usd/day']],
  ['allowance list', () => []],
  ['usage', () => ['--by', 'person']],
  ['allowance topup', () => ['1', '0.5']],
  ['allowance remove', () => ['family']],
  ['mcp list', () => []],
  ['mcp approve', () => ['family', 'weather', fingerprint()]],
  ['mcp remove', () => ['family', 'weather']],
  ['mcp refuse', () => ['family', 'weather', fingerprint()]],
  ['logs', () => [], { lines: true }],
  [
    'why',
    () => [
      'family',
      String(
        home.row<{ message_id: number }>("SELECT message_id FROM messages WHERE disposition = 'answered'")
          ?.message_id,
      ),
    ],
  ],
  ['why', () => ['family', '999999'], { of: 'unknown', code: 1 }],
  ['chat', () => ['hello'], { of: 'error', code: 1 }],
  ['service install', () => ['--print'], { of: '--print' }],
  ['backup', () => []],
  ['backup list', () => []],
  ['backup check', () => [backup]],
  ['export', () => ['family']],
  ['restore', () => ['--replace', backup], { home: () => stopped }],
];

it.each(CASES)(
  'nanoclaw %s prints what the manual says',
  async (name, args, { of = '', home: where = () => home, code = 0, lines } = {}) => {
    const {
      code: ended,
      stdout,
      stderr,
    } = await runCli(where(), {}, ...name.split(' '), ...args(), '--json');
    expect({ ended, stderr }).toEqual({ ended: code, stderr: '' });
    const shape = sections.get(name)?.shapes.get(of) ?? (of === 'error' ? ERROR : undefined);
    expect(shape).toBeDefined();
    const values = lines
      ? stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
      : [JSON.parse(stdout)];
    expect(values.length).toBeGreaterThan(0);
    for (const value of values) {
      expect(misfits(shape as never, value)).toEqual([]);
      // An empty list would say nothing about what is in it.
      if (Array.isArray(value)) expect(value.length).toBeGreaterThan(0);
    }
  },
);

const ERROR = { error: { code: 'string', message: 'string', fix: 'string|null' } };

/** Not run here, because they act outside the home or need a turn that failed: their own tests hold their shapes. */
const ELSEWHERE = [
  'setup',
  'doctor',
  'image',
  'service uninstall',
  'service start',
  'service stop',
  'service restart',
  'service status',
  'start',
  'turns retry',
];

it('every command is run here, or named as one that cannot be', () => {
  const run = new Set([...CASES.map(([name]) => name), ...ELSEWHERE]);
  expect(leaves.map(({ name }) => name).filter((name) => !run.has(name))).toEqual([]);
});

it.each(['messages', 'turns', 'audit'])(
  'nanoclaw %s --follow prints the same, one line each',
  async (name) => {
    const child = startCli(home, {}, name, ...(name === 'messages' ? ['family'] : []), '--follow', '--json');
    const [first] = (await new Promise<Buffer>((resolve) => child.stdout.once('data', resolve)))
      .toString()
      .split('\n');
    const shape = (sections.get(name)?.shapes.get('') as unknown[] | undefined)?.[0];
    expect(misfits(shape as never, JSON.parse(first ?? ''))).toEqual([]);
  },
);
