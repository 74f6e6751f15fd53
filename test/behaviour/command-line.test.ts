/**
 * Every command, found by walking the command line itself, so that a new one cannot be forgotten: its help, its exit codes,
 * `--json` that parses whatever happens, and never a stack, in homes that are missing, damaged, locked or of another version.
 */
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProgram, withDescendants } from '../../src/commands/all.ts';
import { MIGRATIONS } from '../../src/db/migrations.ts';
import { databaseFile, openDatabase } from '../../src/db/open.ts';
import { createDb, type Db } from '../../src/db.ts';
import { ERROR_CODES, type ErrorCode } from '../../src/errors.ts';
import { type CliResult, runCli, startCli } from '../support/cli.ts';
import { TestHome } from '../support/daemon.ts';

/** What each command is given where it asks for something. A command that needs arguments and has none here fails below. */
const ARGUMENTS: Record<string, readonly string[]> = {
  'groups add': ['--chat', '-77', '--name', 'Seven', '--folder', 'seven'],
  'groups remove': ['family'],
  'groups set': ['family', '--name', 'Family'],
  'tasks runs': ['nosuchtask'],
  'tasks add': ['water the plants', '--group', 'family', '--schedule', '0 9 * * *'],
  'tasks pause': ['nosuchtask'],
  'tasks resume': ['nosuchtask'],
  'tasks cancel': ['nosuchtask'],
  'tasks run': ['nosuchtask'],
  'tasks preview': ['0 9 * * 1-5'],
  'turns retry': ['nosuchturn'],
  messages: ['family'],
  why: ['family', '1'],
  chat: ['hello'],
  'backup check': ['no-such-file.tar.gz'],
  restore: ['no-such-file.tar.gz'],
  export: ['family'],
  'service install': ['--print'],
  forget: ['family', '--person', '1'],
  'allowance set': ['person:1', '1usd/day'],
  'allowance remove': ['person:1'],
  'allowance topup': ['1'],
  'mcp approve': ['family', 'nosuchserver', '0123456789abcdef'],
  'mcp refuse': ['family', 'nosuchserver', '0123456789abcdef'],
  'mcp remove': ['family', 'nosuchserver'],
};

/** Left out where commands are run, because they act outside the home. Their help and usage are tested all the same. */
const REACH_OUT: Record<string, string> = {
  start: 'the daemon',
  setup: 'asks questions, and reaches Telegram',
  image: 'builds an image',
  doctor: 'asks the engine and Telegram; doctor.test.ts',
  'service uninstall': 'the machine’s service manager',
  'service start': 'the machine’s service manager',
  'service stop': 'the machine’s service manager',
  'service restart': 'the machine’s service manager',
  'service status': 'the machine’s service manager',
};

const STACK = /\n\s+at |node:internal|Error:/;

const program = await createProgram([]);
const leaves = withDescendants(program)
  .filter((command) => command !== program && runs(command))
  .map((command) => ({ name: nameOf(command), command }));
const runnable = leaves.filter(({ name }) => !Object.hasOwn(REACH_OUT, name));

/** A command that is more than the parent of others. */
function runs(command: Command): boolean {
  return (
    command.commands.length === 0 ||
    (command as unknown as { _actionHandler: unknown })._actionHandler !== null
  );
}
function nameOf(command: Command): string {
  return command.parent?.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}
const words = (name: string) => [...name.split(' '), ...(ARGUMENTS[name] ?? [])];

let home: TestHome;
beforeAll(() => {
  home = new TestHome({ CONTAINER_RUNTIME: 'process' });
  home.registerAll([{ chatJid: '-42', name: 'Family', folder: 'family' }]);
});
afterAll(() => home.dispose());

function expectError(stdout: string): { code: string; message: string; fix: string | null } {
  const value = JSON.parse(stdout) as { error: { code: string; message: string; fix: string | null } };
  expect(Object.keys(value)).toEqual(['error']);
  expect(Object.keys(value.error)).toEqual(['code', 'message', 'fix']);
  expect(Object.keys(ERROR_CODES)).toContain(value.error.code);
  expect(value.error.message).not.toBe('');
  return value.error;
}

it('the walk finds them all, and each that needs arguments has some here', () => {
  expect(leaves.map(({ name }) => name)).toContain('groups list');
  expect(leaves.length).toBeGreaterThan(30);
  const needing = leaves.filter(
    ({ command }) =>
      command.registeredArguments.some((argument) => argument.required) ||
      command.options.some((option) => option.mandatory),
  );
  expect(needing.filter(({ name }) => ARGUMENTS[name] === undefined).map(({ name }) => name)).toEqual([]);
});

describe('help', () => {
  it.each(
    withDescendants(program).map((command) => ({
      name: command === program ? '' : nameOf(command),
      command,
    })),
  )(
    'nanoclaw $name --help says what it is, and what each argument and option is',
    async ({ name, command }) => {
      expect(command.description()).not.toBe('');
      expect(command.options.filter((option) => option.description === '').map(({ flags }) => flags)).toEqual(
        [],
      );
      const bare = command.registeredArguments.filter((argument) => argument.description === '');
      expect(bare.map((argument) => argument.name())).toEqual([]);
      const { code, stdout, stderr } = await runCli(home, {}, ...name.split(' ').filter(Boolean), '--help');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(new RegExp(`^Usage: nanoclaw ${name}`));
      for (const option of command.options) expect(stdout).toContain(option.flags);
    },
  );

  it('--version is one line, and fast to find', async () => {
    const { code, stdout } = await runCli(home, {}, '--version');
    expect(code).toBe(0);
    expect(stdout).toMatch(/\d+\.\d+\.\d+/);
  });
});

describe('wrong usage is exit code 2, with one sentence and where to read on', () => {
  it.each(leaves)('nanoclaw $name --no-such-option', async ({ name }) => {
    const [people, scripts] = await Promise.all([
      runCli(home, {}, ...words(name), '--no-such-option'),
      runCli(home, {}, ...words(name), '--no-such-option', '--json'),
    ]);
    expect(people).toMatchObject({ code: 2, stdout: '' });
    expect(people.stderr).toMatch(/unknown option '--no-such-option'/);
    expect(people.stderr).toContain(`→ nanoclaw ${name} --help`);
    expect(people.stderr).not.toMatch(STACK);
    expect({ code: scripts.code, stderr: scripts.stderr }).toEqual({ code: 2, stderr: '' });
    expect(expectError(scripts.stdout)).toMatchObject({ code: 'COMMAND_INVALID' });
  });

  it.each(leaves.filter(({ name }) => ARGUMENTS[name] !== undefined && name !== 'service install'))(
    'nanoclaw $name without what it needs',
    async ({ name }) => {
      const { code, stdout, stderr } = await runCli(home, {}, ...name.split(' '));
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/missing|required|→/);
    },
  );

  it.each([[['paint']], [['groups']], [['groups', 'paint']], [[]], [['messages', 'family', 'too', 'many']]])(
    'nanoclaw %j',
    async (args: string[]) => {
      const { code, stdout, stderr } = await runCli(home, {}, ...args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).not.toMatch(STACK);
      expectError((await runCli(home, {}, ...args, '--json')).stdout);
    },
  );

  it('wrong settings are, too', async () => {
    const wrong = { TZ: 'Mars/Olympus', HTTP_PORT: '-1' };
    const { code, stdout, stderr } = await runCli(home, wrong, 'groups', 'list', '--json');
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(expectError(stdout)).toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

/** How to make such a home (returning how to undo what outlives it), and what a command that reads or changes says to it. */
const HOMES: Record<
  string,
  { make: (at: TestHome) => unknown; reads: ErrorCode; changes: ErrorCode | null; keeps?: boolean }
> = {
  'that is missing': {
    make: (at) => rmSync(at.dir, { recursive: true }),
    reads: 'DATABASE_MISSING',
    changes: null,
  },
  'that is empty': {
    make: (at) => rmSync(at.file('data'), { recursive: true }),
    reads: 'DATABASE_MISSING',
    changes: null,
  },
  'that is a file': {
    make(at) {
      rmSync(at.dir, { recursive: true });
      writeFileSync(at.dir, '');
    },
    reads: 'CONFIG_INVALID',
    changes: 'CONFIG_INVALID',
  },
  'whose database is no database': {
    make: (at) => writeFileSync(databaseFile(at.dir), 'hello '.repeat(1000)),
    reads: 'DATABASE_CORRUPT',
    changes: 'DATABASE_CORRUPT',
    keeps: true,
  },
  'whose database is damaged inside': {
    make(at) {
      at.registerAll([{ chatJid: '-42', name: 'Family', folder: 'family' }]);
      const bytes = readFileSync(databaseFile(at.dir));
      bytes.fill(0xa5, 4096);
      writeFileSync(databaseFile(at.dir), bytes);
    },
    reads: 'DATABASE_CORRUPT',
    changes: 'DATABASE_CORRUPT',
  },
  'whose database is a folder': {
    make: (at) => mkdirSync(databaseFile(at.dir)),
    reads: 'HOME_UNWRITABLE',
    changes: 'HOME_UNWRITABLE',
  },
  'whose database is empty': {
    make: (at) => writeFileSync(databaseFile(at.dir), ''),
    reads: 'DATABASE_MISSING',
    changes: null,
  },
  'of a newer version': {
    make(at) {
      createDb(databaseFile(at.dir)).close();
      at.write("INSERT INTO migrations VALUES (999, 'from the future', '2026-01-01T00:00:00Z')");
    },
    reads: 'SCHEMA_NEWER',
    changes: 'SCHEMA_NEWER',
    keeps: true,
  },
  'of an older version': {
    make: (at) => openDatabase(databaseFile(at.dir), MIGRATIONS.slice(0, -1)).close(),
    reads: 'SCHEMA_OLDER',
    changes: null,
  },
  'whose database another process holds': {
    make(at) {
      createDb(databaseFile(at.dir)).close();
      const holder = new Database(databaseFile(at.dir));
      holder.pragma('locking_mode = EXCLUSIVE');
      holder.exec('BEGIN EXCLUSIVE');
      return () => holder.close();
    },
    reads: 'DATABASE_BUSY',
    changes: 'DATABASE_BUSY',
  },
};

describe.each(Object.entries(HOMES))('in a home %s', (_, { make, reads, changes, keeps }) => {
  it('every command says so: JSON that parses or one sentence, the right exit code, no stack', async () => {
    const bad = new TestHome({ CONTAINER_RUNTIME: 'process' });
    const undo = make(bad);
    try {
      const before = keeps ? readFileSync(databaseFile(bad.dir)) : null;
      const messages = await runCli(bad, {}, 'messages', 'family', '--json');
      expect(expectError(messages.stdout).code).toBe(reads);
      const pending = [...runnable];
      const results: { name: string; people: CliResult; scripts: CliResult }[] = [];
      const next = async (): Promise<void> => {
        for (let each = pending.shift(); each; each = pending.shift()) {
          const { name } = each;
          const people = await runCli(bad, {}, ...words(name));
          const scripts = await runCli(bad, {}, ...words(name), '--json');
          results.push({ name, people, scripts });
        }
      };
      // Those that wait for a lock need no processor meanwhile.
      await Promise.all(Array.from({ length: reads === 'DATABASE_BUSY' ? 30 : 4 }, next));
      expect(results).toHaveLength(runnable.length);
      for (const { name, people, scripts } of results) {
        const said = people.stdout + people.stderr;
        expect({ name, said }).not.toEqual({ name, said: expect.stringMatching(STACK) });
        for (const { code } of [people, scripts])
          expect({ name, code }).toEqual({
            name,
            code: expect.toBeOneOf(reads === 'CONFIG_INVALID' ? [0, 1, 2] : [0, 1]),
          });
        expect({ name, stderr: scripts.stderr }).toEqual({
          name,
          stderr: expect.stringMatching(/^(The database was upgraded .*\n)?$/),
        });
        if (name === 'logs' && scripts.code === 0) continue; // lines
        const value = JSON.parse(scripts.stdout) as { error?: unknown };
        if (scripts.code !== 0 && value.error !== undefined) expectError(scripts.stdout);
        // The first of its two runs may have made the home.
        if (name === 'tasks pause' && changes !== null)
          expect(expectError(scripts.stdout).code).toBe(changes);
      }
      if (before) expect(readFileSync(databaseFile(bad.dir)).equals(before)).toBe(true);
    } finally {
      if (typeof undo === 'function') undo();
      await bad.dispose();
    }
  });
});

describe('what reads along may stop', () => {
  const addMessage = (db: Db, id: number) =>
    db.sqlite
      .prepare(
        `INSERT INTO messages (chat_jid, message_id, sender, sender_name, content, timestamp, received_at, disposition)
         VALUES ('-42', ?, '1', 'Anna', ?, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', 'not_for_nina')`,
      )
      .run(id, `message ${id} ${'x'.repeat(200)}`);
  beforeAll(() => {
    const db = createDb(databaseFile(home.dir));
    db.transaction(() => {
      for (let id = 1; id <= 9000; id += 1) addMessage(db, id);
      db.sqlite.exec(
        `INSERT INTO turns (id, chat_jid, group_folder, kind, state, attempt, chain, queued_at)
         VALUES ('t', '-42', 'family', 'messages', 'done', 1, 't', '2026-01-01T00:00:00.000Z')`,
      );
    });
    db.close();
    writeFileSync(
      home.file('nanoclaw.log'),
      `${JSON.stringify({ level: 'info', event: 'x', msg: 'y'.repeat(300) })}\n`.repeat(9000),
    );
  });

  it.each([
    [['messages', 'family', '--limit', '10000']],
    [['messages', 'family', '--limit', '10000', '--json']],
    [['messages', 'family', '--limit', '10000', '--follow']],
    [['logs', '--lines', '10000']],
    [['logs', '--lines', '10000', '--follow', '--json']],
  ])('nanoclaw %j | head -c 1', async (args: string[]) => {
    const child = startCli(home, {}, ...args);
    let stderr = '';
    child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
    child.stdout.once('data', () => child.stdout.destroy());
    if (args.includes('--follow')) {
      await once(child.stdout, 'close');
      // It notices when it has something to say.
      const db = createDb(databaseFile(home.dir));
      addMessage(db, 10_000 + Math.floor(performance.now()));
      db.close();
      const line = `${JSON.stringify({ level: 'info', event: 'more', msg: 'z' })}\n`;
      writeFileSync(home.file('nanoclaw.log'), line.repeat(100), { flag: 'a' });
    }
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  });

  const followers = leaves.filter(({ command }) => command.options.some(({ long }) => long === '--follow'));
  it.each(followers)('Ctrl-C ends nanoclaw $name --follow as it ends any program', async ({ name }) => {
    const child = startCli(home, {}, ...words(name), '--follow');
    let output = '';
    child.stderr.on('data', (text: Buffer) => (output += text.toString()));
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect({ code, signal, output }).toEqual({ code: null, signal: 'SIGINT', output: '' });
  });
});

it('colours nothing and measures no terminal when there is none', async () => {
  const all = await Promise.all(
    ['groups list', 'tasks list', 'turns', 'audit', 'backup list'].map((name) =>
      runCli(home, { FORCE_COLOR: '1' }, ...name.split(' ')),
    ),
  );
  for (const { stdout } of all) expect(stdout).not.toContain('\u001b');
});
